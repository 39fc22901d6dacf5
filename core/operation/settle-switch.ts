// Moves a paused machine from `pending.from`, which the committed record has frozen, to `pending.to`, and makes the record
// say how it ended. Whatever happens, no machine is left that writes into a frozen layer.
//
//   SWITCH ── ok ─────────────────────────────> goes on in `to`: RESUME, THAW, clear `pending`   (SWITCHED)
//     └ error: ASK ── it has `to` open ───────> the same
//               ├── it has `from` open ───────> commit that undoes the freezing, RESUME, THAW    (UNDONE)
//               └── neither, or no answer ────> KILL, clear `machine` and `pending`              (DEAD)

import { ID_BYTES, isLayerName, sameLayer } from '../id'
import { snapshotAt } from '../record-shape'
import { Effect, Found, MachineState, Place, Reason, Status } from './abi'
import { commitBox } from './commit'
import { effectNumber, report, toMachine, toMachineFor } from './effect'
import { call, failBecause, failAs, FAILED, failureReason, forgive, OK, Routine } from './frames'
import { fieldBytes, getBytes, getInteger } from './message'
import { takeOutSnapshot } from './snapshots'
import { box, setFrozen, setMachine, setPaused } from './state'

/** How a switch was settled. With UNDONE and DEAD the operation's failure is noted. */
export namespace Settled {
  export const SWITCHED: i32 = 0
  export const UNDONE: i32 = 1
  export const DEAD: i32 = 2
}

namespace Phase {
  export const BEGIN: i32 = 0
  export const SWITCHED: i32 = 1
  export const ASKED: i32 = 2
  export const KILLED: i32 = 3
  export const BURIED: i32 = 4
  export const UNDONE: i32 = 5
  export const RESUMED: i32 = 6
  export const THAWED: i32 = 7
  export const AWAKE: i32 = 8
  export const CLEARED: i32 = 9
}

export let settled: i32 = Settled.SWITCHED
let runsAfter = false
let thawsAfter = false

/** Settles the pending switch of `box`; afterwards the machine runs and its guest is thawed where asked. */
export function beginSettle(running: bool, thawed: bool, next: i32): i32 {
  runsAfter = running
  thawsAfter = thawed
  settled = Settled.SWITCHED
  // From here on nobody else wakes the machine: it may have a frozen layer open.
  setPaused(false)
  setFrozen(false)
  return call(Routine.SETTLE_SWITCH, next)
}

function machineEffect(effect: i32, next: i32): i32 {
  return toMachine(effect, box.id, box.machine, box.machineBytes, next)
}

export function settleSwitch(phase: i32, value: i32): i32 {
  switch (phase) {
    case Phase.BEGIN:
      return toMachineFor(Effect.SWITCH, box.id, box.machine, box.machineBytes, box.pendingTo, Phase.SWITCHED)
    case Phase.SWITCHED:
      if (value == Status.OK) return wake()
      failBecause(effectNumber, value)
      return machineEffect(Effect.ASK, Phase.ASKED)
    case Phase.ASKED:
      return judge(value)
    case Phase.KILLED:
      return value == Status.OK ? bury() : FAILED
    case Phase.BURIED:
      if (value != OK) return FAILED
      failAs(Reason.MACHINE_KILLED)
      return OK
    case Phase.UNDONE:
      if (value == OK) return wake()
      return failureReason == Reason.BOX_FAILED ? FAILED : machineEffect(Effect.KILL, Phase.KILLED)
    case Phase.RESUMED:
      if (value != Status.OK) {
        failBecause(effectNumber, value)
        return machineEffect(Effect.KILL, Phase.KILLED)
      }
      setMachine(MachineState.RUNNING)
      return thaw()
    case Phase.THAWED:
      if (value != Status.OK) return report(Found.NOT_THAWED, Place.BOXES, box.id, ID_BYTES, 0, 0, 0, Phase.AWAKE)
      return awake()
    case Phase.AWAKE:
      return awake()
    default:
      return cleared(value)
  }
}

function judge(status: i32): i32 {
  const state = status == Status.OK ? <i32>getInteger() : MachineState.SILENT
  const open = status == Status.OK ? getBytes() : 0
  const known = open != 0 && isLayerName(open, fieldBytes) && (state == MachineState.RUNNING || state == MachineState.PAUSED)
  if (state == MachineState.NONE) return bury()
  if (known && sameLayer(open, box.pendingTo)) {
    forgive()
    return wake()
  }
  if (known && sameLayer(open, box.pendingFrom)) return undo()
  return machineEffect(Effect.KILL, Phase.KILLED)
}

/** The frozen layer is the live one again, and the snapshot that named it was never made. */
function undo(): i32 {
  settled = Settled.UNDONE
  for (let i: u32 = 0; i < box.snapshotCount; i++) {
    if (sameLayer(snapshotAt(box, i).layer, box.pendingFrom)) {
      takeOutSnapshot(box, i)
      break
    }
  }
  box.live = box.pendingFrom
  box.pendingFrom = 0
  box.pendingTo = 0
  return commitBox(Phase.UNDONE)
}

function wake(): i32 {
  return runsAfter ? machineEffect(Effect.RESUME, Phase.RESUMED) : thaw()
}

function thaw(): i32 {
  return thawsAfter ? machineEffect(Effect.THAW, Phase.THAWED) : awake()
}

function awake(): i32 {
  if (settled == Settled.UNDONE) {
    failAs(Reason.SWITCH_UNDONE)
    return OK
  }
  box.pendingFrom = 0
  box.pendingTo = 0
  return commitBox(Phase.CLEARED)
}

/** The switch is done whether or not the record could be told: what still says `pending` is settled by the next owner. */
function cleared(value: i32): i32 {
  if (value == OK) return OK
  if (failureReason != Reason.TAKEN_BACK && failureReason != Reason.EFFECT) return FAILED
  forgive()
  return OK
}

/** No machine lives: the record says so from now on. */
function bury(): i32 {
  settled = Settled.DEAD
  setMachine(MachineState.NONE)
  box.machine = 0
  box.machineBytes = 0
  box.pendingFrom = 0
  box.pendingTo = 0
  return commitBox(Phase.BURIED)
}
