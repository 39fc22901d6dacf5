// Every layer and state that the records of a home reach: a hash table of 16-byte ids in the arena, open addressing,
// grown by doubling. 110,000 layers take 8 MiB.

import { ID_BYTES } from '../id'
import { allocate } from '../memory'
import { HOME_LAYER_LIMIT } from '../record-limits'
import { hexDigit } from '../text'

/** What an entry is: a raw or qcow2 layer (`LayerFormat`), or a saved machine. */
export const STATE: u32 = 3

/** No entry. */
export const NONE: u32 = 0xffff_ffff

@unmanaged
export class LayerEntry {
  idHigh: u64
  idLow: u64
  sizeBytes: u64
  format: u32
  /** The entry it backs on, or NONE. */
  parent: u32
  /** How many reachable layers back on it, and the last of them. */
  children: u32
  child: u32
  /** Layers from here to the base, or 0 before that is known. */
  depth: u32
  /** Which boxes' chains contain it: 0 none's, MANY several, else the box's index + 1. */
  owner: u32
  /** Named by a record itself, not only by a layer above. */
  named: bool
}

export const MANY: u32 = 0xffff_ffff

const FIRST_CAPACITY: u32 = 1024
let entries: usize = 0
let slots: usize = 0
let capacity: u32 = 0
/** How many entries there are. */
export let entryCount: u32 = 0

/** Begins with an empty table. False when memory is short. */
export function resetTable(): bool {
  entryCount = 0
  capacity = FIRST_CAPACITY
  return place(allocate(capacity * <u32>offsetof<LayerEntry>()))
}

function place(start: usize): bool {
  entries = start
  slots = allocate(capacity * 8)
  return entries != 0 && slots != 0
}

/** The entry at an index. */
export function entryAt(index: u32): LayerEntry {
  return changetype<LayerEntry>(entries + <usize>index * offsetof<LayerEntry>())
}

function half(digits: usize): u64 {
  let value: u64 = 0
  for (let i: usize = 0; i < 16; i++) value = (value << 4) | <u64>hexDigit(load<u8>(digits + i))
  return value
}

/** The slot of an id: its entry's, or the empty one where it belongs. At most half of the slots are taken. */
function slotOf(high: u64, low: u64, format: u32): usize {
  const mask = capacity * 2 - 1
  let slot = <u32>((high ^ (low >> 7) ^ format) * 0x9e37_79b9_7f4a_7c15 >> 32) & mask
  let at = slots + (<usize>slot << 2)
  for (let index = load<u32>(at); index != 0; index = load<u32>(at)) {
    const entry = entryAt(index - 1)
    if (entry.idHigh == high && entry.idLow == low && entry.format == format) break
    slot = (slot + 1) & mask
    at = slots + (<usize>slot << 2)
  }
  return at
}

/** The index of the entry with this id (32 hex digits) and format, or NONE. */
export function findEntry(id: usize, format: u32): u32 {
  return load<u32>(slotOf(half(id), half(id + 16), format)) - 1
}

/** The index of the entry with this id and format, which is added if it is new; NONE at the limit. */
export function addEntry(id: usize, format: u32): u32 {
  const high = half(id)
  const low = half(id + 16)
  let slot = slotOf(high, low, format)
  if (load<u32>(slot) != 0) return load<u32>(slot) - 1
  if (entryCount == HOME_LAYER_LIMIT) return NONE
  if (entryCount == capacity) {
    if (!grow()) return NONE
    slot = slotOf(high, low, format)
  }
  const entry = entryAt(entryCount)
  entry.idHigh = high
  entry.idLow = low
  entry.format = format
  entry.parent = NONE
  entry.child = NONE
  entryCount++
  store<u32>(slot, entryCount)
  return entryCount - 1
}

function grow(): bool {
  const from = entries
  const bytes = capacity * <u32>offsetof<LayerEntry>()
  capacity *= 2
  const to = allocate(bytes * 2)
  if (to == 0) return false
  memory.copy(to, from, bytes)
  if (!place(to)) return false
  for (let i: u32 = 0; i < entryCount; i++) {
    const entry = entryAt(i)
    store<u32>(slotOf(entry.idHigh, entry.idLow, entry.format), i + 1)
  }
  return true
}

const nameBuffer = memory.data(48)
/** Length of the name that `entryName` wrote. */
export let entryNameBytes: u32 = 0

/** The name of an entry's file, valid until the next call. */
export function entryName(index: u32): usize {
  const entry = entryAt(index)
  writeHex(nameBuffer, entry.idHigh)
  writeHex(nameBuffer + 16, entry.idLow)
  const suffix = nameBuffer + ID_BYTES
  entryNameBytes = ID_BYTES
  if (entry.format == STATE) return nameBuffer
  // '.raw' and '.qcow2' as they lie in little-endian memory.
  if (entry.format == 1) {
    store<u32>(suffix, 0x7761_722e)
    entryNameBytes += 4
  } else {
    store<u32>(suffix, 0x6f63_712e)
    store<u16>(suffix + 4, 0x3277)
    entryNameBytes += 6
  }
  return nameBuffer
}

function writeHex(to: usize, value: u64): void {
  for (let i: usize = 0; i < 16; i++) {
    const digit = <u32>(value >> (60 - (<u64>i << 2))) & 15
    store<u8>(to + i, <u8>(digit < 10 ? 0x30 + digit : 0x57 + digit))
  }
}
