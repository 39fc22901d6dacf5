// The marker of the prior implementation, `<box>/.snapshot_pending`:
//
//   {"snapshot_dir": "<path>", "container_disk": "<path>"}     current form
//   {"bases_dir": "<path>", "container_disk": "<path>"}        older form
//
// Its paths are absolute and were trusted there. Here only the last component of `snapshot_dir` is used, as a judged name.

import { jsonClose, jsonOpen, jsonPeek, jsonSkip, jsonString, jsonToken, jsonTry, textBytes, textStart } from '../json'
import { allocate } from '../memory'
import { judgeName } from '../name'
import { isLiteral } from '../text'
import { NameVerdict } from '../verdict'
import { lastComponents } from './paths'

/** What a marker is. */
export namespace MarkerForm {
  export const INVALID: i32 = 0
  export const CURRENT: i32 = 1
  export const OLDER: i32 = 2
}

const QUOTE: u32 = 0x22
const SLASH: u32 = 0x2f

/** The snapshot's name, of a marker of the current form. */
export let snapshotName: usize = 0
export let snapshotNameBytes: u32 = 0

let directory: usize = 0
let directoryBytes: u32 = 0
let hasBases = false
let hasDisk = false

/** Reads a marker: its `MarkerForm`. */
export function readMarker(start: usize, lengthBytes: u32): i32 {
  directory = 0
  hasBases = false
  hasDisk = false
  jsonOpen(start, lengthBytes)
  if (!jsonToken(0x7b)) return MarkerForm.INVALID
  if (!jsonTry(0x7d)) {
    do {
      if (!readMember()) return MarkerForm.INVALID
    } while (jsonTry(0x2c))
    if (!jsonToken(0x7d)) return MarkerForm.INVALID
  }
  if (!jsonClose() || !hasDisk) return MarkerForm.INVALID
  if (directory != 0) return takeName() ? MarkerForm.CURRENT : MarkerForm.INVALID
  return hasBases ? MarkerForm.OLDER : MarkerForm.INVALID
}

function readMember(): bool {
  if (!jsonString()) return false
  const isDirectory = isLiteral(textStart, textBytes, 'snapshot_dir')
  const isBases = isLiteral(textStart, textBytes, 'bases_dir')
  const isDisk = isLiteral(textStart, textBytes, 'container_disk')
  if (!jsonToken(0x3a)) return false
  if (!isDirectory && !isBases && !isDisk) return jsonSkip()
  if (jsonPeek() != QUOTE || !jsonString()) return false
  if (isBases) hasBases = true
  if (isDisk) hasDisk = true
  if (isDirectory) {
    // Kept aside: the message it stands in goes away.
    directory = allocate(textBytes)
    if (directory == 0) return false
    memory.copy(directory, textStart, textBytes)
    directoryBytes = textBytes
  }
  return true
}

function takeName(): bool {
  let end = directory + directoryBytes
  while (end > directory && load<u8>(end - 1) == SLASH) end--
  snapshotName = lastComponents(directory, <u32>(end - directory), 1)
  snapshotNameBytes = <u32>(end - snapshotName)
  return judgeName(snapshotName, snapshotNameBytes) == NameVerdict.OK
}
