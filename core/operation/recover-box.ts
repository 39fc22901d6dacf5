// Recovers a box whose lock was just taken: proves that no machine of it lives, or takes the machine over.
//
//   SYNC_DIRECTORY boxes, layers: what a process that was killed had renamed is readable, and a power cut could still
//   take it back, with all that a guest flushes from now on
//   the record names no machine ──> clear `pending`, if it says anything
//   ASK ── none ───────────────────────────────────────────> clear `machine` and `pending`
//    │ ── was to end with its owner, who is gone ──────────> KILL ──> the same
//    │ ── has the live layer open ──> RESUME, THAW ────────> clear `pending`
//    │ ── has `pending.from` open ──> PAUSE, DRAIN, settleSwitch
//    └ ── anything else, or silence ──> KILL ──────────────> clear `machine` and `pending`
//
// Where the caller held the lock before, the directories were synced when it took it, and if nothing is pending, the machine is
// its own: it is asked, and left alone.

import { isLayerName, sameLayer } from '../id'
import { Effect, MachineState, Place, Found, Status } from './abi'
import { commitBox } from './commit'
import { effectNumber, report, syncDirectory, toMachine } from './effect'
import { failBecause, FAILED, forgive, OK } from './frames'
import { fieldBytes, getBytes, getInteger } from './message'
import { box, Recovered, setMachine, setRecovered } from './state'
import { beginSettle, settled, Settled } from './settle-switch'
import { heldBefore } from './take-box'

namespace Phase {
  export const BEGIN: i32 = 0
  export const ASKED: i32 = 1
  export const KILLED: i32 = 2
  export const RESUMED: i32 = 3
  export const THAWED: i32 = 4
  export const AWAKE: i32 = 5
  export const PAUSED: i32 = 6
  export const DRAINED: i32 = 7
  export const SETTLED: i32 = 8
  export const CLEARED: i32 = 9
  export const BOXES_SYNCED: i32 = 10
  export const LAYERS_SYNCED: i32 = 11
}

/** Asks the machine of `box` something. */
function machineEffect(effect: i32, next: i32): i32 {
  return toMachine(effect, box.id, box.machine, box.machineBytes, next)
}

export function recoverBox(phase: i32, value: i32): i32 {
  switch (phase) {
    case Phase.BEGIN:
      return heldBefore ? ask() : syncDirectory(Place.BOXES, Phase.BOXES_SYNCED)
    case Phase.BOXES_SYNCED:
      return value == Status.OK ? syncDirectory(Place.LAYERS, Phase.LAYERS_SYNCED) : failBecause(effectNumber, value)
    case Phase.LAYERS_SYNCED:
      return value == Status.OK ? ask() : failBecause(effectNumber, value)
    case Phase.ASKED:
      return judge(value)
    case Phase.KILLED:
      return value == Status.OK ? clear(Recovered.KILLED) : failBecause(effectNumber, value)
    case Phase.RESUMED:
      if (value != Status.OK) return machineEffect(Effect.KILL, Phase.KILLED)
      setMachine(MachineState.RUNNING)
      return machineEffect(Effect.THAW, Phase.THAWED)
    case Phase.THAWED:
      if (value != Status.OK) return report(Found.NOT_THAWED, Place.BOXES, box.id, 32, 0, 0, 0, Phase.AWAKE)
      return awake()
    case Phase.AWAKE:
      return awake()
    case Phase.PAUSED:
      return value == Status.OK ? machineEffect(Effect.DRAIN, Phase.DRAINED) : machineEffect(Effect.KILL, Phase.KILLED)
    case Phase.DRAINED:
      return value == Status.OK ? beginSettle(true, true, Phase.SETTLED) : machineEffect(Effect.KILL, Phase.KILLED)
    case Phase.SETTLED:
      return afterSettling(value)
    default:
      return value
  }
}

function ask(): i32 {
  if (box.machine != 0) return machineEffect(Effect.ASK, Phase.ASKED)
  return box.pendingTo == 0 ? OK : clear(Recovered.CLEARED)
}

/** What the machine's answer means. */
function judge(status: i32): i32 {
  const state = status == Status.OK ? <i32>getInteger() : MachineState.SILENT
  const open = status == Status.OK ? getBytes() : 0
  const known = open != 0 && isLayerName(open, fieldBytes)
  const running = state == MachineState.RUNNING || state == MachineState.PAUSED
  if (state == MachineState.NONE) return clear(Recovered.CLEARED)
  setMachine(state)
  if (heldBefore && box.pendingTo == 0) {
    if (!running) setMachine(MachineState.SILENT)
    return OK
  }
  if (!heldBefore && !box.detached) return machineEffect(Effect.KILL, Phase.KILLED)
  if (running && known && sameLayer(open, box.live)) return machineEffect(Effect.RESUME, Phase.RESUMED)
  if (running && known && box.pendingTo != 0 && sameLayer(open, box.pendingFrom)) {
    return machineEffect(Effect.PAUSE, Phase.PAUSED)
  }
  return machineEffect(Effect.KILL, Phase.KILLED)
}

function awake(): i32 {
  setRecovered(Recovered.RESUMED)
  if (box.pendingTo == 0) return OK
  box.pendingFrom = 0
  box.pendingTo = 0
  return commitBox(Phase.CLEARED)
}

/** No machine lives: the record says so from now on. */
function clear(what: i32): i32 {
  setMachine(MachineState.NONE)
  setRecovered(what)
  box.machine = 0
  box.machineBytes = 0
  box.pendingFrom = 0
  box.pendingTo = 0
  return commitBox(Phase.CLEARED)
}

function afterSettling(value: i32): i32 {
  if (value != OK) return FAILED
  // A switch that failed was settled otherwise: for a recovery that is its answer, not its failure.
  forgive()
  setRecovered(settled == Settled.SWITCHED ? Recovered.SWITCHED : settled == Settled.UNDONE ? Recovered.UNDONE : Recovered.KILLED)
  return OK
}
