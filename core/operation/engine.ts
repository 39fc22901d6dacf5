// The loop of every operation: begin, then one effect at a time until it is done or failed.
//
//   begin(kind) ──> routine ──> effect ──┐
//                      ^                 │ the host carries it out
//                      └──── resume <────┘
//
// An illegal call (a second begin, a resume without an effect, a message with other fields than the effect answers)
// changes nothing and says so. A failed operation is tidied up before it answers.

import { Kind, Status, Step } from './abi'
import { boxCreate, readBoxCreate } from './box-create'
import { bringLayers } from './bring-layers'
import { boxRemove, boxStart, boxStop, readSmallOperation, recover, snapshotRemove } from './small-operations'
import { clone, cloneBytes, cloneStart, readClone } from './clone'
import { collect, deletedCount, readCollect, reachedLayers, sweep } from './collect'
import { commit } from './commit'
import { answerFits, resetEffects } from './effect'
import { fold } from './fold'
import {
  CALL,
  FAILED,
  failureCode,
  failureDetail,
  failureEffect,
  failureReason,
  failureSubject,
  failureSubjectBytes,
  frameDepth,
  OK,
  popFrame,
  pushFrame,
  resetFrames,
  Routine,
  topPhase,
  topRoutine,
  YIELD,
} from './frames'
import { imageAdd, imageRemove, readImageOperation } from './image-operations'
import { lockUsers } from './lock-users'
import { merge, mergedCount, readMerge } from './merge'
import { getInteger, openAnswer, openMessage, putBytes, putNumber } from './message'
import { prepareOverlay } from './prepare-overlay'
import { quiesce } from './quiesce'
import { recoverBox } from './recover-box'
import { settleSwitch } from './settle-switch'
import { scanHome } from './scan-home'
import { scanComplete } from './scan-verdict'
import { scanRecords } from './scan-records'
import { readSnapshotCreate, snapshotCreate } from './snapshot-create'
import { readSnapshotRestore, snapshotRestore } from './snapshot-restore'
import { recordBytes, recordStart, recovered, resetState } from './state'
import { takeBox } from './take-box'
import { needsTidying, tidy } from './tidy'
import { resetChain, verifyChain } from './verify-chain'

namespace Stage {
  export const IDLE: i32 = 0
  export const RUNNING: i32 = 1
  export const TIDYING: i32 = 2
}

let stage: i32 = Stage.IDLE
let kind: i32 = 0

/** Forgets the operation that runs, if one does. */
export function resetOperation(): void {
  stage = Stage.IDLE
}

/** Starts the operation of a `Kind` whose message is in the exchange; a `Step`. */
export function operationBegin(wanted: i32, messageBytes: u32): i32 {
  if (stage != Stage.IDLE) return Step.ILLEGAL
  resetFrames()
  resetEffects()
  resetChain()
  openMessage(messageBytes)
  if (!resetState(<u32>getInteger()) || !readOperation(wanted)) return Step.ILLEGAL
  stage = Stage.RUNNING
  kind = wanted
  pushFrame(wanted)
  return run(OK)
}

/** Goes on with what the outstanding effect answered; a `Step`. */
export function operationResume(status: i32, messageBytes: u32): i32 {
  if (stage == Stage.IDLE || status < Status.OK || status > Status.LIMIT || !answerFits(status, messageBytes)) return Step.ILLEGAL
  return run(status)
}

function readOperation(wanted: i32): bool {
  switch (wanted) {
    case Kind.BOX_CREATE:
      return readBoxCreate()
    case Kind.SNAPSHOT_CREATE:
      return readSnapshotCreate()
    case Kind.SNAPSHOT_RESTORE:
      return readSnapshotRestore()
    case Kind.CLONE:
      return readClone()
    case Kind.COLLECT:
      return readCollect()
    case Kind.MERGE:
      return readMerge()
    case Kind.IMAGE_ADD:
    case Kind.IMAGE_REMOVE:
      return readImageOperation(wanted)
    case Kind.SNAPSHOT_REMOVE:
    case Kind.BOX_REMOVE:
    case Kind.BOX_START:
    case Kind.BOX_STOP:
    case Kind.RECOVER:
      return readSmallOperation(wanted)
    default:
      return false
  }
}

/** Runs routines until one wants an effect or the operation is over. */
function run(answer: i32): i32 {
  let value = answer
  for (;;) {
    const result = step(topRoutine(), topPhase(), value)
    if (result == YIELD) return Step.EFFECT
    value = OK
    if (result == CALL) continue
    popFrame()
    value = result
    if (frameDepth() > 0) continue
    if (stage == Stage.RUNNING && result == FAILED && needsTidying()) {
      stage = Stage.TIDYING
      pushFrame(Routine.TIDY)
      value = OK
      continue
    }
    return end(stage == Stage.TIDYING ? FAILED : result)
  }
}

function step(routine: i32, phase: i32, value: i32): i32 {
  switch (routine) {
    case Kind.BOX_CREATE:
      return boxCreate(phase, value)
    case Kind.SNAPSHOT_CREATE:
      return snapshotCreate(phase, value)
    case Kind.SNAPSHOT_RESTORE:
      return snapshotRestore(phase, value)
    case Kind.SNAPSHOT_REMOVE:
      return snapshotRemove(phase, value)
    case Kind.BOX_REMOVE:
      return boxRemove(phase, value)
    case Kind.BOX_START:
      return boxStart(phase, value)
    case Kind.BOX_STOP:
      return boxStop(phase, value)
    case Kind.RECOVER:
      return recover(phase, value)
    case Kind.CLONE:
      return clone(phase, value)
    case Kind.COLLECT:
      return collect(phase, value)
    case Kind.MERGE:
      return merge(phase, value)
    case Kind.IMAGE_ADD:
      return imageAdd(phase, value)
    case Kind.IMAGE_REMOVE:
      return imageRemove(phase, value)
    default:
      return stepShared(routine, phase, value)
  }
}

function stepShared(routine: i32, phase: i32, value: i32): i32 {
  switch (routine) {
    case Routine.TAKE_BOX:
      return takeBox(phase, value)
    case Routine.RECOVER_BOX:
      return recoverBox(phase, value)
    case Routine.VERIFY_CHAIN:
      return verifyChain(phase, value)
    case Routine.PREPARE_OVERLAY:
      return prepareOverlay(phase, value)
    case Routine.QUIESCE:
      return quiesce(phase, value)
    case Routine.SETTLE_SWITCH:
      return settleSwitch(phase, value)
    case Routine.BRING_LAYERS:
      return bringLayers(phase, value)
    case Routine.SCAN_HOME:
      return scanHome(phase, value)
    case Routine.SCAN_RECORDS:
      return scanRecords(phase, value)
    case Routine.SWEEP:
      return sweep(phase, value)
    case Routine.LOCK_USERS:
      return lockUsers(phase, value)
    case Routine.FOLD:
      return fold(phase, value)
    case Routine.COMMIT:
      return commit(phase, value)
    default:
      return tidy(phase, value)
  }
}

function end(result: i32): i32 {
  stage = Stage.IDLE
  return result == OK && answer() ? Step.DONE : failed()
}

/** The message of an operation that is done; decode.ts in src/operation/ reads it. */
function answer(): bool {
  if (!openAnswer(recordBytes + 64 + (kind == Kind.CLONE ? cloneBytes : 0))) return false
  switch (kind) {
    case Kind.IMAGE_ADD:
      putBytes(recordStart, recordBytes)
      return true
    case Kind.IMAGE_REMOVE:
      return true
    case Kind.COLLECT:
      putNumber(reachedLayers())
      putNumber(deletedCount)
      putNumber(scanComplete ? 1 : 0)
      return true
    case Kind.MERGE:
      putNumber(mergedCount)
      return true
    case Kind.BOX_REMOVE:
      putNumber(recovered)
      return true
    default:
      putNumber(recovered)
      putBytes(recordStart, recordBytes)
      if (kind == Kind.CLONE) putBytes(cloneStart, cloneBytes)
      return true
  }
}

/** The message of one that failed: code, reason, effect, subject, detail. */
function failed(): i32 {
  if (!openAnswer(failureSubjectBytes + 64)) return Step.ILLEGAL
  putNumber(failureCode)
  putNumber(failureReason)
  putNumber(failureEffect)
  putBytes(failureSubject, failureSubjectBytes)
  putNumber(<f64>failureDetail)
  return Step.FAILED
}
