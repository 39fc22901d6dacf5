// Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.

/** What `decodeAt` answers for bytes that are not UTF-8. */
export const MALFORMED: u32 = 0xffff_ffff

/** The code point that starts at `at`, or MALFORMED. `end` is the first byte that is not the text's. */
export function decodeAt(at: usize, end: usize): u32 {
  const first = <u32>load<u8>(at)
  if (first < 0x80) return first
  let more: u32 = 0
  let code: u32 = 0
  let least: u32 = 0
  if (first >= 0xc2 && first < 0xe0) {
    more = 1
    code = first & 0x1f
    least = 0x80
  } else if (first >= 0xe0 && first < 0xf0) {
    more = 2
    code = first & 0x0f
    least = 0x800
  } else if (first >= 0xf0 && first < 0xf5) {
    more = 3
    code = first & 0x07
    least = 0x10000
  } else {
    return MALFORMED
  }
  if (<usize>more >= end - at) return MALFORMED
  for (let i: u32 = 1; i <= more; i++) {
    const next = <u32>load<u8>(at + i)
    if ((next & 0xc0) != 0x80) return MALFORMED
    code = (code << 6) | (next & 0x3f)
  }
  if (code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return MALFORMED
  return code
}

/** How many bytes the code point takes in UTF-8. */
export function encodedLength(code: u32): u32 {
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
}

/** Whether the bytes are UTF-8 from end to end. */
export function isUnicode(start: usize, lengthBytes: u32): bool {
  const end = start + lengthBytes
  for (let at = start; at < end; ) {
    const code = decodeAt(at, end)
    if (code == MALFORMED) return false
    at += encodedLength(code)
  }
  return true
}
