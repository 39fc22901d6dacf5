// Folds unnamed layers with a single child into that child. Alone in the home.
//
//   scanHome ─> for each layer P that no record names and that exactly one reachable layer C backs on:
//                 lockUsers of C ─> fold P into C
//
// C keeps its name and what its guest sees; no record and no other header changes; P is garbage then. Where the scan is
// incomplete nothing is folded.

import { isId } from '../id'
import { FAILED, OK } from './frames'
import { entryAt, entryCount, STATE } from './layer-table'
import { beginFold } from './fold'
import { beginLockUsers, usersLocked } from './lock-users'
import { fieldBytes, getInteger, keepBytes, messageEnds } from './message'
import { suffixed } from './new-layer'
import { findOwners } from './roots'
import { scan } from './scan-home'
import { scanComplete } from './scan-verdict'
import { failInput } from './state'

let temporary: usize = 0
let limit: u64 = 0
let index: u32 = 0
/** How many layers were folded. */
export let mergedCount: u32 = 0

/** Reads the operation; false when its message is not one. */
export function readMerge(): bool {
  const id = keepBytes()
  temporary = isId(id, fieldBytes) ? suffixed(id, '.tmp') : 0
  limit = getInteger()
  return messageEnds()
}

namespace Phase {
  export const BEGIN: i32 = 0
  export const SCANNED: i32 = 1
  export const LOCKED: i32 = 2
  export const FOLDED: i32 = 3
}

export function merge(phase: i32, value: i32): i32 {
  if (value != OK) return FAILED
  switch (phase) {
    case Phase.BEGIN:
      mergedCount = 0
      return temporary == 0 ? failInput('the temporary id') : scan(Phase.SCANNED)
    case Phase.SCANNED:
      if (!scanComplete) return OK
      findOwners()
      index = entryCount
      return next()
    case Phase.LOCKED:
      return usersLocked ? beginFold(index, temporary, Phase.FOLDED) : next()
    default:
      mergedCount++
      return next()
  }
}

/** The last entries first: the scan goes down each chain, and a fold costs what lies below it. */
function next(): i32 {
  if (<u64>mergedCount >= limit) return OK
  while (index > 0) {
    index--
    const entry = entryAt(index)
    if (entry.format != STATE && !entry.named && entry.children == 1) return beginLockUsers(entry.child, Phase.LOCKED)
  }
  return OK
}
