// Brings a running machine to a point where its disk is whole and durable, without ending it.
//
//   FREEZE (best effort, reported) ─> PAUSE ─> DRAIN ─> FLUSH ─> SYNC_LAYER live
//
// A machine that was paused before stays so: its guest cannot answer, and the disk is caught as a power cut leaves it.

import { ID_BYTES, layerNameBytes } from '../id'
import { Consistency } from '../record-shape'
import { Effect, Found, MachineState, Place, Status } from './abi'
import { effectNumber, report, syncLayer, toMachine, toMachineFor } from './effect'
import { call, failBecause, OK, Routine } from './frames'
import { box, machine, setFrozen, setPaused } from './state'

/** How the disk was caught. */
export let caught: i32 = Consistency.CRASH

/** What the machine is switched to after; it may open that while its guest still runs. */
let upcoming: usize = 0

/** Quiesces the machine of `box`, before it is switched to `layer`. */
export function quiesceMachine(layer: usize, next: i32): i32 {
  upcoming = layer
  return call(Routine.QUIESCE, next)
}

function machineEffect(effect: i32, next: i32): i32 {
  return toMachine(effect, box.id, box.machine, box.machineBytes, next)
}

export function quiesce(phase: i32, value: i32): i32 {
  if (phase > 2 && value != Status.OK) return failBecause(effectNumber, value)
  switch (phase) {
    case 0:
      caught = Consistency.CRASH
      if (machine != MachineState.RUNNING) return machineEffect(Effect.DRAIN, 4)
      // Whether or not it answers in time, it may be frozen from here on.
      setFrozen(true)
      return toMachineFor(Effect.FREEZE, box.id, box.machine, box.machineBytes, upcoming, 1)
    case 1:
      if (value != Status.OK) return report(Found.NOT_FROZEN, Place.BOXES, box.id, ID_BYTES, 0, 0, 0, 2)
      caught = Consistency.FROZEN
      return pause()
    case 2:
      return pause()
    case 3:
      return machineEffect(Effect.DRAIN, 4)
    case 4:
      return machineEffect(Effect.FLUSH, 5)
    case 5:
      return syncLayer(box.live, layerNameBytes(box.live), 6)
    default:
      return OK
  }
}

function pause(): i32 {
  // Whether or not it says so, it may be paused from here on.
  setPaused(true)
  return machineEffect(Effect.PAUSE, 3)
}
