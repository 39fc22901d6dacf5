// A new image of our own form, written front to back by one writer who knows all the content: for
// conversions. The places of the header, the refcount table and the L1 table are those of a new image
// (create.ts); every other cluster is taken in the order of the file. An L2 table is written when the
// writer leaves its range, a refcount block at the end; the header comes last, so that an image that
// was left half-written is none.

import { allocate, ensureExchange } from '../memory'
import { BULK_REFBLOCK_LIMIT } from '../limits'
import { Refusal } from './abi'
import { be16, be32, be64, put16, put64 } from './bytes'
import { ImagePlan, planImage } from './create'
import { OWN_CLUSTER_BITS } from './header-facts'

const CLUSTER_BYTES: u64 = 1 << OWN_CLUSTER_BITS
const TABLE_ENTRIES: u64 = CLUSTER_BYTES >> 3
const BLOCK_ENTRIES: u64 = CLUSTER_BYTES >> 1
const COPIED: u64 = 1 << 63
const COMPRESSED: u64 = 1 << 62
const ZERO: u64 = 1
/** Where the number of further sectors begins in a compressed entry: 62 - (cluster_bits - 8). */
const SECTORS_SHIFT: u64 = 62 - (OWN_CLUSTER_BITS - 8)
const REFCOUNT_MAX: u32 = 0xffff
/** Most places that one call hands out to be written: all tables at the end. */
const WRITES_MAX: u32 = BULK_REFBLOCK_LIMIT + 4
const NO_TABLE: u64 = u64.MAX_VALUE

@unmanaged
class Bulk {
  plan: ImagePlan
  virtualSizeBytes: u64
  l1: usize
  l1Bytes: u32
  /** The L2 table being filled, whose it is, and the buffer of the one handed out last. */
  l2: usize
  l2Other: usize
  l2Index: u64
  nextGuest: u64
  /** Where the next cluster, and the next compressed data, go. */
  nextCluster: u64
  packedOffset: u64
  packedEnd: u64
  /** Pointers to the refcount blocks, each in memory. */
  blocks: usize
  blockCount: u32
  writes: usize
  writeCount: u32
}

let bulk: usize = 0

/** Forgets the image; its memory is gone with the arena. */
export function resetBulk(): void {
  bulk = 0
}

/** Begins an image as `planImage` describes it, the backing name in the exchange buffer: 0 or a `Refusal`. */
export function bulkBegin(virtualSizeBytes: f64, backingNameBytes: u32, backingFormat: i32): i32 {
  const plan = changetype<ImagePlan>(allocate(<u32>offsetof<ImagePlan>()))
  const b = changetype<Bulk>(allocate(<u32>offsetof<Bulk>()))
  const name = ensureExchange(backingNameBytes)
  if (changetype<usize>(plan) == 0 || changetype<usize>(b) == 0 || name == 0) return Refusal.LIMIT
  const refusal = planImage(<u64>virtualSizeBytes, name, backingNameBytes, backingFormat, plan)
  if (refusal != Refusal.NONE) return refusal
  b.plan = plan
  b.virtualSizeBytes = <u64>virtualSizeBytes
  b.l1Bytes = be32(plan.segment(0).pointer + 36) << 3
  b.l1 = allocate(b.l1Bytes)
  b.l2 = allocate(<u32>CLUSTER_BYTES)
  b.l2Other = allocate(<u32>CLUSTER_BYTES)
  b.l2Index = NO_TABLE
  b.blocks = allocate(BULK_REFBLOCK_LIMIT * 4)
  b.writes = allocate(8 + WRITES_MAX * 24)
  if (b.l1 == 0 || b.l2 == 0 || b.l2Other == 0 || b.blocks == 0 || b.writes == 0) return Refusal.LIMIT
  const planned = plan.fileBytes >> OWN_CLUSTER_BITS
  for (; b.nextCluster < planned; b.nextCluster++) if (!refer(b, b.nextCluster)) return Refusal.LIMIT
  bulk = changetype<usize>(b)
  return Refusal.NONE
}

/** One more reference to `cluster`. Blocks come in the order of the file. False when memory is out. */
function refer(b: Bulk, cluster: u64): bool {
  const index = <u32>(cluster / BLOCK_ENTRIES)
  if (index >= BULK_REFBLOCK_LIMIT) return false
  const slot = b.blocks + (<usize>index << 2)
  if (load<u32>(slot) == 0) {
    const block = allocate(<u32>CLUSTER_BYTES)
    if (block == 0) return false
    store<u32>(slot, <u32>block)
    b.blockCount = index + 1
  }
  const at = <usize>load<u32>(slot) + (<usize>(cluster % BLOCK_ENTRIES) << 1)
  put16(at, be16(at) + 1)
  return true
}

function references(b: Bulk, cluster: u64): u32 {
  return be16(<usize>load<u32>(b.blocks + (<usize>(cluster / BLOCK_ENTRIES) << 2)) + (<usize>(cluster % BLOCK_ENTRIES) << 1))
}

/** The next cluster that is free for data or a table; the first of each further block's range is the block's own. 0: no room. */
function take(b: Bulk): u64 {
  if (b.nextCluster % BLOCK_ENTRIES == 0) {
    if (!refer(b, b.nextCluster)) return 0
    b.nextCluster++
  }
  const cluster = b.nextCluster
  if (!refer(b, cluster)) return 0
  b.nextCluster++
  return cluster << OWN_CLUSTER_BITS
}

function write(b: Bulk, offset: u64, pointer: usize, bytes: u32): void {
  const at = b.writes + 8 + <usize>b.writeCount * 24
  store<f64>(at, <f64>offset)
  store<f64>(at + 8, <f64>pointer)
  store<f64>(at + 16, bytes)
  b.writeCount++
}

/** Hands out the L2 table that is being filled, if there is one, and goes on with the other buffer. */
function leaveTable(b: Bulk): bool {
  if (b.l2Index == NO_TABLE) return true
  const offset = take(b)
  if (offset == 0) return false
  put64(b.l1 + (<usize>b.l2Index << 3), offset | COPIED)
  write(b, offset, b.l2, <u32>CLUSTER_BYTES)
  const filled = b.l2
  b.l2 = b.l2Other
  b.l2Other = filled
  b.l2Index = NO_TABLE
  return true
}

/** Makes the table of the cluster at `guest` the one that is filled: 0 or a `Refusal`. */
function enter(b: Bulk, guest: u64): i32 {
  b.writeCount = 0
  if ((guest & (CLUSTER_BYTES - 1)) != 0 || guest < b.nextGuest || guest >= b.virtualSizeBytes) return Refusal.ARGUMENT
  const index = (guest >> OWN_CLUSTER_BITS) / TABLE_ENTRIES
  if (index != b.l2Index) {
    if (!leaveTable(b)) return Refusal.LIMIT
    b.l2Index = index
    memory.fill(b.l2, 0, <usize>CLUSTER_BYTES)
  }
  b.nextGuest = guest + CLUSTER_BYTES
  return Refusal.NONE
}

function setEntry(b: Bulk, guest: u64, entry: u64): void {
  put64(b.l2 + (<usize>((guest >> OWN_CLUSTER_BITS) % TABLE_ENTRIES) << 3), entry)
}

/** A place for `bytes` bytes of compressed data: behind the last, where the next cluster of the file is free as well. 0: no room. */
function pack(b: Bulk, bytes: u32): u64 {
  const isFollowed = b.packedEnd == b.nextCluster << OWN_CLUSTER_BITS && b.nextCluster % BLOCK_ENTRIES != 0
  const fits = b.packedOffset + bytes <= b.packedEnd
  const isShared = b.packedOffset < b.packedEnd
  if (isShared && (fits || isFollowed) && references(b, b.packedOffset >> OWN_CLUSTER_BITS) < REFCOUNT_MAX) {
    if (!refer(b, b.packedOffset >> OWN_CLUSTER_BITS)) return 0
    if (!fits) {
      const next = take(b)
      if (next == 0) return 0
      b.packedEnd = next + CLUSTER_BYTES
    }
  } else {
    b.packedOffset = take(b)
    if (b.packedOffset == 0) return 0
    b.packedEnd = b.packedOffset + CLUSTER_BYTES
  }
  const offset = b.packedOffset
  b.packedOffset += bytes
  return offset
}

/** A pointer to what is to be written now: an f64 count, then offset, pointer and bytes of each. Valid until the next call. */
export function bulkWrites(): usize {
  if (bulk == 0) return 0
  const b = changetype<Bulk>(bulk)
  store<f64>(b.writes, b.writeCount)
  return b.writes
}

/**
 * Enters the cluster at `guestOffset`, behind all that were entered before: as it is for `bytes` 0, as `bytes` bytes of
 * compressed data else. Answers where in the file it goes, or minus a `Refusal`. May leave an L2 table for `bulkWrites`.
 */
export function bulkPlace(guestOffset: f64, bytes: u32): f64 {
  if (bulk == 0 || bytes >= <u32>CLUSTER_BYTES) return -Refusal.ARGUMENT
  const b = changetype<Bulk>(bulk)
  const refusal = enter(b, <u64>guestOffset)
  if (refusal != Refusal.NONE) return -refusal
  const offset = bytes == 0 ? take(b) : pack(b, bytes)
  if (offset == 0) return -Refusal.LIMIT
  const sectors = bytes == 0 ? 0 : ((offset + bytes - 1) >> 9) - (offset >> 9)
  setEntry(b, <u64>guestOffset, bytes == 0 ? offset | COPIED : offset | COMPRESSED | (sectors << SECTORS_SHIFT))
  return <f64>offset
}

/** Enters the cluster at `guestOffset` as zeros, whatever the backing file has there: 0 or a `Refusal`. */
export function bulkZero(guestOffset: f64): i32 {
  if (bulk == 0) return Refusal.ARGUMENT
  const b = changetype<Bulk>(bulk)
  const refusal = enter(b, <u64>guestOffset)
  if (refusal == Refusal.NONE) setEntry(b, <u64>guestOffset, ZERO)
  return refusal
}

/**
 * Ends the image. Answers the length of its file, or minus a `Refusal`; `bulkWrites` has every table that is left, the
 * header last.
 */
export function bulkEnd(): f64 {
  if (bulk == 0) return -Refusal.ARGUMENT
  const b = changetype<Bulk>(bulk)
  b.writeCount = 0
  if (!leaveTable(b)) return -Refusal.LIMIT
  const header = b.plan.segment(0)
  const reftable = allocate(b.blockCount << 3)
  if (reftable == 0) return -Refusal.LIMIT
  for (let i: u32 = 0; i < b.blockCount; i++) {
    // The first block has the place that the plan gave it, the others the first cluster of their range.
    const offset = i == 0 ? b.plan.segment(2).offset : (<u64>i * BLOCK_ENTRIES) << OWN_CLUSTER_BITS
    put64(reftable + (<usize>i << 3), offset)
    write(b, offset, <usize>load<u32>(b.blocks + (<usize>i << 2)), <u32>CLUSTER_BYTES)
  }
  write(b, b.plan.segment(1).offset, reftable, b.blockCount << 3)
  write(b, be64(header.pointer + 40), b.l1, b.l1Bytes)
  write(b, 0, header.pointer, header.bytes)
  return <f64>(b.nextCluster << OWN_CLUSTER_BITS)
}
