// What this process knows of one box beyond its record: the machine that it runs, and what happened to it.

import { BoxEvents } from '../box-events.ts'
import type { Core } from '../core/core.ts'
import type { MachineExit } from '../engine.ts'
import type { Held } from '../host.ts'
import { changeState, type BoxActionName, type BoxStateName } from '../lifecycle.ts'
import type { BoxRecord } from '../operation/record.ts'
import type { LiveMachine } from './live-machine.ts'

/** A machine that this process runs, and the lock that makes the box its own for as long. */
export interface OwnedMachine {
  readonly live: LiveMachine
  readonly lock: Held
  /** What its record said when it was taken. */
  readonly autoRemove: boolean
}

/** The machine goes on without this process. */
export function isDetached({ live }: OwnedMachine): boolean {
  return live.machine.identity.detached
}

/** The guest ended its machine itself. */
export function isOrderly({ reason }: MachineExit): boolean {
  return reason === 'shutdown' || reason === 'reset'
}

/** What was counted since this process first met the box. */
export interface RunCounts {
  commandsExecutedTotal: number
  execErrorsTotal: number
  /** From the launch to the agent's answer; null where this process did not launch it. */
  guestBootDurationMs: number | null
}

export class BoxRun {
  readonly boxId: string
  readonly events = new BoxEvents()
  readonly counts: RunCounts = { commandsExecutedTotal: 0, execErrorsTotal: 0, guestBootDurationMs: null }
  owned: OwnedMachine | null = null
  /** The box's lock, while it stays this process's though its machine is stopped. */
  kept: Held | null = null
  /** How the last machine ended that this process ran. */
  lastExit: MachineExit | null = null
  /** Why the box failed. */
  failure: string | null = null
  /** How many ends of a machine were told here. */
  endsTold = 0
  // Null: nothing is known here that the record does not say.
  #state: BoxStateName | null = null

  constructor(boxId: string) {
    this.boxId = boxId
  }

  /** What the box is doing; `record` says it where this process has nothing to do with it. */
  stateOf(record: BoxRecord): BoxStateName {
    if (this.#state !== null && (this.owned !== null || record.machine === null || this.#state === 'starting')) return this.#state
    return recordedState(record)
  }

  /** The state that this process put the box into; null: none. */
  get state(): BoxStateName | null {
    return this.#state
  }

  /** Changes the state by the core's table, and tells it. `invalid_state` where the table does not allow it. */
  change(core: Core, action: BoxActionName, from: BoxStateName = this.#state ?? 'stopped'): void {
    this.put(changeState(core, this.boxId, from, action), from)
  }

  /** From now on the record alone says what the box is doing. */
  leave(): void {
    this.owned = null
    this.#state = null
  }

  put(state: BoxStateName, previous: BoxStateName = this.#state ?? 'stopped'): void {
    this.#state = state
    if (state === 'stopped' || state === 'failed') this.endsTold++
    if (state !== previous) this.events.emit({ kind: 'state', boxId: this.boxId, state, previous })
  }

  /** Tells that a machine has ended that this process did not run. */
  tellEnd(): void {
    this.endsTold++
    this.events.emit({ kind: 'state', boxId: this.boxId, state: 'stopped', previous: 'running' })
  }
}

/** A box that nobody has changed since it was made was never started. */
function recordedState({ machine, generation }: BoxRecord): BoxStateName {
  if (machine !== null) return 'running'
  return generation === 1 ? 'created' : 'stopped'
}
