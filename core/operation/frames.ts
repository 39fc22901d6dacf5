// The running operation as a stack of routines. A routine is an explicit state machine: a function of its phase and
// of what the last effect or routine answered. It returns YIELD (an effect was written), CALL (another routine
// goes first), or how it ended: OK or FAILED. engine.ts is the loop.
//
//   snapshotCreate ── call ──> takeBox ── call ──> recoverBox ── call ──> commit ── yield ──> COMMIT_RECORD

import { Reason, Status } from './abi'

/** An effect was written; go on when it is carried out. */
export const YIELD: i32 = -1
/** Another routine was put on the stack; go on when it ended. */
export const CALL: i32 = -2
/** The routine did what it is for. */
export const OK: i32 = 0
/** It did not; the failure says why. */
export const FAILED: i32 = 1

/** Every routine. The operations have the numbers of their `Kind`. */
export namespace Routine {
  export const TAKE_BOX: i32 = 32
  export const RECOVER_BOX: i32 = 33
  export const VERIFY_CHAIN: i32 = 34
  export const PREPARE_OVERLAY: i32 = 35
  export const QUIESCE: i32 = 36
  export const SETTLE_SWITCH: i32 = 37
  export const COMMIT: i32 = 38
  export const TIDY: i32 = 39
  export const BRING_LAYERS: i32 = 40
  export const SCAN_HOME: i32 = 41
  export const SCAN_RECORDS: i32 = 42
  export const FOLD: i32 = 43
  export const LOCK_USERS: i32 = 44
  export const SWEEP: i32 = 45
}

const FRAME_LIMIT: u32 = 8
const FRAME_BYTES: u32 = 8
const frames = memory.data(64)
let depth: u32 = 0

/** Forgets every routine, and the failure. */
export function resetFrames(): void {
  depth = 0
  failureCode = Status.OK
  failureReason = 0
  failureEffect = -1
  failureSubject = 0
  failureSubjectBytes = 0
  failureDetail = 0
}

/** How many routines are on the stack. */
export function frameDepth(): u32 {
  return depth
}

/** Puts a routine on the stack, at its first phase, 0. */
export function pushFrame(routine: i32): void {
  if (depth == FRAME_LIMIT) unreachable()
  const frame = frames + <usize>depth * FRAME_BYTES
  store<i32>(frame, routine)
  store<i32>(frame + 4, 0)
  depth++
}

/** Takes the routine that ended off the stack. */
export function popFrame(): void {
  depth--
}

/** The routine on top. */
export function topRoutine(): i32 {
  return load<i32>(frames + <usize>(depth - 1) * FRAME_BYTES)
}

/** Its phase. */
export function topPhase(): i32 {
  return load<i32>(frames + <usize>(depth - 1) * FRAME_BYTES + 4)
}

/** Says in which phase the routine on top goes on. */
export function setPhase(next: i32): void {
  store<i32>(frames + <usize>(depth - 1) * FRAME_BYTES + 4, next)
}

/** Lets another routine go first; the one on top goes on in phase `next` with what that one answered. */
export function call(routine: i32, next: i32): i32 {
  setPhase(next)
  pushFrame(routine)
  return CALL
}

/** The code (a `Status`), the `Reason`, the effect whose error is the cause or -1, what it is about, and a number. */
export let failureCode: i32 = 0
export let failureReason: i32 = 0
export let failureEffect: i32 = -1
export let failureSubject: usize = 0
export let failureSubjectBytes: u32 = 0
export let failureDetail: u64 = 0

/** Notes why the operation fails; the first reason stands. Always FAILED. */
export function fail(code: i32, reason: i32, subject: usize, subjectBytes: u32, detail: u64): i32 {
  if (failureReason != 0) return FAILED
  failureCode = code
  failureReason = reason
  failureSubject = subject
  failureSubjectBytes = subjectBytes
  failureDetail = detail
  return FAILED
}

/** Notes that the operation fails because effect number `effect` did. Always FAILED. */
export function failBecause(effect: i32, status: i32): i32 {
  if (failureReason == 0) failureEffect = effect
  return fail(status, Reason.EFFECT, 0, 0, 0)
}

/** Replaces the reason that was noted, keeping its cause. Always FAILED. */
export function failAs(reason: i32): i32 {
  failureReason = reason
  return FAILED
}

/** Forgets the failure: what failed was not needed. */
export function forgive(): void {
  failureCode = Status.OK
  failureReason = 0
  failureEffect = -1
}
