// JSON lines on standard output: one object a line, built through a small buffer.

import { literalLength } from '../text'
import { Errno } from './calls'
import { writeOutput } from './files'

const BUFFER_BYTES: u32 = 4096
const buffer = memory.data(4096)
let used: u32 = 0
let fields: u32 = 0
let failure: i32 = Errno.SUCCESS

/** Starts a line. */
export function openLine(): void {
  fields = 0
  put(0x7b)
}

/** Ends the line. */
export function closeLine(): void {
  put(0x7d)
  put(0x0a)
  flush()
}

/** The first errno that writing met: a closed pipe must not pass for success. */
export function outputFailure(): i32 {
  return failure
}

/** `"key":"word"`, both this program's own. */
export function putWord(key: string, word: string): void {
  putKey(key)
  put(0x22)
  putAscii(word)
  put(0x22)
}

/** `"key":number`; a whole number below 2^53. */
export function putNumber(key: string, value: f64): void {
  putKey(key)
  if (value < 0) put(0x2d)
  putDigits(<u64>Math.abs(value))
}

export function putFlag(key: string, value: bool): void {
  putKey(key)
  putAscii(value ? 'true' : 'false')
}

/** `"key":"text"` of UTF-8 bytes from the home; what JSON escapes is escaped (RFC 8259, section 7). */
export function putText(key: string, start: usize, bytes: u32): void {
  putKey(key)
  put(0x22)
  for (let i: u32 = 0; i < bytes; i++) {
    const byte = load<u8>(start + i)
    if (byte == 0x22 || byte == 0x5c) {
      put(0x5c)
      put(byte)
    } else if (byte < 0x20) {
      putAscii('\\u00')
      putHex(byte >> 4)
      putHex(byte & 15)
    } else put(byte)
  }
  put(0x22)
}

/** `"key":` and bytes that are JSON already. */
export function putJson(key: string, start: usize, bytes: u32): void {
  putKey(key)
  flush()
  const errno = writeOutput(start, bytes)
  if (failure == Errno.SUCCESS) failure = errno
}

function putKey(key: string): void {
  if (fields++ > 0) put(0x2c)
  put(0x22)
  putAscii(key)
  put(0x22)
  put(0x3a)
}

function putAscii(text: string): void {
  const length = literalLength(text)
  for (let i: u32 = 0; i < length; i++) put(load<u8>(changetype<usize>(text) + (<usize>i << 1)))
}

function putHex(digit: u8): void {
  put(digit < 10 ? 0x30 + digit : 0x57 + digit)
}

function putDigits(value: u64): void {
  if (value >= 10) putDigits(value / 10)
  put(<u8>(0x30 + (value % 10)))
}

function put(byte: u8): void {
  if (used == BUFFER_BYTES) flush()
  store<u8>(buffer + used++, byte)
}

function flush(): void {
  const errno = writeOutput(buffer, used)
  if (failure == Errno.SUCCESS) failure = errno
  used = 0
}
