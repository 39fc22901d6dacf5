// Tables that have become too small: the refcount table when the file outgrows it, the L1 table when
// the disk is made larger. A larger copy is made elsewhere and synced; then one write inside the
// header's first sector switches to it, so that a crash sees the old or the new table.

import { L1_LIMIT_BYTES, OFFSET_LIMIT_BYTES, REFTABLE_LIMIT_BYTES } from '../limits'
import { allocate as allocateMemory, ensureExchange } from '../memory'
import { DiskFact, DiskStatus, Field, Refusal, StepKind } from './abi'
import { put16, put32, put64 } from './bytes'
import { layerAt, onFixedStructure, refuseDisk, setFact } from './chain'
import { OWN_CLUSTER_BITS } from './header-facts'
import { isKnownMetadata } from './known-metadata'
import { allocatedStart, BLOCK_BITS, CLUSTER_BYTES, freeLater, useUpTo } from './refcounts'

/** Places in the header: l1_size and l1_table_offset, refcount_table_offset and _clusters, size. */
const HEADER_L1: u64 = 36
const HEADER_REFTABLE: u64 = 48
const HEADER_SIZE: u64 = 24
/** Room for the refcounts of the largest refcount table, and for the small parts before them. */
const SCRATCH_BYTES: u32 = 1024

let isReftable: bool = false
let newHost: u64 = 0
let newEntries: u64 = 0
/** The block that describes the new refcount table, and itself. */
let newBlock: u64 = 0
let scratch: usize = 0

/** Plans a refcount table that has an entry for `block`. It lies behind that block, in the block's own clusters. STEP or a refusal. */
export function moveReftable(block: u64): i32 {
  const layer = layerAt(0)
  let bytes = layer.reftableBytes * 2
  while (bytes >> 3 <= block) bytes *= 2
  if (bytes > REFTABLE_LIMIT_BYTES) return refuseDisk(Refusal.LIMIT, Field.REFCOUNT_TABLE_CLUSTERS, bytes >> OWN_CLUSTER_BITS, 0)
  const host = (block << BLOCK_BITS) << OWN_CLUSTER_BITS
  const end = host + CLUSTER_BYTES + bytes
  if (end > OFFSET_LIMIT_BYTES) return refuseDisk(Refusal.LIMIT, Field.HEADER, end, 0)
  for (let at = host; at < end; at += CLUSTER_BYTES) {
    if (onFixedStructure(layer, at, CLUSTER_BYTES) || isKnownMetadata(at >> OWN_CLUSTER_BITS))
      return refuseDisk(Refusal.OVERLAP, Field.REFCOUNT_TABLE_ENTRY, at, 0)
  }
  isReftable = true
  newBlock = block
  newEntries = bytes >> 3
  newHost = host + CLUSTER_BYTES
  useUpTo(end >> OWN_CLUSTER_BITS)
  return planMove(host, end - host, layer.reftableOffset, layer.reftableBytes)
}

/** Plans an L1 table of `entries` in the clusters that were allocated last. STEP or a refusal. */
export function moveL1(entries: u64): i32 {
  const layer = layerAt(0)
  isReftable = false
  newEntries = entries
  newHost = allocatedStart
  return planMove(newHost, l1Clusters(entries) << OWN_CLUSTER_BITS, layer.l1Offset, <u64>layer.l1Entries << 3)
}

/** Clusters of an L1 table. */
export function l1Clusters(entries: u64): u64 {
  return ((entries << 3) + CLUSTER_BYTES - 1) >> OWN_CLUSTER_BITS
}

function planMove(host: u64, bytes: u64, oldHost: u64, oldBytes: u64): i32 {
  setFact(DiskFact.STEP_KIND, StepKind.MOVE)
  setFact(DiskFact.STEP_HOST, <f64>host)
  setFact(DiskFact.STEP_BYTES, <f64>bytes)
  setFact(DiskFact.STEP_TABLE, <f64>newHost)
  setFact(DiskFact.STEP_OLD_HOST, <f64>oldHost)
  setFact(DiskFact.STEP_OLD_BYTES, <f64>oldBytes)
  return DiskStatus.STEP
}

/**
 * Puts small pieces to be written (offset, pointer, bytes as f64) into the exchange buffer; how many. Part 0 belongs to the table
 * that moves, part 1 is the switch in the header, part 2 the virtual size in the header.
 */
export function diskParts(part: i32): i32 {
  if (scratch == 0) scratch = allocateMemory(SCRATCH_BYTES)
  const out = ensureExchange(48)
  if (scratch == 0 || out == 0) return refuseDisk(Refusal.LIMIT, Field.MEMORY, 0, 0)
  const layer = layerAt(0)
  if (part == 2) {
    put64(scratch, layer.sizeBytes)
    return piece(out, 0, HEADER_SIZE, scratch, 8)
  }
  if (part == 1) {
    if (isReftable) {
      put64(scratch, newHost)
      put32(scratch + 8, <u32>((newEntries << 3) >> OWN_CLUSTER_BITS))
    } else {
      put32(scratch, <u32>newEntries)
      put64(scratch + 4, newHost)
    }
    return piece(out, 0, isReftable ? HEADER_REFTABLE : HEADER_L1, scratch, 12)
  }
  if (!isReftable) return 0
  put64(scratch, newHost - CLUSTER_BYTES)
  piece(out, 0, newHost + (newBlock << 3), scratch, 8)
  const clusters: u32 = 1 + <u32>((newEntries << 3) >> OWN_CLUSTER_BITS)
  for (let i: u32 = 0; i < clusters; i++) put16(scratch + 8 + (i << 1), 1)
  return piece(out, 1, newHost - CLUSTER_BYTES, scratch + 8, clusters << 1)
}

function piece(out: usize, index: i32, offset: u64, pointer: usize, bytes: u32): i32 {
  const at = out + <usize>(index * 24)
  store<f64>(at, <f64>offset)
  store<f64>(at + 8, <f64>pointer)
  store<f64>(at + 16, bytes)
  return index + 1
}

/** The header names the new table now: uses it, and frees the old one's place. */
export function finishMove(): void {
  const layer = layerAt(0)
  if (isReftable) {
    freeLater(layer.reftableOffset, <u32>(layer.reftableBytes >> OWN_CLUSTER_BITS), true)
    layer.reftableOffset = newHost
    layer.reftableBytes = newEntries << 3
    return
  }
  freeLater(layer.l1Offset, <u32>l1Clusters(layer.l1Entries), true)
  layer.l1Offset = newHost
  layer.l1Entries = <u32>newEntries
}

/** Whether a disk of `sizeBytes` can be: its L1 entries, or 0 where they would be over the limit. */
export function l1EntriesFor(sizeBytes: u64): u64 {
  const coverageBits = OWN_CLUSTER_BITS + OWN_CLUSTER_BITS - 3
  const entries = (sizeBytes + ((<u64>1 << coverageBits) - 1)) >> coverageBits
  return entries << 3 > L1_LIMIT_BYTES ? 0 : max<u64>(entries, 1)
}

export function moveTableInit(): void {
  scratch = 0
}
