// Commits one record: the point of every operation before which nothing that existed was touched.
//
//   COMMIT_RECORD ── ok ──────────────────────────────────────────────> done
//        │ busy, or an error that says that nothing was changed ──────> failed
//        │ any other error: old or new, nobody knows; from here on nothing is deleted
//        v
//   READ_RECORD ── old or new ──> commit the old truth again, with a higher generation ── ok ──> failed: taken back
//        │ error, or bytes of someone else               │ error
//        v                                               v
//   KILL the box's machine, if one lives ───────────────────────────> failed: the box failed
//
// Where there was no record before, the old truth is that there is none. A removal is a commit of nothing.

import { encodeBoxRecord, encodedBytes, withGeneration } from '../record-write'
import { RECORD_LIMIT_BYTES } from '../record-limits'
import { sameBytes } from '../text'
import { Effect, MachineState, Place, Reason, Status } from './abi'
import { answeredUnchanged, commitRecord, effectNumber, readRecord, recordIdBytes, removeRecord, toMachine } from './effect'
import { call, fail, failAs, failBecause, FAILED, OK, Routine } from './frames'
import { fieldBytes, keepBytes } from './message'
import { box, isActive, keepMade, recordBytes, recordStart, setFrozen, setMachine, setPaused, setRecord } from './state'

let place: i32 = Place.BOXES
let id: usize = 0
let oldStart: usize = 0
let oldBytes: u32 = 0
let newStart: usize = 0
let newBytes: u32 = 0
let generation: u64 = 0
/** Whether it is the record of the operation's own box, whose machine a failure ends. */
let own = false

/** Commits `box` as it is in memory, over its record as it was read. */
export function commitBox(next: i32): i32 {
  box.generation++
  const start = encodeBoxRecord(box)
  if (start == 0) return fail(Status.LIMIT, Reason.RECORD_TOO_LARGE, 0, 0, RECORD_LIMIT_BYTES)
  own = true
  return change(Place.BOXES, box.id, recordStart, recordBytes, start, encodedBytes, box.generation, next)
}

/** Removes the record of `box`. */
export function commitRemoval(next: i32): i32 {
  own = true
  return change(Place.BOXES, box.id, recordStart, recordBytes, 0, 0, box.generation + 1, next)
}

/** Commits another record than that of `box`; `oldLength` 0: there is none yet. `newLength` 0 removes it. */
export function commitOther(where: i32, subject: usize, old: usize, oldLength: u32, fresh: usize, newLength: u32, number: u64, next: i32): i32 {
  own = false
  return change(where, subject, old, oldLength, fresh, newLength, number, next)
}

function change(where: i32, subject: usize, old: usize, oldLength: u32, fresh: usize, newLength: u32, number: u64, next: i32): i32 {
  place = where
  id = subject
  oldStart = old
  oldBytes = oldLength
  newStart = fresh
  newBytes = newLength
  generation = number
  return call(Routine.COMMIT, next)
}

export function commit(phase: i32, value: i32): i32 {
  switch (phase) {
    case 0:
      return put(newStart, newBytes, oldStart, oldBytes, 1)
    case 1:
      if (value == Status.OK) return settled(newStart, newBytes)
      if (value == Status.BUSY) return fail(Status.BUSY, Reason.RECORD_CHANGED, id, recordIdBytes(place), 0)
      failBecause(effectNumber, value)
      if (answeredUnchanged()) return FAILED
      keepMade()
      return readRecord(place, id, 2)
    case 2:
      return value == Status.OK || value == Status.NOT_FOUND ? takeBack(value) : boxFailed()
    case 3:
      if (value != Status.OK) return boxFailed()
      if (own) box.generation = generation + 1
      settled(newStart, newBytes)
      return failAs(Reason.TAKEN_BACK)
    default:
      // Killed, or beyond reach: whoever takes the lock next proves which.
      setMachine(value == Status.OK ? MachineState.NONE : MachineState.SILENT)
      return failAs(Reason.BOX_FAILED)
  }
}

/** The record, or its absence, is what the store has now. */
function settled(start: usize, lengthBytes: u32): i32 {
  keepMade()
  if (own) setRecord(start, lengthBytes)
  return OK
}

function put(start: usize, bytes: u32, expected: usize, expectedBytes: u32, next: i32): i32 {
  if (bytes == 0) return removeRecord(place, id, expected, expectedBytes, next)
  return commitRecord(place, id, start, bytes, expected, expectedBytes, next)
}

/** Commits the old truth over what was found. */
function takeBack(status: i32): i32 {
  const found = status == Status.OK ? keepBytes() : 0
  const foundBytes = found == 0 ? 0 : fieldBytes
  if (!sameBytes(found, foundBytes, oldStart, oldBytes) && !sameBytes(found, foundBytes, newStart, newBytes)) return boxFailed()
  newStart = 0
  newBytes = 0
  if (oldBytes == 0 && foundBytes == 0) return failAs(Reason.TAKEN_BACK)
  if (oldBytes != 0) {
    newStart = withGeneration(oldStart, oldBytes, generation + 1)
    newBytes = encodedBytes
    if (newStart == 0) return boxFailed()
  }
  return put(newStart, newBytes, found, foundBytes, 3)
}

/** Nobody knows which record the store will have: the machine must not go on writing. */
function boxFailed(): i32 {
  setPaused(false)
  setFrozen(false)
  if (!own || !isActive()) return failAs(Reason.BOX_FAILED)
  return toMachine(Effect.KILL, box.id, box.machine, box.machineBytes, 4)
}
