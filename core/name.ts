// Names of boxes and snapshots. A name is text for people: it is compared exactly, byte by byte,
// and never used as a file name, so nothing is folded or normalised.

import { NAME_LIMIT_BYTES } from './limits'
import { decodeAt, encodedLength, MALFORMED } from './utf8'
import { NameVerdict } from './verdict'

const DOT: u32 = 0x2e
const SLASH: u32 = 0x2f
const BACKSLASH: u32 = 0x5c

/** Whether the UTF-8 bytes at `start` are an allowed name; the first rule they break, in the order of the rules. */
export function judgeName(start: usize, lengthBytes: u32): i32 {
  if (lengthBytes == 0) return NameVerdict.EMPTY
  if (lengthBytes > NAME_LIMIT_BYTES) return NameVerdict.TOO_LONG
  const end = start + lengthBytes
  if (load<u8>(start) == DOT) {
    if (lengthBytes == 1) return NameVerdict.DOT
    if (lengthBytes == 2 && load<u8>(start + 1) == DOT) return NameVerdict.DOT
    return NameVerdict.LEADING_DOT
  }
  let verdict = NameVerdict.OK
  for (let at = start; at < end; ) {
    const code = decodeAt(at, end)
    if (code == MALFORMED) return NameVerdict.NOT_UNICODE
    if (verdict == NameVerdict.OK) {
      if (code == SLASH || code == BACKSLASH || code == 0) verdict = NameVerdict.SEPARATOR
      else if (code < 0x20 || (code >= 0x7f && code < 0xa0)) verdict = NameVerdict.CONTROL
    }
    at += encodedLength(code)
  }
  return verdict
}
