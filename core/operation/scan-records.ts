// Reads every record of one directory and notes the layers and states that it names.
//
//   LIST ─> READ_RECORD of each ─> ... next slice ─> done
//
// Temporary and foreign names are passed over: what becomes of them is the collection's business.

import { layerFormat } from '../id'
import { allocate } from '../memory'
import { parseBoxRecord, parseImageRecord } from '../record'
import { BoxRecord, ImageRecord, snapshotAt } from '../record-shape'
import { RecordVerdict } from '../verdict'
import { Found, Place, Reason, Status } from './abi'
import { effectNumber, readRecord, recordIdBytes, report } from './effect'
import { call, fail, failBecause, OK, Routine } from './frames'
import { addEntry, entryAt, NONE, STATE } from './layer-table'
import { hasNextSlice, listedBytes, listedName, listNext, listPlace, nextName, takeSlice } from './listing'
import { fieldBytes, getBytes } from './message'
import { isRecordName } from './names'
import { addBox, addRoot } from './roots'
import { scanIncomplete, tooMany } from './scan-verdict'

let place: i32 = Place.BOXES
let box = changetype<BoxRecord>(0)
let image = changetype<ImageRecord>(0)

/** Reads the records of a place. */
export function beginScanRecords(where: i32, next: i32): i32 {
  place = where
  return call(Routine.SCAN_RECORDS, next)
}

export function scanRecords(phase: i32, value: i32): i32 {
  switch (phase) {
    case 0:
      box = changetype<BoxRecord>(allocate(offsetof<BoxRecord>()))
      image = changetype<ImageRecord>(allocate(offsetof<ImageRecord>()))
      if (changetype<usize>(box) == 0 || changetype<usize>(image) == 0) return noMemory()
      return listPlace(place, 1)
    case 1:
      if (value != Status.OK) return failBecause(effectNumber, value)
      return takeSlice() ? readNext() : noMemory()
    case 2:
      return judge(value)
    default:
      return readNext()
  }
}

function noMemory(): i32 {
  return fail(Status.LIMIT, Reason.OUT_OF_MEMORY, 0, 0, 0)
}

function readNext(): i32 {
  while (nextName()) if (isRecordName(place, listedName, listedBytes)) return readRecord(place, listedName, 2)
  return hasNextSlice() ? listNext(1) : OK
}

function judge(status: i32): i32 {
  // Listed but not there, while nobody else is in the home: as unreadable as bytes that are not a record.
  if (status != Status.OK) return unreadable(Reason.EFFECT)
  const start = getBytes()
  const verdict = place == Place.BOXES ? parseBoxRecord(start, fieldBytes, listedName, box) : parseImageRecord(start, fieldBytes, listedName, image)
  if (verdict == RecordVerdict.UNKNOWN_FORMAT) return unreadable(Reason.RECORD_FORMAT)
  if (verdict != RecordVerdict.OK) return unreadable(Reason.RECORD_CORRUPT)
  if (place == Place.BOXES ? !noteBox() : !noteImage()) return tooMany()
  return readNext()
}

function unreadable(reason: i32): i32 {
  scanIncomplete()
  return report(Found.UNREADABLE, place, listedName, recordIdBytes(place), 0, 0, reason, 3)
}

function noteBox(): bool {
  if (!addBox(listedName, box.machine != 0 || box.pendingTo != 0)) return false
  if (!noteRoot(box.live) || !noteState(box.resume)) return false
  if (box.pendingTo != 0 && !noteRoot(box.pendingFrom)) return false
  for (let i: u32 = 0; i < box.snapshotCount; i++) {
    const snapshot = snapshotAt(box, i)
    if (!noteRoot(snapshot.layer) || !noteState(snapshot.state)) return false
  }
  return true
}

function noteRoot(layer: usize): bool {
  const index = noteLayer(layer)
  return index != NONE && addRoot(index)
}

function noteLayer(layer: usize): u32 {
  const index = addEntry(layer, layerFormat(layer))
  if (index != NONE) entryAt(index).named = true
  return index
}

function noteState(state: usize): bool {
  return state == 0 || addEntry(state, STATE) != NONE
}

function noteImage(): bool {
  return noteLayer(image.layer) != NONE && noteState(image.template)
}
