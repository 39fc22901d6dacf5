// Steps: what the host does in the file of the writable layer before the tables may mention it.
// One at a time; `diskStepDone` enters it in the tables.

import { DiskFact, DiskStatus, Field, Refusal, FlushPhase, StepKind } from './abi'
import { be64, put64 } from './bytes'
import { cacheDirty, cached } from './cache'
import { layerAt, onFixedStructure, refuseDisk, setFact, tableEntry, wantSlice } from './chain'
import { OWN_CLUSTER_BITS } from './header-facts'
import { isKnownMetadata, noteMetadata } from './known-metadata'
import { COPIED, OFFSET_MASK } from './map'
import { finishMove, moveReftable } from './move-table'
import { entryAt, entryOffset, findL2Entry } from './own-tables'
import {
  allocateClusters,
  allocatedCount,
  allocatedIsClean,
  allocatedStart,
  BLOCK_BITS,
  blockLimit,
  CLUSTER_BYTES,
  countBlockItself,
  freeLater,
  needBlock,
  useUpTo,
} from './refcounts'

namespace Pending {
  export const NOTHING: i32 = 0
  export const DATA: i32 = 1
  export const L2_TABLE: i32 = 2
  export const REFBLOCK: i32 = 3
  export const MOVE: i32 = 4
}

let pending: i32 = Pending.NOTHING
let pendingHost: u64 = 0
let pendingCount: u32 = 0
/** First cluster of the guest, L1 index or number of the refcount block, as the kind of step has it. */
let pendingIndex: u64 = 0

/** Whether a step was begun and not done. */
export function isStepPending(): bool {
  return pending != Pending.NOTHING
}

/** Allocates clusters, or begins the step that makes room for their refcounts first. */
export function allocate(want: u32, least: u32): i32 {
  const status = allocateClusters(want, least)
  if (status != DiskStatus.STEP) return status
  const block = needBlock()
  if (block >= blockLimit()) return beginMove(moveReftable(block))
  // A block that does not exist yet lies in the first of its own clusters, all of which are free.
  const host = (block << BLOCK_BITS) << OWN_CLUSTER_BITS
  if (onFixedStructure(layerAt(0), host, CLUSTER_BYTES) || isKnownMetadata(host >> OWN_CLUSTER_BITS))
    return refuseDisk(Refusal.OVERLAP, Field.REFCOUNT_TABLE_ENTRY, host, 0)
  pending = Pending.REFBLOCK
  pendingHost = host
  pendingIndex = block
  useUpTo((host >> OWN_CLUSTER_BITS) + 1)
  return fillStep(StepKind.ZERO, host, CLUSTER_BYTES)
}

/** Begins to fill new clusters with the guest's bytes from `position` on. */
export function beginFill(position: u64, count: u32): i32 {
  const status = allocate(count, 1)
  if (status != DiskStatus.DONE) return status
  pending = Pending.DATA
  pendingHost = allocatedStart
  pendingCount = allocatedCount
  pendingIndex = position >> OWN_CLUSTER_BITS
  setFact(DiskFact.STEP_GUEST, <f64>(pendingIndex << OWN_CLUSTER_BITS))
  setFact(DiskFact.STEP_CLEAN, allocatedIsClean ? 1 : 0)
  return fillStep(StepKind.FILL, allocatedStart, <u64>allocatedCount << OWN_CLUSTER_BITS)
}

/** Begins a new L2 table. */
export function beginL2Table(l1Index: u64): i32 {
  const status = allocate(1, 1)
  if (status != DiskStatus.DONE) return status
  pending = Pending.L2_TABLE
  pendingHost = allocatedStart
  pendingIndex = l1Index
  return fillStep(StepKind.ZERO, allocatedStart, CLUSTER_BYTES)
}

/** Notes that a table is about to move, where `status` says that the move was planned. */
export function beginMove(status: i32): i32 {
  if (status == DiskStatus.STEP) pending = Pending.MOVE
  return status
}

/** Fills in the facts of a step. */
export function fillStep(kind: i32, host: u64, bytes: u64): i32 {
  setFact(DiskFact.STEP_KIND, kind)
  setFact(DiskFact.STEP_HOST, <f64>host)
  setFact(DiskFact.STEP_BYTES, <f64>bytes)
  return DiskStatus.STEP
}

/** Gives up a step that the host could not carry out: what was allocated for it is leaked, nothing points at it. */
export function diskStepDrop(): void {
  pending = Pending.NOTHING
}

/** Enters the step that the host has carried out in the tables. DONE, WANT or a refusal. */
export function diskStepDone(): i32 {
  let status = DiskStatus.DONE
  switch (pending) {
    case Pending.DATA:
      status = finishData()
      break
    case Pending.L2_TABLE:
      status = finishL2Table()
      break
    case Pending.REFBLOCK:
      status = finishRefblock()
      break
    case Pending.MOVE:
      finishMove()
      break
    default:
      return refuseDisk(Refusal.ARGUMENT, Field.NONE, 0, 0)
  }
  if (status == DiskStatus.DONE) pending = Pending.NOTHING
  return status
}

function finishData(): i32 {
  const status = findL2Entry(pendingIndex << OWN_CLUSTER_BITS)
  if (status != DiskStatus.DONE) return status
  for (let i: u32 = 0; i < pendingCount; i++) {
    const at = entryAt + (i << 3)
    const old = be64(at) & OFFSET_MASK
    // A zero cluster that had kept its place.
    if (old != 0) freeLater(old, 1, false)
    put64(at, COPIED | (pendingHost + (<u64>i << OWN_CLUSTER_BITS)))
  }
  cacheDirty(0, entryOffset, FlushPhase.MAPPING)
  return DiskStatus.DONE
}

function finishL2Table(): i32 {
  const offset = layerAt(0).l1Offset + (pendingIndex << 3)
  const at = tableEntry(0, offset)
  if (at == 0) return DiskStatus.WANT
  if (!noteMetadata(pendingHost >> OWN_CLUSTER_BITS, <u32>pendingIndex)) return refuseDisk(Refusal.OVERLAP, Field.L1_ENTRY, pendingHost, 0)
  put64(at, COPIED | pendingHost)
  cacheDirty(0, offset, FlushPhase.MAPPING)
  return DiskStatus.DONE
}

function finishRefblock(): i32 {
  const offset = layerAt(0).reftableOffset + (pendingIndex << 3)
  const at = tableEntry(0, offset)
  if (at == 0) return DiskStatus.WANT
  // Both slices have to be there before either is changed.
  if (cached(0, pendingHost) == 0) return wantSlice(0, pendingHost)
  put64(at, pendingHost)
  cacheDirty(0, offset, FlushPhase.REFTABLE)
  return countBlockItself(pendingIndex)
}
