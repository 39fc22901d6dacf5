// A bounded cache of metadata slices, whatever tables the files claim to have. A slice is 4 KiB of
// one file. Clean slices go when room is wanted (second chance); changed ones stay until they
// were written, in the order that the crash rule of writer.ts asks for.

import { CACHE_MAX_BYTES, CACHE_MIN_BYTES } from '../limits'
import { allocate } from '../memory'
import { FlushPhase } from './abi'

export const SLICE_BITS: u32 = 12
export const SLICE_BYTES: u32 = 1 << SLICE_BITS
const SLICE_MASK: u64 = SLICE_BYTES - 1
const NOWHERE: u32 = 0xffff_ffff

@unmanaged
class Slot {
  /** Layer and number of the slice. */
  key: u64
  data: usize
  /** Next slot of the same bucket. */
  next: u32
  /** A `FlushPhase`. */
  dirty: i32
  used: bool
  recent: bool
}

let slots: usize = 0
let slotLimit: u32 = 0
let slotCount: u32 = 0
let buckets: usize = 0
let bucketMask: u32 = 0
let hand: u32 = 0
let dirtyCount: u32 = 0
// The slice of the last hit: lookups come in runs.
let lastKey: u64 = 0
let lastSlot: usize = 0

/** Makes an empty cache of about `bytes` (bounded by the limits); false when memory is out. */
export function cacheInit(bytes: u32): bool {
  slotLimit = min(max(bytes, CACHE_MIN_BYTES), CACHE_MAX_BYTES) >> SLICE_BITS
  let bucketCount: u32 = 1
  while (bucketCount < slotLimit) bucketCount <<= 1
  bucketMask = bucketCount - 1
  slots = allocate(slotLimit * <u32>offsetof<Slot>())
  buckets = allocate(bucketCount << 2)
  slotCount = 0
  hand = 0
  dirtyCount = 0
  lastSlot = 0
  if (slots == 0 || buckets == 0) return false
  memory.fill(buckets, 0xff, bucketCount << 2)
  return true
}

/** The slice of a file that holds the byte at `offset`. */
export function sliceStart(offset: u64): u64 {
  return offset & ~SLICE_MASK
}

/** A pointer to the cached byte at `offset` of layer `layer`'s file, or 0 where its slice is not cached. */
export function cached(layer: u32, offset: u64): usize {
  const slot = find(keyOf(layer, offset))
  if (slot == 0) return 0
  const found = changetype<Slot>(slot)
  found.recent = true
  return found.data + <usize>(offset & SLICE_MASK)
}

/** Keeps a slice that was read; `bytes` may be fewer than a slice at the end of a file. False where only changed slices are left. */
export function cacheSupply(layer: u32, offset: u64, source: usize, bytes: u32): bool {
  const key = keyOf(layer, offset)
  // Someone else supplied it; it may have been changed since.
  if (find(key) != 0) return true
  const index = takeSlot()
  if (index == NOWHERE) return false
  const slot = slotAt(index)
  const have = min(bytes, SLICE_BYTES)
  memory.copy(slot.data, source, have)
  memory.fill(slot.data + have, 0, SLICE_BYTES - have)
  slot.key = key
  slot.used = true
  slot.recent = true
  slot.dirty = FlushPhase.NONE
  const bucket = bucketOf(key)
  slot.next = load<u32>(bucket)
  store<u32>(bucket, index)
  return true
}

/** Notes that the cached slice at `offset` was changed. */
export function cacheDirty(layer: u32, offset: u64, dirty: i32): void {
  const slot = changetype<Slot>(find(keyOf(layer, offset)))
  assert(changetype<usize>(slot) != 0)
  if (slot.dirty == FlushPhase.NONE) dirtyCount++
  slot.dirty = dirty
}

/** Whether so much is changed that it has to be written before more is. */
export function cacheIsFull(): bool {
  return dirtyCount > slotLimit >> 1
}

/** Puts offset and pointer (f64) of each changed slice of one kind to `out`, where there is room for `limit`; how many. */
export function cacheDirtySlices(dirty: i32, out: usize, limit: u32): u32 {
  let count: u32 = 0
  for (let i: u32 = 0; i < slotCount && count < limit; i++) {
    const slot = slotAt(i)
    if (!slot.used || slot.dirty != dirty) continue
    store<f64>(out + (count << 4), <f64>((slot.key & 0xffff_ffff_ffff) << SLICE_BITS))
    store<f64>(out + (count << 4) + 8, <f64>slot.data)
    count++
  }
  return count
}

/** Notes that every changed slice of one kind was written. */
export function cacheClean(dirty: i32): void {
  for (let i: u32 = 0; i < slotCount; i++) {
    const slot = slotAt(i)
    if (slot.dirty != dirty) continue
    slot.dirty = FlushPhase.NONE
    dirtyCount--
  }
}

/** How many slices of one kind are changed. */
export function cacheDirtyCount(dirty: i32): u32 {
  let count: u32 = 0
  for (let i: u32 = 0; i < slotCount; i++) if (slotAt(i).dirty == dirty) count++
  return count
}

/** Forgets the slices of a place that is no table any more. They are clean. */
export function cacheDrop(layer: u32, offset: u64, bytes: u64): void {
  for (let at = offset; at < offset + bytes; at += SLICE_BYTES) {
    const slot = find(keyOf(layer, at))
    if (slot != 0) unlink(<u32>((slot - slots) / offsetof<Slot>()))
  }
}

function keyOf(layer: u32, offset: u64): u64 {
  return (<u64>layer << 48) | (offset >> SLICE_BITS)
}

function slotAt(index: u32): Slot {
  return changetype<Slot>(slots + <usize>index * offsetof<Slot>())
}

function bucketOf(key: u64): usize {
  // Fibonacci hashing: neighbours spread over the whole table.
  const hash = <u32>((key * 0x9e37_79b9_7f4a_7c15) >> 32)
  return buckets + <usize>((hash & bucketMask) << 2)
}

function find(key: u64): usize {
  if (lastSlot != 0 && lastKey == key) return lastSlot
  for (let index = load<u32>(bucketOf(key)); index != NOWHERE; ) {
    const slot = slotAt(index)
    if (slot.key == key) {
      lastKey = key
      lastSlot = changetype<usize>(slot)
      return lastSlot
    }
    index = slot.next
  }
  return 0
}

/** A slot to fill: a fresh one, or one whose clean slice had its second chance. */
function takeSlot(): u32 {
  if (slotCount < slotLimit) {
    const data = allocate(SLICE_BYTES)
    if (data != 0) {
      slotAt(slotCount).data = data
      return slotCount++
    }
    if (slotCount == 0) return NOWHERE
    slotLimit = slotCount
  }
  for (let turns: u32 = 0; turns < slotCount * 2; turns++) {
    const index = hand
    hand = hand + 1 == slotCount ? 0 : hand + 1
    const slot = slotAt(index)
    if (slot.dirty != FlushPhase.NONE) continue
    if (slot.recent) {
      slot.recent = false
      continue
    }
    unlink(index)
    return index
  }
  return NOWHERE
}

function unlink(index: u32): void {
  const slot = slotAt(index)
  lastSlot = 0
  if (!slot.used) return
  slot.used = false
  let link = bucketOf(slot.key)
  while (load<u32>(link) != index) link = changetype<usize>(slotAt(load<u32>(link))) + offsetof<Slot>('next')
  store<u32>(link, slot.next)
}
