// What a failed operation does before it says so: it wakes what it put to sleep and removes what it made, and never
// anything else. Best effort: what stays is for collection, a guest thaws by itself, and the failure is already noted.
//
//   [RESUME ── error ──> KILL] ─> [THAW] ─> [REMOVE what was made, the last first]

import { Effect, MachineState, Place, Status } from './abi'
import { remove, toMachine } from './effect'
import { OK } from './frames'
import { box, countMade, dropMade, guestFrozen, lastMade, lastMadeBytes, machine, machinePaused, setFrozen, setPaused } from './state'

/** Whether there is anything to tidy. */
export function needsTidying(): bool {
  return machinePaused || guestFrozen || countMade() > 0
}

function machineEffect(effect: i32, next: i32): i32 {
  return toMachine(effect, box.id, box.machine, box.machineBytes, next)
}

export function tidy(phase: i32, value: i32): i32 {
  if (phase == 1 && value != Status.OK) {
    // A machine that cannot go on is not left standing with the disk open.
    setFrozen(false)
    return machineEffect(Effect.KILL, 2)
  }
  if (machinePaused) {
    setPaused(false)
    if (machine == MachineState.RUNNING) return machineEffect(Effect.RESUME, 1)
  }
  if (guestFrozen) {
    setFrozen(false)
    return machineEffect(Effect.THAW, 2)
  }
  if (countMade() == 0) return OK
  const name = lastMade()
  const nameBytes = lastMadeBytes()
  dropMade()
  return remove(Place.LAYERS, name, nameBytes, 2)
}
