// Freezes a box's live layer under a new overlay and names it.
//
//   takeBox ─> verify the live chain ─> new overlay, durable ─┬─ stopped: the live layer fsynced with it ─> commit
//                                                             └─ running: quiesce ─> commit with `pending` ─> settleSwitch
//
// The rule: nothing refers to the overlay, and nothing of the box has changed, before the commit; what the commit freezes
// is durable before it.

import { isId } from '../id'
import { Consistency } from '../record-shape'
import { MachineState, Reason, Status } from './abi'
import { commitBox } from './commit'
import { fail, FAILED, OK } from './frames'
import { fieldBytes, getInteger, keepBytes, messageEnds } from './message'
import { layerNamed } from './new-layer'
import { prepare } from './prepare-overlay'
import { caught, quiesceMachine } from './quiesce'
import { beginSettle, settled, Settled } from './settle-switch'
import { addSnapshot, needRoom } from './snapshots'
import { box, failInput, guestFrozen, isActive, machine, needName } from './state'
import { takeBoxes } from './take-box'
import { chainSizeBytes, needChainRoom, verify } from './verify-chain'

let boxId: usize = 0
let boxIdBytes: u32 = 0
let name: usize = 0
let nameBytes: u32 = 0
let description: usize = 0
let descriptionBytes: u32 = 0
let snapshotId: usize = 0
let snapshotIdBytes: u32 = 0
let layer: usize = 0
let nowMs: u64 = 0

/** Reads the operation; false when its message is not one. */
export function readSnapshotCreate(): bool {
  boxId = keepBytes()
  boxIdBytes = fieldBytes
  name = keepBytes()
  nameBytes = fieldBytes
  description = keepBytes()
  descriptionBytes = fieldBytes
  snapshotId = keepBytes()
  snapshotIdBytes = fieldBytes
  layer = layerNamed(keepBytes(), fieldBytes)
  nowMs = getInteger()
  return messageEnds()
}

namespace Phase {
  export const BEGIN: i32 = 0
  export const TAKEN: i32 = 1
  export const VERIFIED: i32 = 2
  export const PREPARED: i32 = 3
  export const QUIESCED: i32 = 4
  export const COMMITTED: i32 = 5
  export const SETTLED: i32 = 6
}

export function snapshotCreate(phase: i32, value: i32): i32 {
  if (value != OK) return FAILED
  switch (phase) {
    case Phase.BEGIN:
      if (needName(name, nameBytes) != OK) return FAILED
      if (!isId(boxId, boxIdBytes)) return failInput('the box id')
      if (!isId(snapshotId, snapshotIdBytes)) return failInput('the snapshot id')
      if (layer == 0) return failInput('the layer id')
      return takeBoxes(boxId, 0, 0, 0, Phase.TAKEN)
    case Phase.TAKEN:
      if (needRoom(box, name, nameBytes, snapshotId, description, descriptionBytes) != OK) return FAILED
      if (machine == MachineState.SILENT) return fail(Status.TIMEOUT, Reason.MACHINE_SILENT, 0, 0, 0)
      return verify(box.live, Phase.VERIFIED)
    case Phase.VERIFIED:
      if (needChainRoom() != OK) return FAILED
      return prepare(layer, box.live, chainSizeBytes, isActive() ? 0 : box.live, true, Phase.PREPARED)
    case Phase.PREPARED:
      return isActive() ? quiesceMachine(layer, Phase.QUIESCED) : commitSnapshot(Consistency.STOPPED)
    case Phase.QUIESCED:
      return commitSnapshot(caught)
    case Phase.COMMITTED:
      return isActive() ? beginSettle(machine == MachineState.RUNNING, guestFrozen, Phase.SETTLED) : OK
    default:
      // A switch that ended otherwise has noted the failure.
      return settled == Settled.SWITCHED ? OK : FAILED
  }
}

function commitSnapshot(consistency: i32): i32 {
  const snapshot = addSnapshot(box)
  if (snapshot == null) return fail(Status.LIMIT, Reason.OUT_OF_MEMORY, 0, 0, 0)
  snapshot.id = snapshotId
  snapshot.name = name
  snapshot.nameBytes = nameBytes
  snapshot.description = description
  snapshot.descriptionBytes = descriptionBytes
  snapshot.layer = box.live
  snapshot.createdAt = nowMs
  snapshot.virtualSizeBytes = chainSizeBytes
  snapshot.parent = box.liveParent
  snapshot.consistency = consistency
  box.liveParent = snapshotId
  freezeLive(layer)
  return commitBox(Phase.COMMITTED)
}

/** Makes `to` the live layer; a machine that lives has still the old one open, and `pending` says so. */
export function freezeLive(to: usize): void {
  if (isActive()) {
    box.pendingFrom = box.live
    box.pendingTo = to
  }
  box.live = to
}
