// A strict JSON reader (RFC 8259) over bytes in memory: one cursor and no tree. The first thing that is not
// as asked stops it; every call after that fails too, so that a reader may check once at the end.
//
//   jsonOpen(start, bytes)
//   jsonToken('{'); jsonKey('format'); jsonInteger(); ...; jsonToken('}'); jsonClose()

import { INTEGER_LIMIT, JSON_DEPTH_LIMIT } from './record-limits'
import { allocate } from './memory'
import { hexDigit, isLiteral, literalLength } from './text'
import { decodeAt, encodedLength, MALFORMED } from './utf8'

const QUOTE: u32 = 0x22
const BACKSLASH: u32 = 0x5c

let at: usize = 0
let end: usize = 0
let broken = false

/** Where the text of the last `jsonString` is, decoded. */
export let textStart: usize = 0
/** Its length in bytes of UTF-8. */
export let textBytes: u32 = 0

/** Begins to read. */
export function jsonOpen(start: usize, lengthBytes: u32): void {
  at = start
  end = start + lengthBytes
  broken = false
}

/** Where the reader stands: after the last thing read, or where it broke. */
export function jsonAt(): usize {
  return at
}

/** Whether something was not as asked. */
export function jsonBroken(): bool {
  return broken
}

/** Stops the reader here; for values that are JSON but not what they must be. Always false. */
export function jsonRefuse(): bool {
  broken = true
  return false
}

/** Whether nothing but space is left and nothing broke. */
export function jsonClose(): bool {
  skipSpace()
  return broken || at != end ? jsonRefuse() : true
}

/** The next character that is not space, or 0 at the end. Not consumed. */
export function jsonPeek(): u32 {
  skipSpace()
  return broken || at >= end ? 0 : <u32>load<u8>(at)
}

/** Consumes a punctuation character if it is next. */
export function jsonTry(code: u32): bool {
  if (jsonPeek() != code || code == 0) return false
  at++
  return true
}

/** Consumes a punctuation character, which must be next. */
export function jsonToken(code: u32): bool {
  return jsonTry(code) || jsonRefuse()
}

/** Consumes a word (`null`, `true`, `false`) if it is next. */
export function jsonWord(word: string): bool {
  skipSpace()
  const length = literalLength(word)
  if (broken || end - at < <usize>length || !isLiteral(at, length, word)) return false
  at += length
  return true
}

/** Consumes `"key":`, which must be next. */
export function jsonKey(key: string): bool {
  if (!jsonString()) return false
  if (!isLiteral(textStart, textBytes, key)) return jsonRefuse()
  return jsonToken(0x3a)
}

/** Consumes `,"key":`, which must be next. */
export function jsonNextKey(key: string): bool {
  return jsonToken(0x2c) && jsonKey(key)
}

/** Consumes an integer from 0 to 2^53, without sign, fraction, exponent or leading zeros. */
export function jsonInteger(): u64 {
  skipSpace()
  const start = at
  let value: u64 = 0
  while (!broken && at < end) {
    const digit = <u32>load<u8>(at) - 0x30
    if (digit > 9) break
    value = value * 10 + digit
    if (value > INTEGER_LIMIT || (at > start && load<u8>(start) == 0x30)) jsonRefuse()
    at++
  }
  if (at == start) jsonRefuse()
  if (at < end && !broken) {
    const next = <u32>load<u8>(at)
    if (next == 0x2e || next == 0x65 || next == 0x45) jsonRefuse()
  }
  return broken ? 0 : value
}

/** Consumes a string into `textStart` and `textBytes`. Without escapes the text is used where it stands. */
export function jsonString(): bool {
  if (!jsonToken(QUOTE)) return false
  const start = at
  let escaped = false
  while (at < end) {
    const code = <u32>load<u8>(at)
    if (code == QUOTE) {
      textStart = start
      textBytes = <u32>(at - start)
      at++
      return escaped ? unescape() : true
    }
    if (code < 0x20) return jsonRefuse()
    if (code >= 0x80) {
      const long = decodeAt(at, end)
      if (long == MALFORMED) return jsonRefuse()
      at += encodedLength(long)
      continue
    }
    at++
    if (code == BACKSLASH) {
      escaped = true
      // Whatever it is, the character after a backslash does not end the string.
      if (at >= end || load<u8>(at) < 0x20 || load<u8>(at) > 0x7e) return jsonRefuse()
      at++
    }
  }
  return jsonRefuse()
}

let depth: u32 = 0
/** Which containers are open, one bit a level: 1 an object, 0 an array. */
let objects: u64 = 0

/** Consumes any value. */
export function jsonSkip(): bool {
  depth = 0
  objects = 0
  let more = true
  while (more) {
    const first = jsonPeek()
    const opens = first == 0x7b || first == 0x5b
    if (!(opens ? skipOpening(first == 0x7b) : skipScalar(first))) return false
    more = (opens && filled) || skipToNextValue()
  }
  return !broken
}

/** Whether the container opened last has something in it. */
let filled = false

/** Consumes the opening of a container, and of an object its first key; or the whole of an empty one. */
function skipOpening(object: bool): bool {
  if (depth == JSON_DEPTH_LIMIT) return jsonRefuse()
  at++
  filled = false
  if (jsonTry(object ? 0x7d : 0x5d)) return true
  filled = true
  depth++
  objects = (objects << 1) | (object ? 1 : 0)
  return !object || skipKey()
}

/** After a value: closes what ends here; whether another value follows. */
function skipToNextValue(): bool {
  while (depth > 0) {
    const object = (objects & 1) == 1
    if (jsonTry(0x2c)) return !object || skipKey()
    if (!jsonToken(object ? 0x7d : 0x5d)) return false
    depth--
    objects >>= 1
  }
  return false
}

function skipKey(): bool {
  return jsonString() && jsonToken(0x3a)
}

function skipScalar(first: u32): bool {
  if (first == QUOTE) return jsonString()
  if (jsonWord('null') || jsonWord('true') || jsonWord('false')) return true
  return skipNumber()
}

function skipNumber(): bool {
  if (at < end && load<u8>(at) == 0x2d) at++
  const start = at
  if (skipDigits() == 0) return jsonRefuse()
  if (load<u8>(start) == 0x30 && at - start > 1) return jsonRefuse()
  if (at < end && load<u8>(at) == 0x2e) {
    at++
    if (skipDigits() == 0) return jsonRefuse()
  }
  if (at < end && (load<u8>(at) | 0x20) == 0x65) {
    at++
    if (at < end && (load<u8>(at) == 0x2b || load<u8>(at) == 0x2d)) at++
    if (skipDigits() == 0) return jsonRefuse()
  }
  return true
}

function skipDigits(): u32 {
  const start = at
  while (at < end && <u32>load<u8>(at) - 0x30 <= 9) at++
  return <u32>(at - start)
}

function skipSpace(): void {
  while (!broken && at < end) {
    const code = load<u8>(at)
    if (code != 0x20 && code != 0x0a && code != 0x0d && code != 0x09) return
    at++
  }
}

/** Decodes the string that `textStart` and `textBytes` frame into a place of its own. */
function unescape(): bool {
  const stop = textStart + textBytes
  const target = allocate(textBytes)
  if (target == 0) return jsonRefuse()
  let to = target
  for (let from = textStart; from < stop; ) {
    let code = <u32>load<u8>(from++)
    if (code != BACKSLASH) {
      store<u8>(to++, <u8>code)
      continue
    }
    code = <u32>load<u8>(from++)
    if (code == 0x75) {
      const unit = fourHex(from, stop)
      from += 4
      if (unit == MALFORMED) return jsonRefuse()
      code = unit
      if (unit >= 0xd800 && unit < 0xe000) {
        // A pair of surrogates, or not Unicode.
        if (unit >= 0xdc00 || stop - from < 6 || load<u16>(from) != 0x755c) return jsonRefuse()
        const low = fourHex(from + 2, stop)
        if (low < 0xdc00 || low >= 0xe000) return jsonRefuse()
        code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
        from += 6
      }
      to = encodeAt(to, code)
    } else {
      const plain = escapeOf(code)
      if (plain == 0) return jsonRefuse()
      store<u8>(to++, <u8>plain)
    }
  }
  textStart = target
  textBytes = <u32>(to - target)
  return true
}

function fourHex(from: usize, stop: usize): u32 {
  if (stop - from < 4 || from > stop) return MALFORMED
  let value: u32 = 0
  for (let i: usize = 0; i < 4; i++) {
    const code = <u32>load<u8>(from + i)
    const digit = hexDigit(code >= 0x41 && code <= 0x46 ? code | 0x20 : code)
    if (digit < 0) return MALFORMED
    value = (value << 4) | <u32>digit
  }
  return value
}

/** What stands for the escape `\<code>`, or 0. */
function escapeOf(code: u32): u32 {
  if (code == QUOTE || code == BACKSLASH || code == 0x2f) return code
  if (code == 0x62) return 0x08
  if (code == 0x66) return 0x0c
  if (code == 0x6e) return 0x0a
  if (code == 0x72) return 0x0d
  return code == 0x74 ? 0x09 : 0
}

function encodeAt(to: usize, code: u32): usize {
  const length = encodedLength(code)
  if (length == 1) {
    store<u8>(to, <u8>code)
    return to + 1
  }
  for (let i = length - 1; i > 0; i--) {
    store<u8>(to + i, <u8>(0x80 | (code & 0x3f)))
    code >>= 6
  }
  store<u8>(to, <u8>((0xf00 >> length) | code))
  return to + length
}
