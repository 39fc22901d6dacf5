// L1 and L2 tables in a check: every entry is judged, and what it points to is counted.
// The rules, and their order, are those of QEMU's check (block/qcow2-refcount.c, check_refcounts_l1
// and _l2, check_oflag_copied), so that the numbers are the same.

import { be64 } from './bytes'
import { Finding } from './check-abi'
import { CELL_DATA, CELL_L2, CELL_METADATA, Check, count, fetch, loadedFrom, work } from './check-state'
import { contradicts, Stored, storedOf } from './check-refcounts'

const COPIED: u64 = 1 << 63
const COMPRESSED: u64 = 1 << 62
const ZERO: u64 = 1
const OFFSET_MASK: u64 = 0x00ff_ffff_ffff_fe00
const L1_RESERVED_MASK: u64 = 0x7f00_0000_0000_01ff
const L2_RESERVED_MASK: u64 = 0x3f00_0000_0000_01fe

/** Starts a walk over an L1 table. `active` is the disk's own, not a snapshot's. */
export function beginL1(c: Check, offset: u64, entries: u32, active: bool): void {
  c.l1Offset = offset
  c.l1Entries = entries
  c.l1Next = 0
  c.l2Next = 0
  c.l2Entered = false
  c.active = active
  count(c, offset, <u64>entries << 3, CELL_METADATA)
}

/** Walks the L1 table and all its L2 tables. False when bytes are wanted first. */
export function walkL1(c: Check): bool {
  while (c.l1Next < c.l1Entries) {
    const place = c.l1Offset + (<u64>c.l1Next << 3)
    const at = fetch(c, c.table, place, 8, <u64>(c.l1Entries - c.l1Next) << 3)
    if (at == 0) return false
    const entry = be64(at)
    if (entry != 0) {
      const l2Offset = entry & OFFSET_MASK
      if (!c.l2Entered && !enterL2(c, place, entry)) return false
      if (!walkL2(c, l2Offset)) return false
    }
    c.l1Next++
    c.l2Next = 0
    c.l2Entered = false
  }
  return true
}

function enterL2(c: Check, place: u64, entry: u64): bool {
  const l2Offset = entry & OFFSET_MASK
  // A table may be walked without being read: many L1 entries can name the one that is in memory.
  if (!work(c, c.clusterBytes)) return false
  // QEMU judges no COPIED flags in a table whose refcount it cannot read, or at 0, which it takes for none here.
  c.judgesCopied = c.active && l2Offset != 0
  if (c.judgesCopied) {
    const stored = storedOf(c, l2Offset >> c.clusterBits)
    if (stored == Stored.READ) return false
    if (contradicts(stored, (entry & COPIED) != 0)) c.corruption(Finding.L1_COPIED, place, l2Offset)
    c.judgesCopied = stored != Stored.UNREADABLE
  }
  if (c.first && (entry & L1_RESERVED_MASK) != 0) c.corruption(Finding.L1_RESERVED, place, l2Offset)
  if (c.first && !c.isAligned(l2Offset)) c.corruption(Finding.L1_UNALIGNED, place, l2Offset)
  count(c, l2Offset, c.clusterBytes, CELL_L2)
  c.contiguous = 0
  c.l2Entered = true
  return true
}

function walkL2(c: Check, l2Offset: u64): bool {
  const extended = c.header.extendedL2
  const entryBits: u32 = extended ? 4 : 3
  const entries = <u32>(c.clusterBytes >> entryBits)
  while (c.l2Next < entries) {
    const offset = l2Offset + (<u64>c.l2Next << entryBits)
    let at = fetch(c, c.entries, offset, 1 << entryBits, l2Offset + c.clusterBytes - offset)
    if (at == 0) return false
    const run = min<u64>(entries - c.l2Next, loadedFrom(c.entries, offset) >> entryBits)
    const end = at + (<usize>run << entryBits)
    for (; at < end; at += 1 << entryBits, c.l2Next++) {
      const entry = load<u64>(at)
      const bitmap = extended ? be64(at + 8) : 0
      if ((entry | bitmap) == 0) continue
      if (!judgeEntry(c, bswap<u64>(entry), bitmap, l2Offset + (<u64>c.l2Next << entryBits))) return false
    }
  }
  return true
}

/** Judges one L2 entry that is not all zeros. False when bytes are wanted first; then nothing has been counted yet. */
function judgeEntry(c: Check, entry: u64, bitmap: u64, place: u64): bool {
  if ((entry & COMPRESSED) != 0) {
    judgeCompressed(c, entry, bitmap, place)
    return true
  }
  const offset = entry & OFFSET_MASK
  const zero = (entry & ZERO) != 0 && !c.header.extendedL2
  if (c.judgesCopied && offset != 0) {
    const stored = storedOf(c, offset >> c.clusterBits)
    if (stored == Stored.READ) return false
    if (contradicts(stored, (entry & COPIED) != 0)) c.corruption(Finding.L2_COPIED, place, offset)
  }
  if (c.first && (entry & L2_RESERVED_MASK) != 0) c.corruption(Finding.L2_RESERVED, place, offset)
  if (c.first && (entry & ZERO) != 0 && (c.header.version == 2 || c.header.extendedL2)) c.overlook(Finding.ZERO_FLAG, place)
  if (offset == 0) {
    if (c.first && !zero && (bitmap & 0xffff_ffff) != 0) c.corruption(Finding.UNALLOCATED_SUBCLUSTERS, place)
    return true
  }
  if (c.first && (bitmap & (bitmap >> 32) & 0xffff_ffff) != 0) c.corruption(Finding.SUBCLUSTERS, place, offset)
  if (c.first && !c.isAligned(offset)) c.corruption(Finding.L2_UNALIGNED, place, offset)
  if (c.first && c.active) {
    c.allocated++
    if (c.contiguous != 0 && offset != c.contiguous) c.fragmented++
    c.contiguous = offset + c.clusterBytes
  }
  count(c, offset, c.clusterBytes, CELL_DATA)
  return true
}

function judgeCompressed(c: Check, entry: u64, bitmap: u64, place: u64): void {
  const offsetBits = <u64>62 - (c.clusterBits - 8)
  const offset = entry & ((<u64>1 << offsetBits) - 1)
  const sectors = ((entry & (COMPRESSED - 1)) >> offsetBits) + 1
  const bytes = sectors * 512 - (offset & 511)
  if (c.first && (entry & COPIED) != 0) c.corruption(Finding.COMPRESSED_COPIED, place, offset)
  if (bitmap != 0) {
    if (c.first) c.corruption(Finding.COMPRESSED_SUBCLUSTERS, place, offset)
    return
  }
  // Data may end in the middle of its last sector, and the file there.
  if (c.first && offset + bytes > ((c.fileBytes + 511) & ~511)) c.overlook(Finding.COMPRESSED_OUTSIDE, place, offset)
  count(c, offset, bytes, CELL_DATA)
  if (c.first && c.active) {
    c.allocated++
    c.compressed++
    c.fragmented++
  }
}
