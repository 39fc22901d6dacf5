// Which disk of an old home was the live one, where the marker does not name it. Only what no disk backs on can be it, and
// only when there is just one: a wrong choice would take the ground from under another disk.

import { sameBytes } from '../text'
import { disk, diskCount, isNeeded, isUnder } from './disks'
import { boxPath, homePath, pathBytes, pathStart } from './paths'

/** What stands for "none" among the numbers of disks. */
export namespace Choice {
  export const NOTHING: i32 = -1
  export const SEVERAL: i32 = -2
  export const NO_MEMORY: i32 = -3
}

/** How many bases `chooseBase` found that nothing in the home needs. */
export let freeBases: u32 = 0

/** The newest base, when it is the only one that nothing in the home needs. Time alone decides nothing. */
export function chooseBase(): i32 {
  if (!homePath('bases/')) return Choice.NO_MEMORY
  let newest: i32 = -1
  let tie = false
  let free: i32 = -1
  freeBases = 0
  for (let i: u32 = 0; i < diskCount; i++) {
    const entry = disk(i)
    if (!isUnder(entry, pathStart, pathBytes)) continue
    if (!isNeeded(i, 2, pathStart, 0)) {
      freeBases++
      free = <i32>i
    }
    if (newest < 0 || entry.modifiedMs > disk(newest).modifiedMs) {
      newest = <i32>i
      tie = false
    } else if (entry.modifiedMs == disk(newest).modifiedMs) tie = true
  }
  if (newest < 0) return Choice.NOTHING
  return tie || freeBases > 1 || free != newest ? Choice.SEVERAL : newest
}

/** The one snapshot disk of the box that nothing in the home backs on. Other disks than the box's own name it with its box. */
export function chooseSnapshot(): i32 {
  if (!boxPath('/')) return Choice.NO_MEMORY
  const box = pathStart
  const boxBytes = pathBytes
  if (!boxPath('/snapshots/')) return Choice.NO_MEMORY
  let found: i32 = Choice.NOTHING
  for (let i: u32 = 0; i < diskCount; i++) {
    if (!isUnder(disk(i), pathStart, pathBytes) || isNeeded(i, 3, box, boxBytes) || isNeeded(i, 4, box, 0)) continue
    if (found >= 0) return Choice.SEVERAL
    found = <i32>i
  }
  return found
}

/** A second name of the live disk's file, among the bases and the box's snapshots: where a move was cut in the middle. */
export function findTwin(): i32 {
  if (!boxPath('/disks/disk.qcow2')) return Choice.NO_MEMORY
  let live: i32 = Choice.NOTHING
  for (let i: u32 = 0; i < diskCount; i++) if (sameBytes(disk(i).path, disk(i).pathBytes, pathStart, pathBytes)) live = <i32>i
  if (live < 0 || disk(live).identityBytes == 0) return Choice.NOTHING
  if (!boxPath('/snapshots/')) return Choice.NO_MEMORY
  const snapshots = pathStart
  const snapshotsBytes = pathBytes
  if (!homePath('bases/')) return Choice.NO_MEMORY
  for (let i: u32 = 0; i < diskCount; i++) {
    const entry = disk(i)
    if (!isUnder(entry, snapshots, snapshotsBytes) && !isUnder(entry, pathStart, pathBytes)) continue
    if (sameBytes(entry.identity, entry.identityBytes, disk(live).identity, disk(live).identityBytes)) return <i32>i
  }
  return Choice.NOTHING
}
