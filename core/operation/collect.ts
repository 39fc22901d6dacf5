// Deletes what nothing reaches: layers, states and temporary files. Alone in the home.
//
//   scanHome ─> for each directory: LIST ─> REMOVE garbage, REPORT it ─> ... ─> SYNC_DIRECTORY where something went
//
// The rule: one unreadable record or chain stops every deletion in the home; a name that is none of ours is reported and
// stays; where neither directories can be synced nor changes be made in a transaction, nothing is deleted.

import { Found, Guarantee, Place, Reason, Status } from './abi'
import { effectNumber, remove, report, syncDirectory } from './effect'
import { call, fail, failBecause, FAILED, OK, Routine } from './frames'
import { entryAt, entryCount, STATE } from './layer-table'
import { hasNextSlice, listedBytes, listedName, listNext, listPlace, nextName, takeSlice } from './listing'
import { getInteger, messageEnds } from './message'
import { Fate, fateOf } from './names'
import { scan } from './scan-home'
import { scanComplete } from './scan-verdict'
import { guarantees } from './state'

let dryRun = false
let deleting = false
let place: i32 = Place.BOXES
let gone = false
/** How many names were deleted. */
export let deletedCount: u32 = 0

/** Reads the operation; false when its message is not one. */
export function readCollect(): bool {
  dryRun = getInteger() != 0
  return messageEnds()
}

/** How many layers the home's records reach. */
export function reachedLayers(): u32 {
  let count: u32 = 0
  for (let i: u32 = 0; i < entryCount; i++) if (entryAt(i).format != STATE) count++
  return count
}

export function collect(phase: i32, value: i32): i32 {
  if (value != OK) return FAILED
  if (phase == 0) {
    deletedCount = 0
    place = Place.BOXES
    return scan(1)
  }
  if (phase > 1) place++
  deleting = !dryRun && scanComplete && (guarantees & (Guarantee.DIRECTORY_SYNC | Guarantee.TRANSACTIONS)) != 0
  return place > Place.STATES ? OK : call(Routine.SWEEP, 2)
}

namespace Phase {
  export const BEGIN: i32 = 0
  export const LISTED: i32 = 1
  export const REMOVED: i32 = 2
  export const REPORTED: i32 = 3
  export const SYNCED: i32 = 4
}

export function sweep(phase: i32, value: i32): i32 {
  switch (phase) {
    case Phase.BEGIN:
      gone = false
      return listPlace(place, Phase.LISTED)
    case Phase.LISTED:
      if (value != Status.OK) return failBecause(effectNumber, value)
      return takeSlice() ? next() : fail(Status.LIMIT, Reason.OUT_OF_MEMORY, 0, 0, 0)
    case Phase.REMOVED:
      if (value != Status.OK) return found(Found.NOT_DELETED, value)
      gone = true
      deletedCount++
      return found(Found.GARBAGE, 1)
    case Phase.REPORTED:
      return next()
    default:
      return value == Status.OK ? OK : failBecause(effectNumber, value)
  }
}

function next(): i32 {
  while (nextName()) {
    const fate = fateOf(place, listedName, listedBytes)
    if (fate == Fate.UNKNOWN) return found(Found.UNKNOWN_NAME, 0)
    if (fate == Fate.KEEP) continue
    return deleting ? remove(place, listedName, listedBytes, Phase.REMOVED) : found(Found.GARBAGE, 0)
  }
  if (hasNextSlice()) return listNext(Phase.LISTED)
  return gone ? syncDirectory(place, Phase.SYNCED) : OK
}

function found(what: i32, flag: i32): i32 {
  return report(what, place, listedName, listedBytes, 0, 0, flag, Phase.REPORTED)
}
