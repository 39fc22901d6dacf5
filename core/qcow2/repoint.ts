// A new backing file name for an image, as a tool. QEMU rewrites cluster 0, which a crash can tear.
// Here the new name goes to a free part of cluster 0 first; after a sync one write inside the first
// 512-byte sector switches to it, so that a crash leaves the old name or the new one.

import { allocate, ensureExchange } from '../memory'
import { BackingName, Field, Refusal } from './abi'
import { classifyBackingName } from './backing-name'
import { put32, put64 } from './bytes'
import { fillFormat } from './create'
import { parseHeader } from './header'
import { Header, refuse } from './header-facts'
import { fillFacts } from './image'

const SECTOR_BYTES: u32 = 512
const SWITCH_OFFSET: u32 = 8
const FORMAT_EXTENSION_BYTES: u32 = 16
const END_MARKER_BYTES: u32 = 8

/**
 * Plans a repoint of the image whose cluster 0 is the first `headerBytes` of the exchange buffer, to the name in the `nameBytes`
 * behind them. Answers 0 or a refusal, with its facts at `imageFacts()`; then `imageParts()` has two pieces, to be written in order
 * with a sync after each.
 */
export function imageRepoint(headerBytes: u32, nameBytes: u32, format: i32, fileBytes: f64): i32 {
  const start = ensureExchange(headerBytes + nameBytes)
  const header = changetype<Header>(allocate(<u32>offsetof<Header>()))
  parts = allocate(48)
  if (start == 0 || changetype<usize>(header) == 0 || parts == 0) return Refusal.LIMIT
  let refusal = parseHeader(start, headerBytes, <u64>fileBytes, header)
  if (refusal == Refusal.NONE) refusal = plan(start, header, start + headerBytes, nameBytes, format)
  return fillFacts(header) ? refusal : Refusal.LIMIT
}

let parts: usize = 0

/** Offset, pointer and bytes (f64) of the two pieces that `imageRepoint` planned. */
export function imageParts(): usize {
  return parts
}

function plan(start: usize, header: Header, name: usize, nameBytes: u32, format: i32): i32 {
  const kind = classifyBackingName(name, nameBytes)
  if (kind == BackingName.MALFORMED) return refuse(header, Refusal.TEXT, Field.BACKING_FILE_NAME, nameBytes)
  if (kind != BackingName.HOME && kind != BackingName.PLAIN) return refuse(header, Refusal.NAME, Field.BACKING_FILE_NAME, nameBytes)
  if (header.extensionsEnd == 0) return refuse(header, Refusal.UNSUPPORTED, Field.EXTENSION, 0)
  // Where the format is said already only the name changes.
  const sameFormat = header.backingFormatOffset != 0 && header.backingFormat == format
  let switchEnd: u32 = SWITCH_OFFSET + 12
  let extensionsEnd = header.extensionsEnd + END_MARKER_BYTES
  if (!sameFormat && header.backingFormatOffset != 0) {
    // Both our formats take 8 bytes; a longer name leaves a hole that no extension fills.
    if (header.backingFormatBytes > 8) return refuse(header, Refusal.UNSUPPORTED, Field.BACKING_FORMAT, header.backingFormatBytes)
    switchEnd = header.backingFormatOffset + FORMAT_EXTENSION_BYTES
  } else if (!sameFormat) {
    extensionsEnd += FORMAT_EXTENSION_BYTES
    switchEnd = extensionsEnd
  }
  if (switchEnd > SECTOR_BYTES) return refuse(header, Refusal.UNSUPPORTED, Field.BACKING_FORMAT, switchEnd)
  const place = findPlace(header, extensionsEnd, nameBytes)
  if (place == 0) return refuse(header, Refusal.LIMIT, Field.BACKING_FILE_SIZE, nameBytes)
  piece(0, place, name, nameBytes)
  if (!sameFormat) {
    const at = header.backingFormatOffset != 0 ? header.backingFormatOffset : header.extensionsEnd
    fillFormat(start + at, format)
    if (header.backingFormatOffset == 0) store<u64>(start + at + FORMAT_EXTENSION_BYTES, 0)
  }
  put64(start + SWITCH_OFFSET, place)
  put32(start + SWITCH_OFFSET + 8, nameBytes)
  piece(1, SWITCH_OFFSET, start + SWITCH_OFFSET, switchEnd - SWITCH_OFFSET)
  return Refusal.NONE
}

/** A place for a name behind the extensions and beside the old name, or 0. */
function findPlace(header: Header, from: u32, nameBytes: u32): u32 {
  const oldStart = header.backingNameOffset
  if (oldStart == 0) return <u64>from + nameBytes <= header.clusterBytes ? from : 0
  const behind = max(from, oldStart + header.backingNameBytes)
  if (<u64>behind + nameBytes <= header.clusterBytes) return behind
  return from + nameBytes <= oldStart ? from : 0
}

function piece(index: u32, offset: u32, pointer: usize, bytes: u32): void {
  const at = parts + index * 24
  store<f64>(at, offset)
  store<f64>(at + 8, <f64>pointer)
  store<f64>(at + 16, bytes)
}
