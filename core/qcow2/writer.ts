// Writing into a layer of our own form. The crash rule: a crash may leak clusters, never corrupt
// one, and flushed bytes never change, whichever subset of the writes since the last sync is kept.
//
//   at any time     new data clusters, zeros where a new table will be, refcounts set to 1
//   sync, then      entries of the refcount table
//   sync, then      entries of the L2 and L1 tables, which point at what is durable by now
//   sync, then      refcounts of what is not pointed at any more set to 0
//
// Tables are changed in the cache and written by a flush in that order. A write is a loop on the
// host's side: `diskWrite` names a step, the host carries it out in the file and says
// `diskStepDone`, and only then the tables mention it, so a reader never sees a cluster half made.

import { OFFSET_LIMIT_BYTES, PREPARED_L1_ENTRIES, WRITE_STEP_CLUSTERS } from '../limits'
import { ensureExchange } from '../memory'
import { DiskFact, DiskStatus, Field, FlushPhase, Refusal, StepKind } from './abi'
import { be64, put64 } from './bytes'
import { cacheClean, cacheDirty, cacheDirtyCount, cacheDirtySlices, cacheIsFull } from './cache'
import { layerAt, refuseDisk, setFact, tableEntry } from './chain'
import { OWN_CLUSTER_BITS } from './header-facts'
import { knownInit } from './known-metadata'
import { COPIED, OFFSET_MASK, ZERO_FLAG } from './map'
import { l1Clusters, l1EntriesFor, moveL1, moveTableInit } from './move-table'
import { entriesLeft, entryAt, entryOffset, findL2Entry, judgeOwnEntry, judgeOwnL1Entry, L2_BITS } from './own-tables'
import { CLUSTER_BYTES, freedIsFull, freeLater, judgeOwned, refcountsInit } from './refcounts'
import { allocate, beginFill, beginL2Table, beginMove, diskStepDrop, fillStep, isStepPending } from './steps'

const CLUSTER_MASK: u64 = CLUSTER_BYTES - 1

let isWritable: bool = false
/** How far `diskPrepare` has come. */
let prepared: u64 = 0

/** Makes the chain's top writable; the host has seen that it is of our own form. DONE, or a refusal. */
export function diskWritable(): i32 {
  diskStepDrop()
  moveTableInit()
  prepared = 0
  isWritable = knownInit() && refcountsInit(layerAt(0).fileBytes)
  return isWritable ? DiskStatus.DONE : refuseDisk(Refusal.LIMIT, Field.MEMORY, 0, 0)
}

/** Meets the top's L2 tables, the rest as they are used, so that nothing is written over one. DONE, WANT or a refusal. */
export function diskPrepare(): i32 {
  const layer = layerAt(0)
  for (; prepared < min<u64>(layer.l1Entries, PREPARED_L1_ENTRIES); prepared++) {
    const at = tableEntry(0, layer.l1Offset + (prepared << 3))
    if (at == 0) return DiskStatus.WANT
    const entry = be64(at)
    if (entry == 0) continue
    const status = judgeOwnL1Entry(layer, prepared, entry)
    if (status != DiskStatus.DONE) return status
  }
  return DiskStatus.DONE
}

/**
 * Plans the write of a first part of `length` guest bytes at `offset`. Answers STEP, WANT, FLUSH or a refusal. The step's
 * clusters are whole but where they are written in place: the host adds what they held before and after.
 */
export function diskWrite(offset: f64, length: f64): i32 {
  const ready = judgeRequest(offset, length)
  if (ready != DiskStatus.DONE) return ready
  const position = <u64>offset
  const end = position + <u64>length
  const status = haveL2Entry(position)
  if (status != DiskStatus.DONE) return status
  const entry = be64(entryAt)
  const judged = judgeOwnEntry(entry)
  if (judged != DiskStatus.DONE) return judged
  if ((entry & ZERO_FLAG) == 0 && entry != 0) return writeInPlace(position, end)
  // Partial clusters go one by one, because the host has to complete them.
  const whole = (position & CLUSTER_MASK) == 0 ? (end - position) >> OWN_CLUSTER_BITS : 0
  const want = <u32>min<u64>(max<u64>(whole, 1), WRITE_STEP_CLUSTERS)
  let count: u32 = 1
  while (count < want && count < entriesLeft() && needsCluster(be64(entryAt + (count << 3)))) count++
  return beginFill(position, count)
}

/**
 * Makes whole clusters read as zeros, whatever lies below: a first part of `length` bytes at `offset`, both on cluster
 * boundaries. Answers DONE with ZEROED_BYTES, STEP, WANT, FLUSH or a refusal.
 */
export function diskZero(offset: f64, length: f64): i32 {
  const ready = judgeRequest(offset, length)
  if (ready != DiskStatus.DONE) return ready
  const position = <u64>offset
  if (((position | <u64>length) & CLUSTER_MASK) != 0) return refuseDisk(Refusal.ARGUMENT, Field.RANGE, position, 0)
  let status = haveL2Entry(position)
  if (status != DiskStatus.DONE) return status
  const count = min<u64>(<u64>length >> OWN_CLUSTER_BITS, entriesLeft())
  let done: u64 = 0
  for (; done < count && !freedIsFull(); done++) {
    const at = entryAt + <usize>(done << 3)
    const entry = be64(at)
    status = judgeOwnEntry(entry)
    if (status == DiskStatus.DONE && (entry & OFFSET_MASK) != 0) status = judgeOwned(entry & OFFSET_MASK)
    if (status != DiskStatus.DONE) break
    if (entry == ZERO_FLAG) continue
    put64(at, ZERO_FLAG)
    cacheDirty(0, entryOffset, FlushPhase.MAPPING)
    if ((entry & OFFSET_MASK) != 0) freeLater(entry & OFFSET_MASK, 1, false)
  }
  if (done == 0) return status
  setFact(DiskFact.ZEROED_BYTES, <f64>(done << OWN_CLUSTER_BITS))
  return DiskStatus.DONE
}

function judgeRequest(offset: f64, length: f64): i32 {
  if (!isWritable || isStepPending()) return refuseDisk(Refusal.ARGUMENT, Field.WRITABLE_FORM, 0, 0)
  if (!(offset >= 0 && length > 0 && offset + length <= <f64>((layerAt(0).sizeBytes + CLUSTER_MASK) & ~CLUSTER_MASK)))
    return refuseDisk(Refusal.ARGUMENT, Field.RANGE, 0, 0)
  return cacheIsFull() || freedIsFull() ? DiskStatus.FLUSH : DiskStatus.DONE
}

/** Finds the L2 entry of a guest byte, beginning a table where there is none. */
function haveL2Entry(position: u64): i32 {
  const status = findL2Entry(position)
  return status == DiskStatus.DONE && entryAt == 0 ? beginL2Table(position >> (OWN_CLUSTER_BITS + L2_BITS)) : status
}

/** Whether a write has to allocate for this entry. Anything strange ends the run and is judged when its turn comes. */
function needsCluster(entry: u64): bool {
  return (entry & ~ZERO_FLAG) == 0
}

function writeInPlace(position: u64, end: u64): i32 {
  const host = be64(entryAt) & OFFSET_MASK
  const left = entriesLeft()
  let count: u32 = 0
  let covered = position & ~CLUSTER_MASK
  while (count < left && covered < end) {
    const entry = be64(entryAt + (count << 3))
    if (entry != (COPIED | (host + (<u64>count << OWN_CLUSTER_BITS)))) break
    let status = judgeOwnEntry(entry)
    if (status == DiskStatus.DONE) status = judgeOwned(entry & OFFSET_MASK)
    if (status != DiskStatus.DONE) {
      if (count == 0) return status
      break
    }
    count++
    covered += CLUSTER_BYTES
  }
  return fillStep(StepKind.IN_PLACE, host + (position & CLUSTER_MASK), min(covered, end) - position)
}


/**
 * Makes room in the L1 table for a disk of `sizeBytes`. Answers DONE where there is some, STEP, WANT or a refusal; the size itself
 * stays as it is until `diskSetSize`.
 */
export function diskGrow(sizeBytes: f64): i32 {
  const layer = layerAt(0)
  if (!isWritable || isStepPending()) return refuseDisk(Refusal.ARGUMENT, Field.WRITABLE_FORM, 0, 0)
  if (!(sizeBytes >= <f64>layer.sizeBytes && sizeBytes <= <f64>OFFSET_LIMIT_BYTES)) return refuseDisk(Refusal.ARGUMENT, Field.VIRTUAL_SIZE, 0, 0)
  const entries = l1EntriesFor(<u64>sizeBytes)
  if (entries == 0) return refuseDisk(Refusal.LIMIT, Field.VIRTUAL_SIZE, <u64>sizeBytes, 0)
  if (entries <= layer.l1Entries) return DiskStatus.DONE
  const clusters = <u32>l1Clusters(entries)
  const status = allocate(clusters, clusters)
  return status == DiskStatus.DONE ? beginMove(moveL1(entries)) : status
}

/** Takes `sizeBytes`, a multiple of 512 for which there is room, as the virtual size. The header follows with `diskParts(2)`. */
export function diskSetSize(sizeBytes: f64): i32 {
  const layer = layerAt(0)
  const size = <u64>sizeBytes
  if (!isWritable || (size & 511) != 0 || size < layer.sizeBytes || l1EntriesFor(size) > layer.l1Entries)
    return refuseDisk(Refusal.ARGUMENT, Field.VIRTUAL_SIZE, size, 0)
  layer.sizeBytes = size
  return DiskStatus.DONE
}

/** Puts offset and pointer (f64) of every slice that a `FlushPhase` writes into the exchange buffer; how many. */
export function diskDirty(phase: i32): i32 {
  const count = cacheDirtyCount(phase)
  const out = ensureExchange(count << 4)
  if (out == 0) return refuseDisk(Refusal.LIMIT, Field.MEMORY, 0, 0)
  return <i32>cacheDirtySlices(phase, out, count)
}

/** Notes that the host wrote every slice of a phase. */
export function diskClean(phase: i32): void {
  cacheClean(phase)
}
