// What the running operation knows: the box it is about as its record says, the machine as it answered, and what the
// operation made so far and would take back.

import { writeLiteral, writeOpen } from '../json-write'
import { CHAIN_LIMIT } from '../record-limits'
import { allocate } from '../memory'
import { judgeName } from '../name'
import { BoxRecord } from '../record-shape'
import { literalLength } from '../text'
import { NameVerdict } from '../verdict'
import { MachineState, Reason, Status } from './abi'
import { fail, OK } from './frames'

/** What the store promises: `Guarantee` bits. */
export let guarantees: u32 = 0
/** The box, once `takeBox` has it. Changed in memory first, then committed. */
export let box = changetype<BoxRecord>(0)
/** The bytes of its record as the store has them. */
export let recordStart: usize = 0
export let recordBytes: u32 = 0
/** Its machine: a `MachineState`. */
export let machine: i32 = MachineState.NONE
/** What taking its lock did: 0 none, 1 cleared, 2 resumed, 3 switched, 4 undone, 5 killed. */
export let recovered: i32 = 0
/** What has to be let go on when the operation fails. */
export let guestFrozen = false
export let machinePaused = false

export namespace Recovered {
  export const NONE: i32 = 0
  export const CLEARED: i32 = 1
  export const RESUMED: i32 = 2
  export const SWITCHED: i32 = 3
  export const UNDONE: i32 = 4
  export const KILLED: i32 = 5
}

let made: usize = 0
let madeCount: u32 = 0
const MADE_LIMIT: u32 = CHAIN_LIMIT + 2

/** Begins with nothing known. False when memory is short. */
export function resetState(promised: u32): bool {
  guarantees = promised
  box = changetype<BoxRecord>(allocate(offsetof<BoxRecord>()))
  recordStart = 0
  recordBytes = 0
  machine = MachineState.NONE
  recovered = Recovered.NONE
  guestFrozen = false
  machinePaused = false
  made = 0
  madeCount = 0
  return changetype<usize>(box) != 0
}

export function setRecord(start: usize, lengthBytes: u32): void {
  recordStart = start
  recordBytes = lengthBytes
}

export function setMachine(state: i32): void {
  machine = state
}

export function setRecovered(what: i32): void {
  recovered = what
}

export function setFrozen(frozen: bool): void {
  guestFrozen = frozen
}

export function setPaused(paused: bool): void {
  machinePaused = paused
}

/** Whether a machine of the box lives, or may live. */
export function isActive(): bool {
  return machine != MachineState.NONE
}

/** Notes a file that this operation created. */
export function noteMade(name: usize, nameBytes: u32): void {
  if (made == 0) made = allocate(MADE_LIMIT * 8)
  if (made == 0 || madeCount == MADE_LIMIT) return
  store<u32>(made + (<usize>madeCount << 3), <u32>name)
  store<u32>(made + (<usize>madeCount << 3) + 4, nameBytes)
  madeCount++
}

/** From now on something may refer to what was made: it is not taken back any more. */
export function keepMade(): void {
  madeCount = 0
}

/** How many files this operation made and may take back. */
export function countMade(): u32 {
  return madeCount
}

/** The name of the last of them. */
export function lastMade(): usize {
  return load<u32>(made + (<usize>(madeCount - 1) << 3))
}

/** Its length in bytes. */
export function lastMadeBytes(): u32 {
  return load<u32>(made + (<usize>(madeCount - 1) << 3) + 4)
}

/** Forgets the last of them. */
export function dropMade(): void {
  madeCount--
}

/** Fails because a field of the call is not what it must be. */
export function failInput(what: string): i32 {
  const length = literalLength(what)
  const text = allocate(length)
  writeOpen(text)
  if (text != 0) writeLiteral(what)
  return fail(Status.INVALID_ARGUMENT, Reason.BAD_INPUT, text, text == 0 ? 0 : length, 0)
}

/** Whether the bytes are an allowed name; else the operation fails. */
export function needName(start: usize, lengthBytes: u32): i32 {
  const verdict = judgeName(start, lengthBytes)
  return verdict == NameVerdict.OK ? OK : fail(Status.INVALID_ARGUMENT, Reason.BAD_NAME, start, lengthBytes, verdict)
}
