// The stored refcounts in a check: read before the tables are walked, compared with the counts after.

import { be16, be32, be64 } from './bytes'
import { Finding } from './check-abi'
import { CELL_COUNT, CELL_DATA, CELL_L2, CELL_METADATA, CELL_ONE, CELL_UNREADABLE, Check, count, fetch, loadedFrom } from './check-state'

const OFFSET_MASK: u64 = 0xffff_ffff_ffff_fe00
const RESERVED_MASK: u64 = 0x1ff

/** What is known of a stored refcount. */
export namespace Stored {
  export const OTHER: i32 = 0
  export const ONE: i32 = 1
  export const UNREADABLE: i32 = 2
  /** Another walk asks for it. */
  export const ELSEWHERE: i32 = 3
  /** Bytes are wanted first. */
  export const READ: i32 = 4
}

/** Entry `index` of the refcount block at `start`; entries are `1 << order` bits, the first of a byte in its lowest bits. */
export function refcountAt(start: usize, index: u64, order: u32): u64 {
  if (order == 4) return be16(start + (<usize>index << 1))
  if (order == 3) return load<u8>(start + <usize>index)
  if (order == 5) return be32(start + (<usize>index << 2))
  if (order == 6) return be64(start + (<usize>index << 3))
  const bit = index << order
  return (<u64>load<u8>(start + <usize>(bit >> 3)) >> (bit & 7)) & ((<u64>1 << (<u64>1 << order)) - 1)
}

function isReadable(c: Check, blockOffset: u64): bool {
  return c.isAligned(blockOffset) && blockOffset >> 63 == 0
}

/** Starts a walk over the refcount blocks of the window. */
export function beginBlocks(c: Check): void {
  c.clusterNext = c.windowStart
}

/**
 * Walks the stored refcounts of the window: notes in the table which are 1, or (`compare`) compares them with the counts.
 * False when bytes are wanted first.
 */
export function walkStored(c: Check, compare: bool): bool {
  let end = c.windowStart + c.windowClusters
  // The cell after the last cluster is compared when something refers to it.
  if (compare && end > c.totalClusters && !c.endTouched) end = c.totalClusters
  const order = c.header.refcountOrder
  while (c.clusterNext < end) {
    const index = c.clusterNext >> c.blockBits
    const blockEnd = min((index + 1) << c.blockBits, end)
    let block: u64 = 0
    if (index < c.reftableEntries) {
      const entry = fetch(c, c.table, c.header.reftableOffset + (index << 3), 8, (c.reftableEntries - index) << 3)
      if (entry == 0) return false
      block = be64(entry) & OFFSET_MASK
    }
    if (block == 0) {
      if (compare) compareZeros(c, blockEnd)
      else c.clusterNext = blockEnd
    } else if (!isReadable(c, block)) {
      walkUnreadable(c, blockEnd, compare)
    } else {
      const within = c.clusterNext & ((<u64>1 << c.blockBits) - 1)
      const offset = block + (((within << order) >> 6) << 3)
      const bytes = fetch(c, c.entries, offset, 8, block + c.clusterBytes - offset)
      if (bytes == 0) return false
      // `within` is a multiple of 64 bits, or the first entry after them.
      const skipped = within - ((((within << order) >> 6) << 6) >> order)
      const loaded = (loadedFrom(c.entries, offset) << 3) >> order
      const run = min(blockEnd - c.clusterNext, loaded - skipped)
      if (compare) compareRun(c, bytes, skipped, run, order)
      else noteRun(c, bytes, skipped, run, order)
    }
  }
  return true
}

function noteRun(c: Check, start: usize, skipped: u64, run: u64, order: u32): void {
  const cells = c.cell(c.clusterNext)
  for (let i: u64 = 0; i < run; i++) {
    if (refcountAt(start, skipped + i, order) == 1) {
      const at = cells + (<usize>i << 2)
      store<u32>(at, load<u32>(at) | CELL_ONE)
    }
  }
  c.clusterNext += run
}

function compareRun(c: Check, start: usize, skipped: u64, run: u64, order: u32): void {
  const cells = c.cell(c.clusterNext)
  for (let i: u64 = 0; i < run; i++) {
    const cell = load<u32>(cells + (<usize>i << 2))
    const stored = refcountAt(start, skipped + i, order)
    if (stored != 0 || cell != 0) compareOne(c, c.clusterNext + i, cell, stored)
  }
  c.clusterNext += run
}

function compareZeros(c: Check, end: u64): void {
  let at = c.cell(c.clusterNext)
  for (; c.clusterNext < end; c.clusterNext++, at += 4) {
    const cell = load<u32>(at)
    if (cell != 0) compareOne(c, c.clusterNext, cell, 0)
  }
}

function walkUnreadable(c: Check, end: u64, compare: bool): void {
  let at = c.cell(c.clusterNext)
  for (; c.clusterNext < end; c.clusterNext++, at += 4) {
    if (compare) {
      c.checkErrors++
      c.note(Finding.UNREADABLE, c.clusterNext << c.clusterBits, 0, 0)
    } else {
      store<u32>(at, load<u32>(at) | CELL_UNREADABLE)
    }
  }
}

function compareOne(c: Check, cluster: u64, cell: u32, stored: u64): void {
  const counted = <u64>(cell & CELL_COUNT)
  if (stored > 0 || counted > 0) c.endClusters = max(c.endClusters, cluster + 1)
  const offset = cluster << c.clusterBits
  if (stored > counted) {
    c.leaks++
    c.note(Finding.LEAK, offset, stored, counted)
  } else if (stored < counted) {
    c.corruption(Finding.REFCOUNT, offset, stored, counted)
  }
  const kinds = cell & (CELL_DATA | CELL_L2 | CELL_METADATA)
  const shared = (kinds & CELL_METADATA) != 0 && counted > 1
  // An L2 table may have several references (snapshots), but not as data.
  if (shared || kinds == (CELL_DATA | CELL_L2)) c.overlook(Finding.OVERLAP, offset)
}

/** What is known of the stored refcount of `cluster`, which may lie outside the file. */
export function storedOf(c: Check, cluster: u64): i32 {
  const at = c.cell(cluster)
  if (at != 0) {
    const cell = load<u32>(at)
    return (cell & CELL_UNREADABLE) != 0 ? Stored.UNREADABLE : (cell & CELL_ONE) != 0 ? Stored.ONE : Stored.OTHER
  }
  if (cluster <= c.totalClusters || !c.first) return Stored.ELSEWHERE
  const index = cluster >> c.blockBits
  if (index >= c.reftableEntries) return Stored.OTHER
  const entry = fetch(c, c.lookTable, c.header.reftableOffset + (index << 3), 8, 8)
  if (entry == 0) return Stored.READ
  const block = be64(entry) & OFFSET_MASK
  if (block == 0) return Stored.OTHER
  if (!isReadable(c, block)) return Stored.UNREADABLE
  const order = c.header.refcountOrder
  const within = cluster & ((<u64>1 << c.blockBits) - 1)
  const offset = block + (((within << order) >> 6) << 3)
  const bytes = fetch(c, c.lookBlock, offset, 8, 8)
  if (bytes == 0) return Stored.READ
  return refcountAt(bytes, within - ((((within << order) >> 6) << 6) >> order), order) == 1 ? Stored.ONE : Stored.OTHER
}

/** Whether a COPIED flag contradicts what is known of the refcount it is about. */
export function contradicts(stored: i32, copied: bool): bool {
  return stored <= Stored.ONE && (stored == Stored.ONE) != copied
}

/** Counts the refcount blocks, each of which must be referenced once. False when bytes are wanted first. */
export function walkBlocks(c: Check): bool {
  const totalClusters = c.totalClusters + (c.endTouched ? 1 : 0)
  for (; c.blockNext < c.reftableEntries; c.blockNext++) {
    const place = c.header.reftableOffset + (c.blockNext << 3)
    const at = fetch(c, c.table, place, 8, (c.reftableEntries - c.blockNext) << 3)
    if (at == 0) return false
    const entry = be64(at)
    if (entry == 0) continue
    const offset = entry & OFFSET_MASK
    const cluster = offset >> c.clusterBits
    if ((entry & RESERVED_MASK) != 0) {
      if (c.first) c.corruption(Finding.REFBLOCK_RESERVED, place, offset)
    } else if (!c.isAligned(offset)) {
      if (c.first) c.corruption(Finding.REFBLOCK_UNALIGNED, place, offset)
    } else if (cluster >= totalClusters) {
      if (c.first) c.corruption(Finding.REFBLOCK_OUTSIDE, place, offset)
    } else if (c.cell(cluster) != 0) {
      count(c, offset, c.clusterBytes, CELL_METADATA)
      const counted = load<u32>(c.cell(cluster)) & CELL_COUNT
      if (counted != 1) c.corruption(Finding.REFBLOCK_REFERENCES, offset, counted)
    }
  }
  return true
}
