// A directory's names, fed in slices: each is copied out of the exchange, which the next effect needs.

import { allocate } from '../memory'
import { list } from './effect'
import { getBytes, getInteger, messageAt } from './message'

let place: i32 = 0
let at: usize = 0
let left: u32 = 0
let cursor: u64 = 0

/** The name that `nextName` came to. */
export let listedName: usize = 0
export let listedBytes: u32 = 0

/** LIST of a place from its beginning; `takeSlice` takes the answer. */
export function listPlace(where: i32, next: i32): i32 {
  place = where
  left = 0
  return list(place, 0, next)
}

/** Takes the slice that LIST answered; false when memory is short. */
export function takeSlice(): bool {
  left = <u32>getInteger()
  const start = messageAt()
  for (let i: u32 = 0; i < left; i++) getBytes()
  const bytes = <u32>(messageAt() - start)
  cursor = getInteger()
  at = allocate(bytes)
  if (at == 0) return false
  memory.copy(at, start, bytes)
  return true
}

/** Goes to the next name of the slice; false at its end. */
export function nextName(): bool {
  if (left == 0) return false
  left--
  listedBytes = load<u32>(at)
  listedName = at + 4
  at = listedName + listedBytes
  return true
}

/** Whether another slice follows. */
export function hasNextSlice(): bool {
  return cursor != 0
}

/** LIST of the next slice. */
export function listNext(next: i32): i32 {
  return list(place, cursor, next)
}
