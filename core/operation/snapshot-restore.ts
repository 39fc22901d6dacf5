// Puts a new live layer on a snapshot's disk. The box must be stopped.
//
//   takeBox ─> [verify the live chain] ─> verify the snapshot's chain ─> new overlay, durable ─> commit
//
// With `keepCurrent` the old live layer is synced with the overlay and becomes a snapshot by the same commit.

import { isId } from '../id'
import { Consistency, snapshotAt } from '../record-shape'
import { Reason, Status } from './abi'
import { commitBox } from './commit'
import { fail, FAILED, OK } from './frames'
import { fieldBytes, getInteger, keepBytes, messageEnds } from './message'
import { layerNamed } from './new-layer'
import { prepare } from './prepare-overlay'
import { addSnapshot, findSnapshot, needRoom, NOWHERE } from './snapshots'
import { box, failInput, isActive, needName } from './state'
import { takeBoxes } from './take-box'
import { chainSizeBytes, needChainRoom, verify, verifyAnew } from './verify-chain'

let boxId: usize = 0
let boxIdBytes: u32 = 0
let wanted: usize = 0
let wantedBytes: u32 = 0
let layer: usize = 0
let nowMs: u64 = 0
let keeps = false
let keptName: usize = 0
let keptNameBytes: u32 = 0
let keptId: usize = 0
let keptIdBytes: u32 = 0
let keptSizeBytes: u64 = 0
let index: u32 = 0

/** Reads the operation; false when its message is not one. */
export function readSnapshotRestore(): bool {
  boxId = keepBytes()
  boxIdBytes = fieldBytes
  wanted = keepBytes()
  wantedBytes = fieldBytes
  layer = layerNamed(keepBytes(), fieldBytes)
  nowMs = getInteger()
  keeps = getInteger() != 0
  if (keeps) {
    keptName = keepBytes()
    keptNameBytes = fieldBytes
    keptId = keepBytes()
    keptIdBytes = fieldBytes
  }
  return messageEnds()
}

namespace Phase {
  export const BEGIN: i32 = 0
  export const TAKEN: i32 = 1
  export const LIVE_VERIFIED: i32 = 2
  export const VERIFIED: i32 = 3
  export const PREPARED: i32 = 4
  export const COMMITTED: i32 = 5
}

export function snapshotRestore(phase: i32, value: i32): i32 {
  if (value != OK) return FAILED
  switch (phase) {
    case Phase.BEGIN:
      if (needName(wanted, wantedBytes) != OK) return FAILED
      if (keeps && needName(keptName, keptNameBytes) != OK) return FAILED
      if (!isId(boxId, boxIdBytes)) return failInput('the box id')
      if (keeps && !isId(keptId, keptIdBytes)) return failInput('the snapshot id')
      if (layer == 0) return failInput('the layer id')
      return takeBoxes(boxId, 0, 0, 0, Phase.TAKEN)
    case Phase.TAKEN:
      if (isActive()) return fail(Status.INVALID_STATE, Reason.BOX_ACTIVE, 0, 0, 0)
      index = findSnapshot(box, wanted, wantedBytes)
      if (index == NOWHERE) return fail(Status.NOT_FOUND, Reason.SNAPSHOT_NOT_FOUND, wanted, wantedBytes, 0)
      if (keeps && needRoom(box, keptName, keptNameBytes, keptId, keptName, 0) != OK) return FAILED
      return keeps ? verify(box.live, Phase.LIVE_VERIFIED) : verifySnapshot()
    case Phase.LIVE_VERIFIED:
      keptSizeBytes = chainSizeBytes
      return verifySnapshot()
    case Phase.VERIFIED:
      if (needChainRoom() != OK) return FAILED
      return prepare(layer, snapshotAt(box, index).layer, chainSizeBytes, keeps ? box.live : 0, true, Phase.PREPARED)
    case Phase.PREPARED:
      return commitRestored()
    default:
      return OK
  }
}

function verifySnapshot(): i32 {
  return verifyAnew(snapshotAt(box, index).layer, Phase.VERIFIED)
}

function commitRestored(): i32 {
  if (keeps) {
    const kept = addSnapshot(box)
    if (kept == null) return fail(Status.LIMIT, Reason.OUT_OF_MEMORY, 0, 0, 0)
    kept.id = keptId
    kept.name = keptName
    kept.nameBytes = keptNameBytes
    kept.description = keptName
    kept.layer = box.live
    kept.createdAt = nowMs
    kept.virtualSizeBytes = keptSizeBytes
    kept.parent = box.liveParent
    kept.consistency = Consistency.STOPPED
  }
  box.live = layer
  box.liveParent = snapshotAt(box, index).id
  // A saved machine belongs to the disk that it was saved with.
  box.resume = 0
  return commitBox(Phase.COMMITTED)
}
