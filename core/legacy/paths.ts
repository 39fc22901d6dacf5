// Paths inside an old home, made of literals and of names that were judged. Nothing that a marker says goes into a path but
// one such name.

import { allocate } from '../memory'
import { literalLength } from '../text'

/** The path that was built last. */
export let pathStart: usize = 0
export let pathBytes: u32 = 0

let boxId: usize = 0
let boxIdBytes: u32 = 0

const ROOM_BYTES: u32 = 1024

/** Names the box that the paths are of. Its name has passed `judgeName`, so it is at most 255 bytes long. */
export function setBox(id: usize, idBytes: u32): void {
  boxId = id
  boxIdBytes = idBytes
}

/** `<literal>`; false when memory is short, as for all of these. */
export function homePath(literal: string): bool {
  pathStart = allocate(ROOM_BYTES)
  pathBytes = 0
  if (pathStart == 0) return false
  addLiteral(literal)
  return true
}

/** `boxes/<id><literal>`. */
export function boxPath(literal: string): bool {
  if (!homePath('boxes/')) return false
  addBytes(boxId, boxIdBytes)
  addLiteral(literal)
  return true
}

/** `boxes/<id>/snapshots/<name><literal>`. */
export function snapshotPath(name: usize, nameBytes: u32, literal: string): bool {
  if (!boxPath('/snapshots/')) return false
  addBytes(name, nameBytes)
  addLiteral(literal)
  return true
}

/** Appends a decimal number to the path. */
export function addNumber(value: u32): void {
  if (value >= 10) addNumber(value / 10)
  store<u8>(pathStart + pathBytes, <u8>(0x30 + (value % 10)))
  pathBytes++
}

/** Appends bytes to the path, which has room for the names that are judged and short literals. */
function addBytes(start: usize, lengthBytes: u32): void {
  if (pathBytes + lengthBytes > ROOM_BYTES) unreachable()
  memory.copy(pathStart + pathBytes, start, lengthBytes)
  pathBytes += lengthBytes
}

function addLiteral(literal: string): void {
  const length = literalLength(literal)
  if (pathBytes + length > ROOM_BYTES) unreachable()
  for (let i: u32 = 0; i < length; i++) store<u8>(pathStart + pathBytes + i, load<u8>(changetype<usize>(literal) + (<usize>i << 1)))
  pathBytes += length
}

/** Where the last `count` components of a path begin; its start when it has no more than those. */
export function lastComponents(start: usize, lengthBytes: u32, count: u32): usize {
  let at = start + lengthBytes
  for (let slashes: u32 = 0; at > start; at--) {
    if (load<u8>(at - 1) == 0x2f && ++slashes == count) return at
  }
  return start
}
