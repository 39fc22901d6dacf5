// Paths below the preopened home: a directory of the home, and in it one plain name. Nothing else can be said, so
// that no record and no image can name a place outside.

import { Place } from '../operation/abi'
import { literalLength } from '../text'

/** Longest name in a directory of the home, in bytes. */
const NAME_LIMIT_BYTES: u32 = 255
const PATH_LIMIT_BYTES: u32 = 1024

const path = memory.data(<i32>PATH_LIMIT_BYTES)
let lengthBytes: u32 = 0

/** The path that was built last. The next one takes its place. */
export function pathStart(): usize {
  return path
}

export function pathLength(): u32 {
  return lengthBytes
}

/** A directory of the home, by its `Place`. */
export function directoryPath(place: i32): void {
  lengthBytes = 0
  if (place == Place.BOXES) appendText('boxes')
  else if (place == Place.IMAGES) appendText('images')
  else if (place == Place.LAYERS) appendText('layers')
  else appendText('states')
}

/** The entry `name` of a directory of the home; false for what is not a plain name. */
export function entryPath(place: i32, name: usize, nameBytes: u32): bool {
  if (!isPlain(name, nameBytes)) return false
  directoryPath(place)
  appendSlash()
  appendBytes(name, nameBytes)
  return true
}

/** Adds text of this program; never longer than the limit leaves room for. */
export function appendText(text: string): void {
  const length = literalLength(text)
  for (let i: u32 = 0; i < length; i++) store<u8>(path + lengthBytes++, load<u8>(changetype<usize>(text) + (<usize>i << 1)))
}

/** Adds a number in decimal. */
export function appendDigits(value: u64): void {
  if (value >= 10) appendDigits(value / 10)
  store<u8>(path + lengthBytes++, <u8>(0x30 + (value % 10)))
}

/** Adds a slash and a plain name below the path; false, and the path unchanged, where it is none or does not fit. */
export function descend(name: usize, nameBytes: u32): bool {
  if (!isPlain(name, nameBytes) || lengthBytes + 1 + nameBytes > PATH_LIMIT_BYTES) return false
  appendSlash()
  appendBytes(name, nameBytes)
  return true
}

/** Cuts the path back to a length it had. */
export function cutPath(toBytes: u32): void {
  lengthBytes = toBytes
}

function appendSlash(): void {
  store<u8>(path + lengthBytes++, 0x2f)
}

function appendBytes(source: usize, bytes: u32): void {
  memory.copy(path + lengthBytes, source, bytes)
  lengthBytes += bytes
}

function isPlain(name: usize, nameBytes: u32): bool {
  if (nameBytes == 0 || nameBytes > NAME_LIMIT_BYTES) return false
  if (load<u8>(name) == 0x2e && (nameBytes == 1 || (nameBytes == 2 && load<u8>(name + 1) == 0x2e))) return false
  for (let i: u32 = 0; i < nameBytes; i++) {
    const byte = load<u8>(name + i)
    if (byte == 0 || byte == 0x2f || byte == 0x5c) return false
  }
  return true
}
