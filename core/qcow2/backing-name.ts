// What a backing file name may be. QEMU opens whatever it finds there: absolute paths, devices,
// protocols, JSON. Here a name is classified, and the classes say who may follow it.

import { decodeAt, encodedLength, MALFORMED } from '../utf8'
import { BACKING_NAME_LIMIT_BYTES, LAYER_ID_DIGITS } from '../limits'
import { BackingName } from './abi'

const DOT: u32 = 0x2e
const SLASH: u32 = 0x2f
const COLON: u32 = 0x3a
const BACKSLASH: u32 = 0x5c

/** The `BackingName` class of the UTF-8 bytes at `start`. */
export function classifyBackingName(start: usize, lengthBytes: u32): i32 {
  if (lengthBytes == 0 || lengthBytes > BACKING_NAME_LIMIT_BYTES) return BackingName.MALFORMED
  if (!isPrintable(start, start + lengthBytes)) return BackingName.MALFORMED
  if (isHomeName(start, lengthBytes)) return BackingName.HOME
  if (load<u8>(start) == SLASH) return BackingName.ABSOLUTE
  let slashSeen = false
  let segment: u32 = 0
  for (let i: u32 = 0; i <= lengthBytes; i++) {
    const byte = i < lengthBytes ? <u32>load<u8>(start + i) : SLASH
    if (byte == BACKSLASH) return BackingName.BACKSLASH
    if (byte == COLON && !slashSeen) return BackingName.PROTOCOL
    if (byte != SLASH) continue
    if (i - segment == 2 && load<u8>(start + segment) == DOT && load<u8>(start + segment + 1) == DOT) return BackingName.PARENT
    segment = i + 1
    slashSeen = true
  }
  return BackingName.PLAIN
}

/** Whether the bytes are UTF-8 without control characters. */
export function isPrintable(start: usize, end: usize): bool {
  for (let at = start; at < end; ) {
    const code = decodeAt(at, end)
    if (code == MALFORMED || code < 0x20 || (code >= 0x7f && code < 0xa0)) return false
    at += encodedLength(code)
  }
  return true
}

/** Whether the bytes are `<32 lower-case hexadecimal digits>.qcow2` or `.raw`. */
function isHomeName(start: usize, lengthBytes: u32): bool {
  if (lengthBytes <= LAYER_ID_DIGITS) return false
  for (let i: u32 = 0; i < LAYER_ID_DIGITS; i++) {
    const byte = load<u8>(start + i)
    if (!((byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66))) return false
  }
  const suffix = start + LAYER_ID_DIGITS
  const left = lengthBytes - LAYER_ID_DIGITS
  // '.raw' and '.qcow2' as they lie in little-endian memory.
  if (left == 4) return load<u32>(suffix) == 0x7761_722e
  return left == 6 && load<u32>(suffix) == 0x6f63_712e && load<u16>(suffix + 4) == 0x3277
}
