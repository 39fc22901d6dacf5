// Makes a box whose disk starts as another box's: as one of its snapshots, or as it is now.
//
//   snapshot   takeBoxes ─> verify its chain ─> the clone's overlay on it, durable ─> commit the clone
//   live       takeBoxes ─> verify the live chain ─> an overlay for the source and one for the clone, both on the live
//              layer, durable ─> [quiesce] ─> commit the source ─> [settleSwitch] ─> commit the clone
//
// A crash between the two commits only makes the source's chain one longer.

import { isId, sameId, sameLayer } from '../id'
import { allocate } from '../memory'
import { isConfig } from '../record'
import { BoxRecord, snapshotAt } from '../record-shape'
import { RECORD_LIMIT_BYTES } from '../record-limits'
import { encodeBoxRecord, encodedBytes } from '../record-write'
import { MachineState, Place, Reason, Status } from './abi'
import { commitBox, commitOther } from './commit'
import { fail, FAILED, OK } from './frames'
import { fieldBytes, keepBytes, keepOptional, messageEnds } from './message'
import { layerNamed } from './new-layer'
import { prepare } from './prepare-overlay'
import { quiesceMachine } from './quiesce'
import { beginSettle, settled, Settled } from './settle-switch'
import { freezeLive } from './snapshot-create'
import { findSnapshot, NOWHERE } from './snapshots'
import { box, failInput, guestFrozen, isActive, machine, needName } from './state'
import { takeBoxes } from './take-box'
import { chainSizeBytes, needChainRoom, verify, verifyAnew } from './verify-chain'

let sourceId: usize = 0
let sourceIdBytes: u32 = 0
let wanted: usize = 0
let wantedBytes: u32 = 0
let cloneId: usize = 0
let cloneIdBytes: u32 = 0
let name: usize = 0
let nameBytes: u32 = 0
let config: usize = 0
let configBytes: u32 = 0
let cloneLayer: usize = 0
let sourceLayer: usize = 0
/** The layer that the clone stands on. */
let frozen: usize = 0

/** The clone's record, once it is committed. */
export let cloneStart: usize = 0
export let cloneBytes: u32 = 0

/** Reads the operation; false when its message is not one. */
export function readClone(): bool {
  sourceId = keepBytes()
  sourceIdBytes = fieldBytes
  wanted = keepOptional()
  wantedBytes = fieldBytes
  cloneId = keepBytes()
  cloneIdBytes = fieldBytes
  name = keepOptional()
  nameBytes = fieldBytes
  config = keepOptional()
  configBytes = fieldBytes
  cloneLayer = layerNamed(keepBytes(), fieldBytes)
  sourceLayer = layerNamed(keepBytes(), fieldBytes)
  return messageEnds()
}

namespace Phase {
  export const BEGIN: i32 = 0
  export const TAKEN: i32 = 1
  export const VERIFIED: i32 = 2
  export const SOURCE_PREPARED: i32 = 3
  export const PREPARED: i32 = 4
  export const QUIESCED: i32 = 5
  export const SOURCE_COMMITTED: i32 = 6
  export const SETTLED: i32 = 7
  export const COMMITTED: i32 = 8
}

export function clone(phase: i32, value: i32): i32 {
  if (value != OK) return FAILED
  switch (phase) {
    case Phase.BEGIN:
      return judgeInput() == OK ? takeBoxes(sourceId, cloneId, name, nameBytes, Phase.TAKEN) : FAILED
    case Phase.TAKEN:
      if (findDisk() != OK) return FAILED
      return wanted == 0 ? verify(frozen, Phase.VERIFIED) : verifyAnew(frozen, Phase.VERIFIED)
    case Phase.VERIFIED:
      if (needChainRoom() != OK) return FAILED
      if (wanted != 0) return prepare(cloneLayer, frozen, chainSizeBytes, 0, true, Phase.PREPARED)
      return prepare(sourceLayer, frozen, chainSizeBytes, isActive() ? 0 : frozen, false, Phase.SOURCE_PREPARED)
    case Phase.SOURCE_PREPARED:
      return prepare(cloneLayer, frozen, chainSizeBytes, 0, true, Phase.PREPARED)
    case Phase.PREPARED:
      if (wanted != 0) return commitClone()
      return isActive() ? quiesceMachine(sourceLayer, Phase.QUIESCED) : commitSource()
    case Phase.QUIESCED:
      return commitSource()
    case Phase.SOURCE_COMMITTED:
      return isActive() ? beginSettle(machine == MachineState.RUNNING, guestFrozen, Phase.SETTLED) : commitClone()
    case Phase.SETTLED:
      // A switch that ended otherwise has noted the failure.
      return settled == Settled.SWITCHED ? commitClone() : FAILED
    default:
      return OK
  }
}

function judgeInput(): i32 {
  if (name != 0 && needName(name, nameBytes) != OK) return FAILED
  if (wanted != 0 && needName(wanted, wantedBytes) != OK) return FAILED
  if (!isId(sourceId, sourceIdBytes)) return failInput('the box id')
  if (!isId(cloneId, cloneIdBytes) || sameId(cloneId, sourceId)) return failInput("the clone's id")
  if (cloneLayer == 0 || sourceLayer == 0 || sameLayer(cloneLayer, sourceLayer)) return failInput('the layer id')
  if (config != 0 && !isConfig(config, configBytes)) return failInput('the configuration')
  return OK
}

function findDisk(): i32 {
  frozen = box.live
  if (wanted == 0) return machine == MachineState.SILENT ? fail(Status.TIMEOUT, Reason.MACHINE_SILENT, 0, 0, 0) : OK
  const index = findSnapshot(box, wanted, wantedBytes)
  if (index == NOWHERE) return fail(Status.NOT_FOUND, Reason.SNAPSHOT_NOT_FOUND, wanted, wantedBytes, 0)
  frozen = snapshotAt(box, index).layer
  return OK
}

function commitSource(): i32 {
  freezeLive(sourceLayer)
  return commitBox(Phase.SOURCE_COMMITTED)
}

function commitClone(): i32 {
  const made = changetype<BoxRecord>(allocate(offsetof<BoxRecord>()))
  if (changetype<usize>(made) == 0) return fail(Status.LIMIT, Reason.OUT_OF_MEMORY, 0, 0, 0)
  made.generation = 1
  made.id = cloneId
  made.name = name
  made.nameBytes = nameBytes
  made.config = config == 0 ? box.config : config
  made.configBytes = config == 0 ? box.configBytes : configBytes
  made.live = cloneLayer
  cloneStart = encodeBoxRecord(made)
  cloneBytes = encodedBytes
  if (cloneStart == 0) return fail(Status.LIMIT, Reason.RECORD_TOO_LARGE, 0, 0, RECORD_LIMIT_BYTES)
  return commitOther(Place.BOXES, cloneId, 0, 0, cloneStart, cloneBytes, 1, Phase.COMMITTED)
}
