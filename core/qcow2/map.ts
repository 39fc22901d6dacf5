// From guest bytes to file bytes. `diskMap` walks the chain from the top: a run that one layer
// leaves to the next is cut to what the next one says of it, so an answer is a list of runs that
// each have one source. Where metadata is missing it answers what it has, or asks for the slice.

import { EXTENTS_LIMIT } from '../limits'
import { ensureExchange } from '../memory'
import { DiskFact, DiskStatus, ExtentFact, ExtentKind, Field, Refusal } from './abi'
import { be64 } from './bytes'
import { SLICE_BYTES } from './cache'
import { judgeCluster, Layer, layerAt, layerCount, refuseDisk, setFact, tableEntry } from './chain'

const L1_RESERVED: u64 = 0x7f00_0000_0000_01ff
export const L2_RESERVED: u64 = 0x3f00_0000_0000_01fe
export const OFFSET_MASK: u64 = 0x00ff_ffff_ffff_fe00
export const COPIED: u64 = 1 << 63
export const COMPRESSED: u64 = 1 << 62
export const ZERO_FLAG: u64 = 1
const SECTOR_BYTES: u64 = 512

// What `findRun` and `judgeEntry` found. One request at a time is in the core, so these are its registers.
let runKind: i32 = 0
let runLength: u64 = 0
let runHost: u64 = 0
let runHostBytes: u64 = 0

/**
 * Puts up to EXTENTS_LIMIT extents behind `length` guest bytes at `offset`, as layers from `depth` down have them, into the
 * exchange buffer (`ExtentFact`). Answers how many there are, WANT with where to go on, or a refusal. `length` is not 0.
 */
export function diskMap(offset: f64, length: f64, depth: u32): i32 {
  const out = ensureExchange(EXTENTS_LIMIT * ExtentFact.COUNT * 8)
  if (out == 0) return refuseDisk(Refusal.LIMIT, Field.MEMORY, 0, 0)
  if (!(offset >= 0 && length > 0 && offset + length <= 9007199254740991)) return refuseDisk(Refusal.ARGUMENT, Field.RANGE, 0, 0)
  const end = <u64>offset + <u64>length
  let position = <u64>offset
  let count: u32 = 0
  while (position < end && count < EXTENTS_LIMIT) {
    const status = walk(position, end, depth)
    if (status != DiskStatus.DONE) return count > 0 ? count : status
    count = emit(out, count, position)
    position += runLength
  }
  return count
}

// The layer in which `walk` found its run.
let runDepth: u32 = 0

/** Finds the run at `position` in the layers from `depth` down. */
function walk(position: u64, end: u64, depth: u32): i32 {
  runLength = end - position
  for (runDepth = depth; runDepth < layerCount; runDepth++) {
    const layer = layerAt(runDepth)
    // A shorter layer reads as zeros past its end, whatever lies below it.
    if (position >= layer.sizeBytes) return unallocated()
    const status = findRun(layer, position, min(position + runLength, layer.sizeBytes))
    if (status != DiskStatus.DONE) {
      setFact(DiskFact.RESUME_LENGTH, <f64>runLength)
      setFact(DiskFact.RESUME_DEPTH, runDepth)
      return status
    }
    if (runKind != ExtentKind.UNALLOCATED) return DiskStatus.DONE
  }
  runDepth = layerCount - 1
  return unallocated()
}

function unallocated(): i32 {
  runKind = ExtentKind.UNALLOCATED
  runHost = 0
  runHostBytes = 0
  return DiskStatus.DONE
}

/** Appends the run to the list, or joins it to the last one where it goes on; the new number of extents. */
function emit(out: usize, count: u32, position: u64): u32 {
  const at = out + count * (ExtentFact.COUNT * 8)
  if (count > 0 && runKind != ExtentKind.COMPRESSED) {
    const last = at - ExtentFact.COUNT * 8
    const host = load<f64>(last + ExtentFact.HOST_OFFSET * 8) + load<f64>(last + ExtentFact.LENGTH * 8)
    const joins = runKind != ExtentKind.DATA || host == <f64>runHost
    if (joins && load<f64>(last) == <f64>runKind && load<f64>(last + ExtentFact.DEPTH * 8) == <f64>runDepth) {
      const length = load<f64>(last + ExtentFact.LENGTH * 8) + <f64>runLength
      store<f64>(last + ExtentFact.LENGTH * 8, length)
      if (runKind == ExtentKind.DATA) store<f64>(last + ExtentFact.HOST_BYTES * 8, length)
      return count
    }
  }
  store<f64>(at + ExtentFact.KIND * 8, runKind)
  store<f64>(at + ExtentFact.DEPTH * 8, runDepth)
  store<f64>(at + ExtentFact.OFFSET * 8, <f64>position)
  store<f64>(at + ExtentFact.LENGTH * 8, <f64>runLength)
  store<f64>(at + ExtentFact.HOST_OFFSET * 8, <f64>runHost)
  store<f64>(at + ExtentFact.HOST_BYTES * 8, <f64>runHostBytes)
  return count + 1
}

/** Finds the longest run of one kind that starts at `position` of one layer, as far as one slice of its tables says. */
function findRun(layer: Layer, position: u64, end: u64): i32 {
  if (layer.isRaw) {
    runKind = ExtentKind.DATA
    runHost = position
    runLength = runHostBytes = end - position
    return DiskStatus.DONE
  }
  const coverageBits = layer.clusterBits + layer.l2Bits
  const l1Index = position >> coverageBits
  const l1EntryOffset = layer.l1Offset + (l1Index << 3)
  const l1At = tableEntry(layer.index, l1EntryOffset)
  if (l1At == 0) return DiskStatus.WANT
  const l1Entry = be64(l1At)
  if (l1Entry == 0) {
    runLength = emptyL1Run(l1At, entriesLeft(l1EntryOffset, 3), position, end, coverageBits)
    return unallocated()
  }
  const l2Offset = l1Entry & OFFSET_MASK
  const status = judgeL1Entry(layer, l1Entry)
  if (status != DiskStatus.DONE) return status
  const entryBits: u32 = layer.extendedL2 ? 4 : 3
  const l2Index = (position >> layer.clusterBits) & ((<u64>1 << layer.l2Bits) - 1)
  const l2EntryOffset = l2Offset + (l2Index << entryBits)
  const l2At = tableEntry(layer.index, l2EntryOffset)
  if (l2At == 0) return DiskStatus.WANT
  // The run stays in this L2 table, and in this slice of it.
  const tableEnd = (l1Index + 1) << coverageBits
  return joinEntries(layer, l2At, entriesLeft(l2EntryOffset, entryBits), position, min(end, tableEnd))
}

/** How far from `position` on no L2 table exists, as this slice of the L1 table says. */
function emptyL1Run(at: usize, left: u32, position: u64, end: u64, coverageBits: u32): u64 {
  let covered = ((position >> coverageBits) + 1) << coverageBits
  for (let i: u32 = 1; i < left && covered < end; i++) {
    if (be64(at + (i << 3)) != 0) break
    covered += <u64>1 << coverageBits
  }
  return min(covered, end) - position
}

/** Entries from file offset `offset` to the end of its slice. */
function entriesLeft(offset: u64, entryBits: u32): u32 {
  return (SLICE_BYTES - <u32>(offset & (SLICE_BYTES - 1))) >> entryBits
}

/** Whether an L1 entry that is not 0 names a possible L2 table. */
export function judgeL1Entry(layer: Layer, entry: u64): i32 {
  if ((entry & L1_RESERVED) != 0) return refuseDisk(Refusal.RESERVED, Field.L1_ENTRY, entry, layer.index)
  return judgeCluster(layer, entry & OFFSET_MASK, Field.L1_ENTRY)
}

/** Joins the L2 entries from `at` on, of which `left` are cached, as long as they are one run. */
function joinEntries(layer: Layer, at: usize, left: u32, position: u64, end: u64): i32 {
  const clusterMask = layer.clusterBytes - 1
  let status = judgeEntry(layer, at, position & clusterMask)
  if (status != DiskStatus.DONE) return status
  const kind = runKind
  const host = runHost
  let length = runLength
  while (kind != ExtentKind.COMPRESSED && position + length < end) {
    const next = position + length
    if ((next & clusterMask) == 0) {
      if (--left == 0) break
      at += layer.extendedL2 ? 16 : 8
    }
    // A bad entry ends the run; whoever asks for its bytes is refused.
    status = judgeEntry(layer, at, next & clusterMask)
    if (status != DiskStatus.DONE || runKind != kind) break
    if (kind == ExtentKind.DATA && runHost != host + length) break
    length += runLength
  }
  runKind = kind
  runHost = kind == ExtentKind.DATA || kind == ExtentKind.COMPRESSED ? host : 0
  runLength = min(length, end - position)
  if (kind != ExtentKind.COMPRESSED) runHostBytes = kind == ExtentKind.DATA ? runLength : 0
  return DiskStatus.DONE
}

/** Judges the L2 entry at `at`: kind, place and length of what it says from byte `within` of its cluster on. */
export function judgeEntry(layer: Layer, at: usize, within: u64): i32 {
  const entry = be64(at)
  if ((entry & COMPRESSED) != 0) return judgeCompressed(layer, at, entry, within)
  const reserved = layer.extendedL2 || layer.version == 2 ? L2_RESERVED | ZERO_FLAG : L2_RESERVED
  if ((entry & reserved) != 0) return refuseDisk(Refusal.RESERVED, Field.L2_ENTRY, entry, layer.index)
  const offset = entry & OFFSET_MASK
  if (offset != 0) {
    const status = judgeCluster(layer, offset, Field.L2_ENTRY)
    if (status != DiskStatus.DONE) return status
  } else if ((entry & COPIED) != 0) {
    return refuseDisk(Refusal.VALUE, Field.L2_ENTRY, entry, layer.index)
  }
  if (layer.extendedL2) return judgeSubclusters(layer, be64(at + 8), offset, within)
  runLength = layer.clusterBytes - within
  runHost = offset + within
  if ((entry & ZERO_FLAG) != 0) runKind = ExtentKind.ZERO
  else runKind = offset == 0 ? ExtentKind.UNALLOCATED : ExtentKind.DATA
  return DiskStatus.DONE
}

/** Compressed clusters: the offset to the byte, then the number of further 512-byte sectors ("Compressed Clusters Descriptor"). */
function judgeCompressed(layer: Layer, at: usize, entry: u64, within: u64): i32 {
  if ((entry & COPIED) != 0) return refuseDisk(Refusal.RESERVED, Field.L2_ENTRY, entry, layer.index)
  if (layer.extendedL2 && be64(at + 8) != 0) return refuseDisk(Refusal.VALUE, Field.SUBCLUSTER_BITMAP, be64(at + 8), layer.index)
  const offsetBits = 62 - (layer.clusterBits - 8)
  const offset = entry & ((<u64>1 << offsetBits) - 1)
  const sectors = (entry & (COMPRESSED - 1)) >> offsetBits
  if (offset >= layer.fileBytes) return refuseDisk(Refusal.OUTSIDE, Field.COMPRESSED_CLUSTER, offset, layer.index)
  if (offset < layer.clusterBytes) return refuseDisk(Refusal.OVERLAP, Field.COMPRESSED_CLUSTER, offset, layer.index)
  runKind = ExtentKind.COMPRESSED
  runHost = offset
  // The last sector may be cut short by the end of the file.
  runHostBytes = min((sectors + 1) * SECTOR_BYTES - (offset & (SECTOR_BYTES - 1)), layer.fileBytes - offset)
  runLength = layer.clusterBytes - within
  return DiskStatus.DONE
}

/** Extended L2 entries: bit n says that subcluster n is allocated, bit 32 + n that it reads as zeros. */
function judgeSubclusters(layer: Layer, bitmap: u64, offset: u64, within: u64): i32 {
  const allocated = <u32>bitmap
  const zeros = <u32>(bitmap >> 32)
  if ((allocated & zeros) != 0 || (allocated != 0 && offset == 0))
    return refuseDisk(Refusal.VALUE, Field.SUBCLUSTER_BITMAP, bitmap, layer.index)
  const subclusterBits = layer.clusterBits - 5
  const index = <u32>(within >> subclusterBits)
  const isZero = (zeros >> index) & 1
  const isAllocated = (allocated >> index) & 1
  let last = index
  while (last + 1 < 32 && ((zeros >> (last + 1)) & 1) == isZero && ((allocated >> (last + 1)) & 1) == isAllocated) last++
  runLength = (<u64>(last + 1) << subclusterBits) - within
  runHost = offset + within
  runKind = isZero != 0 ? ExtentKind.ZERO : isAllocated != 0 ? ExtentKind.DATA : ExtentKind.UNALLOCATED
  return DiskStatus.DONE
}
