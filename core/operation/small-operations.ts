// The operations that make no layer: each takes the box, changes its record in memory and commits it.
//
//   snapshot.remove  takeBox ─> commit without the snapshot, its children given its parent
//   box.remove       takeBox ─> [KILL, where forced] ─> remove the record; forced, a damaged one too: what it kept goes by collection
//   box.start        takeBox ─> verify the live chain ─> commit with the machine, before it is launched
//   box.stop         takeBox ─> [KILL ─> commit without the machine]
//   recover          takeBox, and nothing is taken for granted because the caller held its lock before

import { ID_BYTES, isId } from '../id'
import { isMachine } from '../record'
import { Effect, Found, Kind, MachineState, Place, Reason, Status } from './abi'
import { commitBox, commitRemoval } from './commit'
import { effectNumber, report, toMachine } from './effect'
import { fail, failBecause, FAILED, OK } from './frames'
import { fieldBytes, getInteger, keepBytes, messageEnds } from './message'
import { findSnapshot, NOWHERE, takeOutSnapshot } from './snapshots'
import { box, failInput, isActive, needName, Recovered, setMachine, setRecovered } from './state'
import { damaged, takeAnew, takeBoxes, takeToRemove } from './take-box'
import { verify } from './verify-chain'

let boxId: usize = 0
let boxIdBytes: u32 = 0
let wanted: usize = 0
let wantedBytes: u32 = 0
let force = false

/** Reads one of these operations; false when its message is not one. */
export function readSmallOperation(kind: i32): bool {
  boxId = keepBytes()
  boxIdBytes = fieldBytes
  if (kind == Kind.SNAPSHOT_REMOVE || kind == Kind.BOX_START) {
    wanted = keepBytes()
    wantedBytes = fieldBytes
  }
  force = kind == Kind.BOX_STOP || (kind == Kind.BOX_REMOVE && getInteger() != 0)
  return messageEnds()
}

function take(): i32 {
  return isId(boxId, boxIdBytes) ? takeBoxes(boxId, 0, 0, 0, 1) : failInput('the box id')
}

export function snapshotRemove(phase: i32, value: i32): i32 {
  if (value != OK) return FAILED
  if (phase == 0) return needName(wanted, wantedBytes) == OK ? take() : FAILED
  if (phase != 1) return OK
  const index = findSnapshot(box, wanted, wantedBytes)
  if (index == NOWHERE) return fail(Status.NOT_FOUND, Reason.SNAPSHOT_NOT_FOUND, wanted, wantedBytes, 0)
  takeOutSnapshot(box, index)
  return commitBox(2)
}

export function boxRemove(phase: i32, value: i32): i32 {
  switch (phase) {
    case 0:
      return force && isId(boxId, boxIdBytes) ? takeToRemove(boxId, 1) : take()
    case 1:
      if (value != OK) return FAILED
      if (damaged) return report(Found.UNREADABLE, Place.BOXES, boxId, ID_BYTES, 0, 0, Reason.RECORD_CORRUPT, 4)
      if (!isActive()) return commitRemoval(3)
      return force ? toMachine(Effect.KILL, box.id, box.machine, box.machineBytes, 2) : fail(Status.INVALID_STATE, Reason.BOX_ACTIVE, 0, 0, 0)
    case 2:
      if (value != Status.OK) return failBecause(effectNumber, value)
      setMachine(MachineState.NONE)
      setRecovered(Recovered.KILLED)
      return commitRemoval(3)
    case 4:
      return commitRemoval(3)
    default:
      return value
  }
}

export function boxStart(phase: i32, value: i32): i32 {
  if (value != OK) return FAILED
  switch (phase) {
    case 0:
      return isMachine(wanted, wantedBytes) ? take() : failInput('the machine')
    case 1:
      return isActive() ? fail(Status.INVALID_STATE, Reason.BOX_ACTIVE, 0, 0, 0) : verify(box.live, 2)
    case 2:
      box.machine = wanted
      box.machineBytes = wantedBytes
      // The disk is about to change; a saved machine is valid only for the disk as it was.
      box.resume = 0
      return commitBox(3)
    default:
      return OK
  }
}

export function boxStop(phase: i32, value: i32): i32 {
  switch (phase) {
    case 0:
      return take()
    case 1:
      if (value != OK) return FAILED
      return isActive() ? toMachine(Effect.KILL, box.id, box.machine, box.machineBytes, 2) : OK
    case 2:
      if (value != Status.OK) return failBecause(effectNumber, value)
      setMachine(MachineState.NONE)
      setRecovered(Recovered.KILLED)
      box.machine = 0
      box.machineBytes = 0
      return commitBox(3)
    default:
      return value
  }
}

export function recover(phase: i32, value: i32): i32 {
  if (phase != 0) return value
  return isId(boxId, boxIdBytes) ? takeAnew(boxId, 1) : failInput('the box id')
}
