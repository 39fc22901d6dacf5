// Refcounts and free clusters of the writable layer, which is of our own form: 16-bit refcounts in
// blocks of 32,768. A cluster is allocated by setting its refcount to 1; a crash after that and
// before something points at it leaks it, which is the worst that may happen.

import { FREED_RUN_LIMIT, OFFSET_LIMIT_BYTES } from '../limits'
import { allocate } from '../memory'
import { DiskFact, DiskStatus, Field, FlushPhase, Refusal, StepKind } from './abi'
import { be16, be64, put16 } from './bytes'
import { cacheDirty, cacheDrop, SLICE_BYTES, sliceStart } from './cache'
import { judgeCluster, layerAt, onFixedStructure, refuseDisk, setFact, tableEntry } from './chain'
import { OWN_CLUSTER_BITS } from './header-facts'
import { isKnownMetadata, noteMetadata, REFBLOCK_OWNER } from './known-metadata'

export const CLUSTER_BYTES: u64 = 1 << OWN_CLUSTER_BITS
/** A block's clusters: 1 << 15. */
export const BLOCK_BITS: u32 = 15
const REFTABLE_RESERVED: u64 = 511

/** A run of clusters that the guest gave back. */
@unmanaged
class FreedRun {
  start: u64
  count: u32
  /** A table was there, of which slices may be cached. */
  wasTable: bool
}

/** Where the search for free clusters goes on. */
let cursor: u64 = 0
/** Clusters from here on were never written: they read as zeros. */
let cleanFrom: u64 = 0
let freedRuns: usize = 0
let freedCount: u32 = 0

/** What `allocateClusters` found. */
export let allocatedStart: u64 = 0
export let allocatedCount: u32 = 0
export let allocatedIsClean: bool = false
/** What `findRefcount` found: the place in the cache and in the file, or 0 where there is no block. */
let refcountAt: usize = 0
let refcountOffset: u64 = 0

/** Starts with a file of `fileBytes`; false when memory is out. */
export function refcountsInit(fileBytes: u64): bool {
  cursor = 1
  cleanFrom = (fileBytes + CLUSTER_BYTES - 1) >> OWN_CLUSTER_BITS
  freedCount = 0
  freedRuns = allocate(FREED_RUN_LIMIT * <u32>offsetof<FreedRun>())
  return freedRuns != 0
}

/** Entries of the refcount table. */
export function blockLimit(): u64 {
  return layerAt(0).reftableBytes >> 3
}

/** Finds a cluster's refcount. */
function findRefcount(cluster: u64): i32 {
  const layer = layerAt(0)
  const block = cluster >> BLOCK_BITS
  refcountAt = 0
  refcountOffset = 0
  if (block >= blockLimit()) return DiskStatus.DONE
  const entryAt = tableEntry(0, layer.reftableOffset + (block << 3))
  if (entryAt == 0) return DiskStatus.WANT
  const entry = be64(entryAt)
  if (entry == 0) return DiskStatus.DONE
  if ((entry & REFTABLE_RESERVED) != 0) return refuseDisk(Refusal.RESERVED, Field.REFCOUNT_TABLE_ENTRY, entry, 0)
  const status = judgeCluster(layer, entry, Field.REFCOUNT_TABLE_ENTRY)
  if (status != DiskStatus.DONE) return status
  if (!noteMetadata(entry >> OWN_CLUSTER_BITS, REFBLOCK_OWNER + <u32>block)) return refuseDisk(Refusal.OVERLAP, Field.REFCOUNT_TABLE_ENTRY, entry, 0)
  refcountOffset = entry + ((cluster & ((1 << BLOCK_BITS) - 1)) << 1)
  refcountAt = tableEntry(0, refcountOffset)
  return refcountAt == 0 ? DiskStatus.WANT : DiskStatus.DONE
}

/** Whether a cluster may be written in place or freed: it is the guest's alone. DONE, WANT or a refusal. */
export function judgeOwned(offset: u64): i32 {
  const status = findRefcount(offset >> OWN_CLUSTER_BITS)
  if (status != DiskStatus.DONE) return status
  const refcount: u32 = refcountAt == 0 ? 0 : be16(refcountAt)
  if (refcount != 1) return refuseDisk(Refusal.VALUE, Field.REFCOUNT, refcount, 0)
  return isKnownMetadata(offset >> OWN_CLUSTER_BITS) ? refuseDisk(Refusal.OVERLAP, Field.L2_ENTRY, offset, 0) : DiskStatus.DONE
}

/**
 * Takes at most `want`, at least `least`, free clusters in one piece. Answers DONE, WANT, a refusal, or STEP where the
 * refcounts themselves need room first (`needBlock` then says which block).
 */
export function allocateClusters(want: u32, least: u32): i32 {
  const layer = layerAt(0)
  for (;;) {
    const status = findRefcount(cursor)
    // The search goes on through the block, so it is read in one piece. Nobody else looks at refcounts meanwhile.
    if (status == DiskStatus.WANT && refcountOffset != 0)
      setFact(DiskFact.WANT_BYTES, <f64>(CLUSTER_BYTES - (sliceStart(refcountOffset) & (CLUSTER_BYTES - 1))))
    if (status != DiskStatus.DONE) return status
    if (refcountAt == 0) return DiskStatus.STEP
    // The search stays in one slice of the block.
    const left = (SLICE_BYTES - (<u32>refcountOffset & (SLICE_BYTES - 1))) >> 1
    let skip: u32 = 0
    while (skip < left && be16(refcountAt + (skip << 1)) != 0) skip++
    let count: u32 = 0
    while (count < want && skip + count < left && be16(refcountAt + ((skip + count) << 1)) == 0) count++
    const start = cursor + skip
    if (count < least || count == 0) {
      cursor = start + max<u32>(count, skip < left ? 1 : 0)
      continue
    }
    const end = start + count
    if (end << OWN_CLUSTER_BITS > OFFSET_LIMIT_BYTES) return refuseDisk(Refusal.LIMIT, Field.HEADER, end, 0)
    for (let cluster = start; cluster < end; cluster++) {
      // A refcount of 0 for what is in use: writing there would destroy it.
      if (onFixedStructure(layer, cluster << OWN_CLUSTER_BITS, CLUSTER_BYTES) || isKnownMetadata(cluster))
        return refuseDisk(Refusal.OVERLAP, Field.REFCOUNT, cluster << OWN_CLUSTER_BITS, 0)
    }
    for (let i: u32 = 0; i < count; i++) put16(refcountAt + ((skip + i) << 1), 1)
    cacheDirty(0, refcountOffset, FlushPhase.REFBLOCKS)
    cursor = end
    allocatedStart = start << OWN_CLUSTER_BITS
    allocatedCount = count
    allocatedIsClean = start >= cleanFrom
    useUpTo(end)
    return DiskStatus.DONE
  }
}

/** The block whose absence stopped `allocateClusters`. */
export function needBlock(): u64 {
  return cursor >> BLOCK_BITS
}

/** Notes that clusters below `end` are written or about to be. */
export function useUpTo(end: u64): void {
  const layer = layerAt(0)
  cleanFrom = max(cleanFrom, end)
  layer.fileBytes = max(layer.fileBytes, cleanFrom << OWN_CLUSTER_BITS)
}

/** Puts refcounts of 1 for a new block's own cluster, once its table entry is set. Its slice has to be cached. */
export function countBlockItself(block: u64): i32 {
  const status = findRefcount(block << BLOCK_BITS)
  if (status != DiskStatus.DONE) return status
  put16(refcountAt, 1)
  cacheDirty(0, refcountOffset, FlushPhase.REFBLOCKS)
  return DiskStatus.DONE
}

/** Whether another freed run can be taken. */
export function freedIsFull(): bool {
  return freedCount + 1 >= FREED_RUN_LIMIT
}

/** How many runs wait for `diskRelease`. */
export function diskFreed(): u32 {
  return freedCount
}

/** Notes clusters that nothing will point at once the tables are flushed; they stay allocated until then. */
export function freeLater(offset: u64, count: u32, wasTable: bool): void {
  const start = offset >> OWN_CLUSTER_BITS
  if (freedCount > 0) {
    const last = changetype<FreedRun>(freedRuns + <usize>(freedCount - 1) * offsetof<FreedRun>())
    if (last.start + last.count == start && last.wasTable == wasTable) {
      last.count += count
      return
    }
  }
  const run = changetype<FreedRun>(freedRuns + <usize>freedCount * offsetof<FreedRun>())
  freedCount++
  run.start = start
  run.count = count
  run.wasTable = wasTable
}

/**
 * Frees one of the runs that wait, or a part of it. To be called after the flush of the tables that no longer point there, and
 * when no reader is still on its way there. Answers STEP with the freed place, WANT, or DONE when none waits.
 */
export function diskRelease(): i32 {
  if (freedCount == 0) return DiskStatus.DONE
  const run = changetype<FreedRun>(freedRuns + <usize>(freedCount - 1) * offsetof<FreedRun>())
  const status = findRefcount(run.start)
  if (status != DiskStatus.DONE) return status
  const left = (SLICE_BYTES - (<u32>refcountOffset & (SLICE_BYTES - 1))) >> 1
  const count = min(run.count, left)
  for (let i: u32 = 0; i < count; i++) {
    const refcount: u32 = refcountAt == 0 ? 0 : be16(refcountAt + (i << 1))
    if (refcount != 1) return refuseDisk(Refusal.VALUE, Field.REFCOUNT, refcount, 0)
  }
  memory.fill(refcountAt, 0, count << 1)
  cacheDirty(0, refcountOffset, FlushPhase.REFBLOCKS)
  const host = run.start << OWN_CLUSTER_BITS
  const bytes = <u64>count << OWN_CLUSTER_BITS
  if (run.wasTable) cacheDrop(0, host, bytes)
  cursor = min(cursor, run.start)
  setFact(DiskFact.STEP_KIND, StepKind.FREED)
  setFact(DiskFact.STEP_HOST, <f64>host)
  setFact(DiskFact.STEP_BYTES, <f64>bytes)
  run.start += count
  run.count -= count
  if (run.count == 0) freedCount--
  return DiskStatus.STEP
}
