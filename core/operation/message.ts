// Messages over the boundary: a sequence of fields whose order both sides know, in the exchange buffer. A number
// is an f64, bytes and text are a u32 length and that many bytes, all little-endian and unaligned.

import { INTEGER_LIMIT } from '../record-limits'
import { allocate, ensureExchange } from '../memory'

let at: usize = 0
let end: usize = 0
let broken = false

/** Where the bytes of the last field are. */
export let fieldStart: usize = 0
/** Their length. */
export let fieldBytes: u32 = 0

/** Begins to read the message of this length in the exchange. */
export function openMessage(lengthBytes: u32): void {
  at = ensureExchange(lengthBytes)
  end = at + lengthBytes
  broken = at == 0
}

/** Where the next field is. */
export function messageAt(): usize {
  return at
}

/** Whether every field was there, and nothing is left. */
export function messageEnds(): bool {
  return !broken && at == end
}

/** Whether a field was missing or not what it must be. */
export function messageBroken(): bool {
  return broken
}

/** Reads a number; 0 when there is none. */
export function getNumber(): f64 {
  if (broken || end - at < 8) {
    broken = true
    return 0
  }
  const value = load<f64>(at)
  at += 8
  return value
}

/** Reads an integer from 0 to 2^53; another number breaks the message. */
export function getInteger(): u64 {
  const value = getNumber()
  if (!(value >= 0 && value <= <f64>INTEGER_LIMIT) || floor(value) != value) {
    broken = true
    return 0
  }
  return <u64>value
}

/** Reads bytes where they are, valid until the next message: `fieldStart`, `fieldBytes`. */
export function getBytes(): usize {
  fieldStart = at
  fieldBytes = 0
  if (broken || end - at < 4 || <usize>load<u32>(at) > end - at - 4) {
    broken = true
    return at
  }
  fieldBytes = load<u32>(at)
  fieldStart = at + 4
  at = fieldStart + fieldBytes
  return fieldStart
}

/** Reads bytes into a place of their own: its start, and `fieldBytes`. Never 0 unless memory is short, which breaks the message. */
export function keepBytes(): usize {
  const from = getBytes()
  const start = allocate(fieldBytes)
  if (start == 0) broken = true
  else memory.copy(start, from, fieldBytes)
  fieldStart = start
  return start
}

/** Reads text that may be absent, as `keepBytes`: 0 for absent. */
export function keepOptional(): usize {
  if (getInteger() == 0) {
    fieldBytes = 0
    return 0
  }
  return keepBytes()
}

let target: usize = 0
let capacity: u32 = 0
let used: u32 = 0

/** Begins to write a message of at most `roomBytes` bytes into the exchange; false when memory is short. */
export function openAnswer(roomBytes: u32): bool {
  target = ensureExchange(roomBytes)
  capacity = roomBytes
  used = 0
  return target != 0
}

/** Writes a number. */
export function putNumber(value: f64): void {
  if (used + 8 > capacity) unreachable()
  store<f64>(target + used, value)
  used += 8
}

/** Writes bytes. */
export function putBytes(start: usize, lengthBytes: u32): void {
  if (lengthBytes > capacity || used + 4 + lengthBytes > capacity) unreachable()
  store<u32>(target + used, lengthBytes)
  memory.copy(target + used + 4, start, lengthBytes)
  used += 4 + lengthBytes
}

/** Length of the message that was written last. */
export function answeredBytes(): u32 {
  return used
}
