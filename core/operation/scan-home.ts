// Reads a whole home, alone in it: every record, and every layer that records reach. What the scan cannot read makes it
// incomplete, and then nothing in the home may be deleted. What a crash could still take back is not believed: the
// directories are synced before they are read.
//
//   LOCK_HOME exclusive ─> SYNC_DIRECTORY boxes, images, layers ─> scanRecords boxes, images
//     ─> READ_HEAD of each layer that was reached ─> circles and chains over the limit

import { layerFormat } from '../id'
import { CHAIN_LIMIT } from '../record-limits'
import { Found, HeadOf, HomeMode, Place, Reason, Status } from './abi'
import { effectNumber, lockHome, report, syncDirectory } from './effect'
import { call, fail, failBecause, FAILED, failureReason, forgive, OK, Routine } from './frames'
import { addEntry, entryAt, entryCount, entryName, entryNameBytes, NONE, resetTable, STATE } from './layer-table'
import { resetRoots } from './roots'
import { beginScanRecords } from './scan-records'
import { beginScanVerdict, scanIncomplete, tooMany } from './scan-verdict'
import { notLocked } from './take-box'
import { AGAIN, headBacking, headNeededBytes, headSizeBytes, judgeHead, readHeadOf } from './verify-chain'

let index: u32 = 0

namespace Phase {
  export const BEGIN: i32 = 0
  export const LOCKED: i32 = 1
  export const BOXES_SYNCED: i32 = 2
  export const IMAGES_SYNCED: i32 = 3
  export const LAYERS_SYNCED: i32 = 4
  export const BOXES_SCANNED: i32 = 5
  export const IMAGES_SCANNED: i32 = 6
  export const HEAD_READ: i32 = 7
  export const HEAD_REPORTED: i32 = 8
  export const DEPTH_REPORTED: i32 = 9
}

/** Scans the home. */
export function scan(next: i32): i32 {
  return call(Routine.SCAN_HOME, next)
}

export function scanHome(phase: i32, value: i32): i32 {
  if (phase > Phase.LOCKED && phase <= Phase.LAYERS_SYNCED && value != Status.OK) return failBecause(effectNumber, value)
  if ((phase == Phase.BOXES_SCANNED || phase == Phase.IMAGES_SCANNED) && value != OK) return FAILED
  switch (phase) {
    case Phase.BEGIN:
      beginScanVerdict()
      index = 0
      if (!resetTable() || !resetRoots()) return fail(Status.LIMIT, Reason.OUT_OF_MEMORY, 0, 0, 0)
      return lockHome(HomeMode.EXCLUSIVE, Phase.LOCKED)
    case Phase.LOCKED:
      return value == Status.OK ? syncDirectory(Place.BOXES, Phase.BOXES_SYNCED) : notLocked(value, Reason.LOCKED_HOME, 0, 0)
    case Phase.BOXES_SYNCED:
      return syncDirectory(Place.IMAGES, Phase.IMAGES_SYNCED)
    case Phase.IMAGES_SYNCED:
      return syncDirectory(Place.LAYERS, Phase.LAYERS_SYNCED)
    case Phase.LAYERS_SYNCED:
      return beginScanRecords(Place.BOXES, Phase.BOXES_SCANNED)
    case Phase.BOXES_SCANNED:
      return beginScanRecords(Place.IMAGES, Phase.IMAGES_SCANNED)
    case Phase.IMAGES_SCANNED:
      return readNextHead()
    case Phase.HEAD_READ:
      return judge(value)
    case Phase.HEAD_REPORTED:
      index++
      return readNextHead()
    default:
      index++
      return findDepths()
  }
}

/** The entries grow while the chains are followed: each layer comes once, however many chains it is in. */
function readNextHead(): i32 {
  while (index < entryCount && entryAt(index).format == STATE) index++
  if (index < entryCount) return readHeadOf(entryName(index), 0, HeadOf.ANY, Phase.HEAD_READ)
  index = 0
  return findDepths()
}

function judge(status: i32): i32 {
  const verdict = judgeHead(entryName(index), status)
  if (verdict == AGAIN) return readHeadOf(entryName(index), headNeededBytes, HeadOf.ANY, Phase.HEAD_READ)
  if (verdict != OK) return unreadable(failureReason, Phase.HEAD_REPORTED)
  entryAt(index).sizeBytes = headSizeBytes
  if (headBacking != 0) {
    const parent = addEntry(headBacking, layerFormat(headBacking))
    if (parent == NONE) return tooMany()
    entryAt(index).parent = parent
    entryAt(parent).children++
    entryAt(parent).child = index
  }
  index++
  return readNextHead()
}

function unreadable(reason: i32, next: i32): i32 {
  forgive()
  scanIncomplete()
  const name = entryName(index)
  return report(Found.UNREADABLE, Place.LAYERS, name, entryNameBytes, 0, 0, reason, next)
}

/** How deep each layer lies; a circle has no depth. Each layer is walked over twice at most. */
function findDepths(): i32 {
  for (; index < entryCount; index++) {
    let steps: u32 = 0
    let at = index
    while (at != NONE && entryAt(at).depth == 0 && steps <= entryCount) {
      at = entryAt(at).parent
      steps++
    }
    if (steps > entryCount) return unreadable(Reason.CHAIN_CYCLE, Phase.DEPTH_REPORTED)
    let depth = steps + (at == NONE ? 0 : entryAt(at).depth)
    if (depth > CHAIN_LIMIT) return unreadable(Reason.CHAIN_TOO_LONG, Phase.DEPTH_REPORTED)
    for (at = index; steps > 0; steps--) {
      entryAt(at).depth = depth--
      at = entryAt(at).parent
    }
  }
  return OK
}
