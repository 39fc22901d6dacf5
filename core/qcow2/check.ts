// The check of a qcow2 image: everything that refers to a cluster is counted, the counts are compared
// with the stored refcounts, and every entry of every table is judged.
//
//   checkBegin -> 0, then   checkStep -> READ   (the host reads, and calls again)
//                                     -> DONE   (the facts are the report)
//                                     -> FAILED (the image cannot be checked)
//
// Each walk: stored refcounts of the window -> header, active L1 -> snapshots -> refcount table
//            -> bitmaps -> refcount blocks -> comparison.

import { allocate, ensureExchange } from '../memory'
import { CHECK_CLUSTER_LIMIT, CHECK_FINDING_LIMIT, CHECK_WINDOW_CLUSTERS, CHECK_WORK_BYTES, CHECK_WORK_FACTOR } from '../limits'
import { Field, Refusal } from './abi'
import { CheckFact, CheckStep } from './check-abi'
import { beginItems, walkBitmaps, walkSnapshots } from './check-items'
import { beginBlocks, walkBlocks, walkStored } from './check-refcounts'
import { CELL_COUNT, CELL_METADATA, Check, count, Slice } from './check-state'
import { beginL1, walkL1 } from './check-tables'
import { parseHeader } from './header'
import { Header } from './header-facts'
import { fillFacts } from './image'

namespace Phase {
  export const STORED: i32 = 0
  export const ACTIVE: i32 = 1
  export const SNAPSHOTS: i32 = 2
  export const BITMAPS: i32 = 3
  export const BLOCKS: i32 = 4
  export const COMPARE: i32 = 5
}

const SLICE_BYTES: u32 = 256 << 10
const SMALL_SLICE_BYTES: u32 = 64 << 10

let check: usize = 0
let facts: usize = 0

/** Forgets the check; its memory is gone with the arena. */
export function resetCheck(): void {
  check = 0
  facts = 0
}

/**
 * Begins a check of the file whose first `lengthBytes` bytes are in the exchange buffer: 0, `Refusal.MORE` or another
 * refusal, as `imageParse`; then the facts of the header are at `imageFacts()`.
 */
export function checkBegin(lengthBytes: u32, fileBytes: f64): i32 {
  const header = changetype<Header>(allocate(<u32>offsetof<Header>()))
  const bytes = ensureExchange(lengthBytes)
  const c = changetype<Check>(allocate(<u32>offsetof<Check>()))
  if (changetype<usize>(header) == 0 || bytes == 0 || changetype<usize>(c) == 0) return Refusal.LIMIT
  const refusal = parseHeader(bytes, lengthBytes, <u64>fileBytes, header)
  if (!fillFacts(header)) return Refusal.LIMIT
  if (refusal != Refusal.NONE) return refusal
  c.header = header
  c.fileBytes = <u64>fileBytes
  c.totalClusters = (c.fileBytes + c.clusterBytes - 1) >> c.clusterBits
  c.windowLimit = min(c.totalClusters + 1, CHECK_WINDOW_CLUSTERS)
  const order = header.refcountOrder
  c.refcountMax = order < 5 ? <u32>((<u64>1 << (<u64>1 << order)) - 1) : CELL_COUNT
  c.first = true
  c.endClusters = 1
  c.findings = allocate(CHECK_FINDING_LIMIT * 32)
  c.counts = allocate(<u32>(c.windowLimit << 2))
  facts = allocate(CheckFact.COUNT * 8)
  if (c.findings == 0 || c.counts == 0 || facts == 0 || !makeSlices(c)) return Refusal.LIMIT
  check = changetype<usize>(c)
  if (c.totalClusters > CHECK_CLUSTER_LIMIT) c.fail(Refusal.LIMIT, Field.HEADER, c.fileBytes)
  else beginWindow(c, 0)
  return Refusal.NONE
}

function makeSlices(c: Check): bool {
  const first = allocate(<u32>offsetof<Slice>() * 5)
  const buffers = allocate(SLICE_BYTES + SMALL_SLICE_BYTES * 4)
  if (first == 0 || buffers == 0) return false
  c.entries = placeSlice(first, 0, buffers, SLICE_BYTES)
  c.outer = placeSlice(first, 1, buffers + SLICE_BYTES, SMALL_SLICE_BYTES)
  c.table = placeSlice(first, 2, buffers + SLICE_BYTES + SMALL_SLICE_BYTES, SMALL_SLICE_BYTES)
  c.lookTable = placeSlice(first, 3, buffers + SLICE_BYTES + SMALL_SLICE_BYTES * 2, SMALL_SLICE_BYTES)
  c.lookBlock = placeSlice(first, 4, buffers + SLICE_BYTES + SMALL_SLICE_BYTES * 3, SMALL_SLICE_BYTES)
  return true
}

function placeSlice(first: usize, index: u32, buffer: usize, bytes: u32): Slice {
  const slice = changetype<Slice>(first + index * offsetof<Slice>())
  slice.buffer = buffer
  slice.capacityBytes = bytes
  return slice
}

function beginWindow(c: Check, start: u64): void {
  c.windowStart = start
  c.windowClusters = min(c.totalClusters + 1 - start, c.windowLimit)
  memory.fill(c.counts, 0, <usize>(c.windowClusters << 2))
  c.workBytes = 0
  c.workLimitBytes = CHECK_WORK_BYTES + c.fileBytes * CHECK_WORK_FACTOR
  c.phase = Phase.STORED
  beginBlocks(c)
}

/** Goes on until bytes are wanted or the check has ended: a `CheckStep`. */
export function checkStep(): i32 {
  if (check == 0) return CheckStep.FAILED
  const c = changetype<Check>(check)
  if (changetype<usize>(c.pending) != 0) {
    c.pending.fileOffset = c.readOffset
    c.pending.loadedBytes = c.readBytes
    c.pending = changetype<Slice>(0)
  }
  while (c.refusal == Refusal.NONE) {
    if (!runPhase(c)) return c.refusal == Refusal.NONE ? CheckStep.READ : CheckStep.FAILED
    if (c.phase < Phase.COMPARE) {
      enterPhase(c, c.phase + 1)
      continue
    }
    const next = c.windowStart + c.windowClusters
    if (next > c.totalClusters) return c.refusal == Refusal.NONE ? CheckStep.DONE : CheckStep.FAILED
    c.first = false
    beginWindow(c, next)
  }
  return CheckStep.FAILED
}

function runPhase(c: Check): bool {
  switch (c.phase) {
    case Phase.STORED:
      return walkStored(c, false)
    case Phase.ACTIVE:
      return walkL1(c)
    case Phase.SNAPSHOTS:
      return walkSnapshots(c)
    case Phase.BITMAPS:
      return walkBitmaps(c)
    case Phase.BLOCKS:
      return walkBlocks(c)
    default:
      return walkStored(c, true)
  }
}

function enterPhase(c: Check, phase: i32): void {
  const header = c.header
  c.phase = phase
  if (phase == Phase.ACTIVE) {
    count(c, 0, c.clusterBytes, CELL_METADATA)
    beginL1(c, header.l1Offset, header.l1Entries, true)
  } else if (phase == Phase.SNAPSHOTS) {
    beginItems(c, header.snapshotsOffset)
  } else if (phase == Phase.BITMAPS) {
    count(c, header.reftableOffset, <u64>header.reftableClusters << header.clusterBits, CELL_METADATA)
    beginItems(c, header.bitmapDirectoryOffset)
  } else if (phase == Phase.BLOCKS) {
    c.blockNext = 0
  } else {
    beginBlocks(c)
  }
}

function fact(index: i32, value: f64): void {
  store<f64>(facts + (<usize>index << 3), value)
}

/** A pointer to `CheckFact.COUNT` f64s about the check as it is now; 0 before it has begun. */
export function checkFacts(): usize {
  if (check == 0) return 0
  const c = changetype<Check>(check)
  fact(CheckFact.READ_OFFSET, <f64>c.readOffset)
  fact(CheckFact.READ_BYTES, c.readBytes)
  fact(CheckFact.READ_AT, changetype<usize>(c.pending) == 0 ? 0 : <f64>c.pending.buffer)
  fact(CheckFact.PROGRESS, progress(c))
  fact(CheckFact.REFUSAL, c.refusal)
  fact(CheckFact.FIELD, c.field)
  fact(CheckFact.VALUE, <f64>c.value)
  fact(CheckFact.CORRUPTIONS, <f64>c.corruptions)
  fact(CheckFact.LEAKS, <f64>c.leaks)
  fact(CheckFact.CHECK_ERRORS, <f64>c.checkErrors)
  fact(CheckFact.OVERLOOKED, <f64>c.overlooked)
  fact(CheckFact.TOTAL_CLUSTERS, <f64>((c.header.virtualSizeBytes + c.clusterBytes - 1) >> c.clusterBits))
  fact(CheckFact.ALLOCATED_CLUSTERS, <f64>c.allocated)
  fact(CheckFact.COMPRESSED_CLUSTERS, <f64>c.compressed)
  fact(CheckFact.FRAGMENTED_CLUSTERS, <f64>c.fragmented)
  fact(CheckFact.IMAGE_END_OFFSET, <f64>(c.endClusters << c.clusterBits))
  fact(CheckFact.FINDING_COUNT, c.findingCount)
  fact(CheckFact.FINDINGS_AT, <f64>c.findings)
  return facts
}

/** How much is done: the windows, and in each nearly all is the walk over the active L1 table. */
function progress(c: Check): f64 {
  const windows = <f64>(c.totalClusters / CHECK_WINDOW_CLUSTERS + 1)
  const done = <f64>(c.windowStart / CHECK_WINDOW_CLUSTERS)
  const within = c.phase < Phase.ACTIVE ? 0 : c.phase > Phase.ACTIVE ? 1 : <f64>c.l1Next / <f64>max<u32>(c.l1Entries, 1)
  return (done + within) / windows
}
