// The state of one check, the table of counts, and how tables are read in slices.
//
// A check is a machine that is stepped: it runs until it needs bytes it has not got, asks for
// them, and is called again. Every walk keeps its place in `Check`, so that it can be left at any
// entry and taken up there; an entry is counted only when all that is needed for it is at hand.
//
// The counts are those of a window of clusters. An image with more clusters than a window has is
// walked once for each; what has nothing to do with counts is judged in the first walk only.

import { CHECK_FINDING_LIMIT } from '../limits'
import { Field, Refusal } from './abi'
import { Finding } from './check-abi'
import { Header } from './header-facts'

/** A cell of the table: how often its cluster is referenced, and what is known of it. */
export const CELL_COUNT: u32 = (1 << 27) - 1
/** The stored refcount is 1; it cannot be read. */
export const CELL_ONE: u32 = 1 << 27
export const CELL_UNREADABLE: u32 = 1 << 28
/** What refers to the cluster: entries for data, L1 entries, anything else. */
export const CELL_DATA: u32 = 1 << 29
export const CELL_L2: u32 = 1 << 30
export const CELL_METADATA: u32 = 1 << 31

/** Least that is read at once, in bytes: a small table's neighbours are often wanted next. */
const READ_AHEAD_BYTES: u32 = 64 << 10

/** A part of the file that is in memory. */
@unmanaged
export class Slice {
  buffer: usize
  capacityBytes: u32
  loadedBytes: u32
  fileOffset: u64
}

@unmanaged
export class Check {
  header: Header
  fileBytes: u64
  /** Clusters of the file; a reference may reach into one more. */
  totalClusters: u64
  endTouched: bool
  /** Whether this is the first walk. */
  first: bool
  active: bool
  phase: i32
  refusal: i32
  field: i32
  value: u64

  counts: usize
  windowStart: u64
  windowClusters: u64
  windowLimit: u64
  refcountMax: u32

  pending: Slice
  readOffset: u64
  readBytes: u32
  workBytes: u64
  workLimitBytes: u64
  outer: Slice
  table: Slice
  entries: Slice
  lookTable: Slice
  lookBlock: Slice

  l1Offset: u64
  l1Entries: u32
  l1Next: u32
  l2Next: u32
  l2Entered: bool
  judgesCopied: bool
  /** Where the next data cluster would lie if the last and it were one run; 0 at the start of an L2 table. */
  contiguous: u64

  /** The place of the walk over refcount blocks: index in the table, next cluster. */
  blockNext: u64
  clusterNext: u64
  /** The place of the walk over snapshots or bitmaps. */
  itemNext: u32
  itemAt: u64
  itemEntered: bool
  itemBytes: u64
  tableOffset: u64
  tableEntries: u32
  tableNext: u32

  corruptions: u64
  leaks: u64
  checkErrors: u64
  overlooked: u64
  allocated: u64
  compressed: u64
  fragmented: u64
  endClusters: u64
  findings: usize
  findingCount: u32

  get clusterBits(): u32 {
    return this.header.clusterBits
  }

  get clusterBytes(): u64 {
    return <u64>1 << this.header.clusterBits
  }

  /** log2 of the clusters that one refcount block is about. */
  get blockBits(): u32 {
    return this.header.clusterBits + 3 - this.header.refcountOrder
  }

  get reftableEntries(): u64 {
    return (<u64>this.header.reftableClusters << this.header.clusterBits) >> 3
  }

  isAligned(offset: u64): bool {
    return (offset & (this.clusterBytes - 1)) == 0
  }

  /** The cell of `cluster`, or 0 when it is not in the window. */
  cell(cluster: u64): usize {
    const index = cluster - this.windowStart
    return index < this.windowClusters ? this.counts + (<usize>index << 2) : 0
  }

  /** Ends the check with a refusal. */
  fail(refusal: i32, field: i32, value: u64): void {
    this.refusal = refusal
    this.field = field
    this.value = value
  }

  note(finding: i32, place: u64, a: u64, b: u64): void {
    if (this.findingCount == CHECK_FINDING_LIMIT) return
    const at = this.findings + <usize>this.findingCount * 32
    store<f64>(at, finding)
    store<f64>(at + 8, <f64>place)
    store<f64>(at + 16, <f64>a)
    store<f64>(at + 24, <f64>b)
    this.findingCount++
  }

  corruption(finding: i32, place: u64, a: u64 = 0, b: u64 = 0): void {
    this.corruptions++
    this.note(finding, place, a, b)
  }

  overlook(finding: i32, place: u64, a: u64 = 0): void {
    this.overlooked++
    this.note(finding, place, a, 0)
  }
}

/**
 * The address of `bytes` bytes of the file at `offset` (zeros behind its end), at most the slice's capacity; or 0 when
 * they have to be read first. `wantedBytes` from `offset` on will be asked for next and count as work.
 */
export function fetch(c: Check, slice: Slice, offset: u64, bytes: u32, wantedBytes: u64): usize {
  const skip = offset - slice.fileOffset
  if (offset >= slice.fileOffset && skip < <u64>slice.loadedBytes && <u64>bytes <= <u64>slice.loadedBytes - skip) return slice.buffer + <usize>skip
  const wanted = <u32>min<u64>(slice.capacityBytes, max<u64>(wantedBytes, bytes))
  if (!work(c, wanted)) return 0
  if (offset >= c.fileBytes) {
    memory.fill(slice.buffer, 0, wanted)
    slice.fileOffset = offset
    slice.loadedBytes = wanted
    return slice.buffer
  }
  slice.loadedBytes = 0
  c.pending = slice
  c.readOffset = offset
  c.readBytes = min(slice.capacityBytes, max(wanted, READ_AHEAD_BYTES))
  return 0
}

/** Enters work into the account; false, and the end of the check, when it is more than an image of this size can be worth. */
export function work(c: Check, bytes: u64): bool {
  c.workBytes += bytes
  if (c.workBytes <= c.workLimitBytes) return true
  c.fail(Refusal.LIMIT, Field.CHECK_WORK, c.workBytes)
  return false
}

/** The bytes that `slice` has from `offset` on, which `fetch` has just given. */
export function loadedFrom(slice: Slice, offset: u64): u64 {
  return slice.fileOffset + slice.loadedBytes - offset
}

/** Counts a reference to each cluster of a place. `kind` is one of the CELL_ bits. */
export function count(c: Check, offset: u64, bytes: u64, kind: u32): void {
  if (bytes == 0) return
  const behind = offset > c.fileBytes ? offset - c.fileBytes : 0
  const inside = c.fileBytes - min(offset, c.fileBytes)
  // The last cluster may lie in the file with its beginning only.
  if (behind >= c.clusterBytes || (bytes > inside && behind + (bytes - inside) >= c.clusterBytes)) {
    if (c.first) c.corruption(Finding.OUTSIDE, offset, bytes)
    return
  }
  const start = max(offset >> c.clusterBits, c.windowStart)
  const last = (offset + bytes - 1) >> c.clusterBits
  if (last == c.totalClusters) c.endTouched = true
  for (let cluster = start; cluster <= last; cluster++) {
    const at = c.cell(cluster)
    if (at == 0) break
    const cell = load<u32>(at)
    if ((cell & CELL_COUNT) == c.refcountMax) {
      if (c.refcountMax == CELL_COUNT) c.fail(Refusal.LIMIT, Field.REFCOUNT, c.refcountMax)
      c.corruption(Finding.OVERFLOW, cluster << c.clusterBits, c.refcountMax)
    } else {
      store<u32>(at, (cell + 1) | kind)
    }
  }
}
