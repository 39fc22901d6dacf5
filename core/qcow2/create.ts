// The bytes of a new image of our own form: header, refcount table, one refcount block, L1 table.
//
//   cluster 0        header, backing format extension, backing file name
//   cluster 1        refcount table (one cluster: room for 16 TiB of file)
//   cluster 2        refcount block of the first 32,768 clusters
//   cluster 3...     L1 table, all zeros (at most 512 clusters, so one refcount block is enough)

import { L1_LIMIT_BYTES, OFFSET_LIMIT_BYTES } from '../limits'
import { allocate } from '../memory'
import { BackingFormat, BackingName, Field, Refusal } from './abi'
import { classifyBackingName } from './backing-name'
import { put16, put32, put64 } from './bytes'
import { EXTENSION_BACKING_FORMAT } from './extensions'
import { OWN_CLUSTER_BITS } from './header-facts'

const CLUSTER_BYTES: u64 = 1 << OWN_CLUSTER_BITS
const L2_COVERAGE_BYTES: u64 = CLUSTER_BYTES * (CLUSTER_BYTES >> 3)
const HEADER_BYTES: u32 = 112
/** The name's place: behind the format extension (16 bytes) and the end marker (8). */
const NAME_OFFSET: u32 = HEADER_BYTES + 24
const REFTABLE_OFFSET: u64 = CLUSTER_BYTES
const REFBLOCK_OFFSET: u64 = CLUSTER_BYTES * 2
const L1_OFFSET: u64 = CLUSTER_BYTES * 3
const SEGMENTS: u32 = 3

/** Bytes that belong at `offset` of a new file. */
@unmanaged
export class Segment {
  offset: u64
  pointer: usize
  bytes: u32
}

/** What to write into an empty file, in any order; then its length is set, the rest reads as zeros. */
@unmanaged
export class ImagePlan {
  /** After a refusal: the `Field` it is about. */
  field: i32
  segmentCount: u32
  /** The first of `segmentCount` Segments. */
  segments: usize
  fileBytes: u64

  segment(index: u32): Segment {
    return changetype<Segment>(this.segments + <usize>index * offsetof<Segment>())
  }
}

/**
 * Plans a new image of `virtualSizeBytes` (a multiple of 512), on the backing file named by the bytes at `backingName`, or
 * on none where their number is 0. Answers 0 or a refusal. The plan's bytes are allocated in the arena.
 */
export function planImage(virtualSizeBytes: u64, backingName: usize, backingNameBytes: u32, backingFormat: i32, plan: ImagePlan): i32 {
  memory.fill(changetype<usize>(plan), 0, offsetof<ImagePlan>())
  plan.field = Field.VIRTUAL_SIZE
  if ((virtualSizeBytes & 511) != 0) return Refusal.VALUE
  if (virtualSizeBytes > OFFSET_LIMIT_BYTES) return Refusal.LIMIT
  // One entry at least, so that every image has an L1 table.
  const l1Entries = max<u64>(1, (virtualSizeBytes + L2_COVERAGE_BYTES - 1) / L2_COVERAGE_BYTES)
  if (l1Entries << 3 > L1_LIMIT_BYTES) return Refusal.LIMIT
  if (backingNameBytes != 0) {
    const kind = classifyBackingName(backingName, backingNameBytes)
    plan.field = Field.BACKING_FILE_NAME
    if (kind == BackingName.MALFORMED) return Refusal.TEXT
    if (kind != BackingName.HOME && kind != BackingName.PLAIN) return Refusal.NAME
    plan.field = Field.BACKING_FORMAT
    if (backingFormat != BackingFormat.RAW && backingFormat != BackingFormat.QCOW2) return Refusal.VALUE
  }
  const l1Clusters = <u32>(((l1Entries << 3) + CLUSTER_BYTES - 1) >> OWN_CLUSTER_BITS)
  const clusters: u32 = 3 + l1Clusters
  const headerBytes = NAME_OFFSET + backingNameBytes
  plan.field = Field.MEMORY
  plan.segments = allocate(<u32>offsetof<Segment>() * SEGMENTS)
  const header = allocate(headerBytes)
  const reftable = allocate(8)
  const refblock = allocate(clusters * 2)
  if (plan.segments == 0 || header == 0 || reftable == 0 || refblock == 0) return Refusal.LIMIT
  fillHeader(header, virtualSizeBytes, <u32>l1Entries, backingName, backingNameBytes, backingFormat)
  put64(reftable, REFBLOCK_OFFSET)
  for (let i: u32 = 0; i < clusters; i++) put16(refblock + (i << 1), 1)
  setSegment(plan.segment(0), 0, header, headerBytes)
  setSegment(plan.segment(1), REFTABLE_OFFSET, reftable, 8)
  setSegment(plan.segment(2), REFBLOCK_OFFSET, refblock, clusters * 2)
  plan.segmentCount = SEGMENTS
  plan.fileBytes = <u64>clusters << OWN_CLUSTER_BITS
  plan.field = Field.NONE
  return Refusal.NONE
}

function setSegment(segment: Segment, offset: u64, pointer: usize, bytes: u32): void {
  segment.offset = offset
  segment.pointer = pointer
  segment.bytes = bytes
}

function fillHeader(at: usize, virtualSizeBytes: u64, l1Entries: u32, name: usize, nameBytes: u32, format: i32): void {
  put32(at, 0x5146_49fb)
  put32(at + 4, 3)
  put32(at + 20, OWN_CLUSTER_BITS)
  put64(at + 24, virtualSizeBytes)
  put32(at + 36, l1Entries)
  put64(at + 40, L1_OFFSET)
  put64(at + 48, REFTABLE_OFFSET)
  put32(at + 56, 1)
  put32(at + 96, 4)
  put32(at + 100, HEADER_BYTES)
  if (nameBytes == 0) return
  put64(at + 8, NAME_OFFSET)
  put32(at + 16, nameBytes)
  fillFormat(at + HEADER_BYTES, format)
  memory.copy(at + NAME_OFFSET, name, nameBytes)
}

/** Writes a backing format extension of 16 bytes for raw or qcow2. */
export function fillFormat(at: usize, format: i32): void {
  put32(at, EXTENSION_BACKING_FORMAT)
  store<u64>(at + 8, 0)
  if (format == BackingFormat.RAW) {
    put32(at + 4, 3)
    put32(at + 8, 0x7261_7700)
  } else {
    put32(at + 4, 5)
    put32(at + 8, 0x7163_6f77)
    store<u8>(at + 12, 0x32)
  }
}
