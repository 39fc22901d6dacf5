// Writes JSON in the one form that we write: no space, shortest escapes. A text is written twice: first to
// measure it (target 0), then into a place of that size.

import { literalLength } from './text'

let target: usize = 0
let written: u32 = 0

/** Begins to write at `start`, or to measure where it is 0. */
export function writeOpen(start: usize): void {
  target = start
  written = 0
}

/** How many bytes were written or measured. */
export function writtenBytes(): u32 {
  return written
}

/** Writes ASCII as it is. */
export function writeLiteral(literal: string): void {
  const length = literalLength(literal)
  const characters = changetype<usize>(literal)
  if (target != 0) for (let i: u32 = 0; i < length; i++) store<u8>(target + written + i, <u8>load<u16>(characters + (<usize>i << 1)))
  written += length
}

/** Writes bytes as they are. */
export function writeBytes(start: usize, lengthBytes: u32): void {
  if (target != 0) memory.copy(target + written, start, lengthBytes)
  written += lengthBytes
}

/** Writes a decimal integer. */
export function writeInteger(value: u64): void {
  let divisor: u64 = 1
  while (value / divisor >= 10) divisor *= 10
  for (; divisor > 0; divisor /= 10) writeByte(<u32>((value / divisor) % 10) + 0x30)
}

/** Writes eight lower-case hex digits. */
export function writeHex32(value: u32): void {
  for (let shift = 28; shift >= 0; shift -= 4) writeByte(hexCode((value >> shift) & 15))
}

/** Writes UTF-8 text as a string. */
export function writeString(start: usize, lengthBytes: u32): void {
  writeByte(0x22)
  const end = start + lengthBytes
  for (let at = start; at < end; at++) {
    const code = <u32>load<u8>(at)
    if (code >= 0x20 && code != 0x22 && code != 0x5c) {
      writeByte(code)
      continue
    }
    writeByte(0x5c)
    const short = shortEscape(code)
    writeByte(short)
    if (short == 0x75) {
      writeByte(0x30)
      writeByte(0x30)
      writeByte(hexCode(code >> 4))
      writeByte(hexCode(code & 15))
    }
  }
  writeByte(0x22)
}

function writeByte(code: u32): void {
  if (target != 0) store<u8>(target + written, <u8>code)
  written++
}

function hexCode(digit: u32): u32 {
  return digit < 10 ? 0x30 + digit : 0x61 + digit - 10
}

function shortEscape(code: u32): u32 {
  if (code == 0x22 || code == 0x5c) return code
  if (code == 0x08) return 0x62
  if (code == 0x09) return 0x74
  if (code == 0x0a) return 0x6e
  if (code == 0x0c) return 0x66
  return code == 0x0d ? 0x72 : 0x75
}
