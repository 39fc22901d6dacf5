// Takes the locks of an operation on a box, in their order (boxes by id, home, name), reads the box's record under
// them, and recovers the box: taking a box's lock is recovering that box.
//
//   LOCK_BOX ─> [LOCK_BOX] ─> LOCK_HOME shared ─> [LOCK_NAME ─> FIND_NAME] ─> READ_RECORD ─> recoverBox

import { ID_BYTES } from '../id'
import { parseBoxRecord, recordDetail } from '../record'
import { RecordVerdict } from '../verdict'
import { HomeMode, Place, Reason, Status } from './abi'
import { effectNumber, findName, lockBox, lockHome, lockName, readRecord } from './effect'
import { call, fail, failBecause, FAILED, OK, Routine } from './frames'
import { fieldBytes, getInteger, keepBytes } from './message'
import { box, setRecord } from './state'

let source: usize = 0
let fresh: usize = 0
let first: usize = 0
let second: usize = 0
let name: usize = 0
let nameBytes: u32 = 0
/** Whether the caller held the box's lock before: its machine is then ours, and as it should be. */
export let heldBefore = false
/** Whether the record that was taken is damaged; only where that was allowed. */
export let damaged = false
let anew = false
let tolerant = false

/**
 * Locks the box `existing` (0: none) and reads and recovers it; with it locks a box `made` that is to be made, under a name
 * that no box may have.
 */
export function takeBoxes(existing: usize, made: usize, newName: usize, newNameBytes: u32, next: i32): i32 {
  source = existing
  fresh = made
  const swapped = source == 0 || (fresh != 0 && memory.compare(fresh, source, ID_BYTES) < 0)
  first = swapped ? fresh : source
  second = swapped ? source : fresh
  name = newName
  nameBytes = newNameBytes
  heldBefore = false
  damaged = false
  anew = false
  tolerant = false
  return call(Routine.TAKE_BOX, next)
}

/** Takes a box as if nobody had held its lock before: what an owner does first of all. */
export function takeAnew(existing: usize, next: i32): i32 {
  const result = takeBoxes(existing, 0, 0, 0, next)
  anew = true
  return result
}

/** Takes a box that is to go, whatever its record says. One of a later format is not damaged. */
export function takeToRemove(existing: usize, next: i32): i32 {
  const result = takeBoxes(existing, 0, 0, 0, next)
  tolerant = true
  return result
}

export function takeBox(phase: i32, value: i32): i32 {
  switch (phase) {
    case 0:
      return lockBox(first, 1)
    case 1:
      if (value != Status.OK) return notLocked(value, Reason.LOCKED_BOX, first, ID_BYTES)
      if (first == source) heldBefore = getInteger() == 1 && !anew
      return second == 0 ? lockHome(HomeMode.SHARED, 3) : lockBox(second, 2)
    case 2:
      if (value != Status.OK) return notLocked(value, Reason.LOCKED_BOX, second, ID_BYTES)
      if (second == source) heldBefore = getInteger() == 1 && !anew
      return lockHome(HomeMode.SHARED, 3)
    case 3:
      if (value != Status.OK) return notLocked(value, Reason.LOCKED_HOME, 0, 0)
      return name == 0 ? readSource() : lockName(name, nameBytes, 4)
    case 4:
      if (value != Status.OK) return notLocked(value, Reason.LOCKED_NAME, name, nameBytes)
      return findName(name, nameBytes, 5)
    case 5:
      if (value == Status.OK) return fail(Status.ALREADY_EXISTS, Reason.BOX_EXISTS, name, nameBytes, 0)
      return value == Status.NOT_FOUND ? readSource() : failBecause(effectNumber, value)
    case 6:
      if (value == Status.NOT_FOUND) return fail(Status.NOT_FOUND, Reason.BOX_NOT_FOUND, source, ID_BYTES, 0)
      return value == Status.OK ? judgeSource() : failBecause(effectNumber, value)
    default:
      return value
  }
}

function readSource(): i32 {
  return source == 0 ? OK : readRecord(Place.BOXES, source, 6)
}

function judgeSource(): i32 {
  const start = keepBytes()
  setRecord(start, fieldBytes)
  const verdict = parseBoxRecord(start, fieldBytes, source, box)
  damaged = tolerant && verdict == RecordVerdict.CORRUPT
  // Of what it says nothing counts but whose it is.
  box.id = source
  if (damaged) return OK
  if (failUnlessRead(verdict, source, ID_BYTES) != OK) return FAILED
  return call(Routine.RECOVER_BOX, 7)
}

/** Fails with what is wrong with a record, if something is. */
export function failUnlessRead(verdict: i32, id: usize, idBytes: u32): i32 {
  if (verdict == RecordVerdict.OK) return OK
  if (verdict == RecordVerdict.UNKNOWN_FORMAT) return fail(Status.UNSUPPORTED, Reason.RECORD_FORMAT, id, idBytes, recordDetail)
  return fail(Status.CORRUPT, Reason.RECORD_CORRUPT, id, idBytes, recordDetail)
}

/** Fails because a lock is somebody else's, or could not be asked for. */
export function notLocked(status: i32, reason: i32, subject: usize, subjectBytes: u32): i32 {
  return status == Status.BUSY ? fail(status, reason, subject, subjectBytes, 0) : failBecause(effectNumber, status)
}
