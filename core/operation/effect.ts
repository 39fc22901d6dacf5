// The effects: what the host is asked to do, with the fields of each and of its answer. An answer's fields come with
// status 0 only; with any other status the message is empty, but for what is said of a commit.
//
//   LOCK_BOX       id                                     -> 1 when the caller held it already, else 0
//   LOCK_HOME      HomeMode                               -> the same
//   LOCK_NAME      name                                   -> the same
//   FIND_NAME      name                                   -> id of the box that has it; NOT_FOUND
//   LIST           place, cursor                          -> count, names..., next cursor or 0
//   READ_RECORD    place, id                              -> bytes; NOT_FOUND
//   COMMIT_RECORD  place, id, bytes, 0 | 1 and expected   -> nothing; BUSY: nothing was changed; after another error nothing,
//   REMOVE_RECORD  place, id, expected                       or 1 where it came before anything was changed
//   READ_HEAD      layer, bytes, HeadOf                   -> length of the file, its first bytes; NOT_FOUND
//   CREATE_LAYER   name                                   -> nothing; the file stays open for the next ones
//   WRITE_LAYER    name, length, count, (offset, bytes)...
//   FILL_LAYER     index, name
//   FOLD_LAYERS    target, upper, lower, count, below...
//   SYNC_LAYER     name                                   (a created one is closed by it)
//   PUBLISH_LAYER  temporary name, name
//   SYNC_DIRECTORY place
//   REMOVE         place, name
//   PAUSE, DRAIN, FLUSH, RESUME, THAW, KILL  box, machine
//   FREEZE         box, machine, the layer of the switch to come
//   SWITCH         box, machine, layer
//   ASK            box, machine                           -> MachineState, layer it has open or empty
//   REPORT         Found, place, name, more, flag

import { DIGEST_BYTES, ID_BYTES, layerNameBytes } from '../id'
import { ImagePlan } from '../qcow2/create'
import { Effect, Place, Reason, Status } from './abi'
import { fail, setPhase, YIELD } from './frames'
import { getBytes, getInteger, messageEnds, openAnswer, openMessage, putBytes, putNumber } from './message'

/** Number of the effect that was written last, from 0; the host counts the same way. */
export let effectNumber: i32 = -1
/** Which effect that is. */
let outstanding: i32 = 0

/** Forgets every effect. */
export function resetEffects(): void {
  effectNumber = -1
  outstanding = 0
}

function open(effect: i32, roomBytes: u64): bool {
  if (roomBytes > 0x4000_0000 || !openAnswer(<u32>roomBytes + 64)) return false
  effectNumber++
  outstanding = effect
  putNumber(effect)
  return true
}

function ready(next: i32): i32 {
  setPhase(next)
  return YIELD
}

function noMemory(): i32 {
  return fail(Status.LIMIT, Reason.OUT_OF_MEMORY, 0, 0, 0)
}

/** An effect about one id, layer or name. */
function aboutText(effect: i32, start: usize, lengthBytes: u32, next: i32): i32 {
  if (!open(effect, lengthBytes)) return noMemory()
  putBytes(start, lengthBytes)
  return ready(next)
}

/** An effect about a name in a place. */
function aboutPlace(effect: i32, place: i32, start: usize, lengthBytes: u32, next: i32): i32 {
  if (!open(effect, lengthBytes)) return noMemory()
  putNumber(place)
  putBytes(start, lengthBytes)
  return ready(next)
}

export function lockBox(id: usize, next: i32): i32 {
  return aboutText(Effect.LOCK_BOX, id, ID_BYTES, next)
}

export function lockHome(mode: i32, next: i32): i32 {
  if (!open(Effect.LOCK_HOME, 8)) return noMemory()
  putNumber(mode)
  return ready(next)
}

export function lockName(name: usize, nameBytes: u32, next: i32): i32 {
  return aboutText(Effect.LOCK_NAME, name, nameBytes, next)
}

export function findName(name: usize, nameBytes: u32, next: i32): i32 {
  return aboutText(Effect.FIND_NAME, name, nameBytes, next)
}

export function list(place: i32, cursor: u64, next: i32): i32 {
  if (!open(Effect.LIST, 16)) return noMemory()
  putNumber(place)
  putNumber(<f64>cursor)
  return ready(next)
}

export function readRecord(place: i32, id: usize, next: i32): i32 {
  return aboutPlace(Effect.READ_RECORD, place, id, recordIdBytes(place), next)
}

export function commitRecord(place: i32, id: usize, start: usize, bytes: u32, expected: usize, expectedBytes: u32, next: i32): i32 {
  if (!open(Effect.COMMIT_RECORD, <u64>bytes + expectedBytes + 128)) return noMemory()
  putNumber(place)
  putBytes(id, recordIdBytes(place))
  putBytes(start, bytes)
  putNumber(expectedBytes == 0 ? 0 : 1)
  if (expectedBytes != 0) putBytes(expected, expectedBytes)
  return ready(next)
}

export function removeRecord(place: i32, id: usize, expected: usize, expectedBytes: u32, next: i32): i32 {
  if (!open(Effect.REMOVE_RECORD, <u64>expectedBytes + 128)) return noMemory()
  putNumber(place)
  putBytes(id, recordIdBytes(place))
  putBytes(expected, expectedBytes)
  return ready(next)
}

/** Length of the id of a record of this place. */
export function recordIdBytes(place: i32): u32 {
  return place == Place.BOXES ? ID_BYTES : DIGEST_BYTES
}

export function readHead(name: usize, nameBytes: u32, lengthBytes: u32, known: i32, next: i32): i32 {
  if (!open(Effect.READ_HEAD, nameBytes)) return noMemory()
  putBytes(name, nameBytes)
  putNumber(lengthBytes)
  putNumber(known)
  return ready(next)
}

export function createLayer(name: usize, nameBytes: u32, next: i32): i32 {
  return aboutText(Effect.CREATE_LAYER, name, nameBytes, next)
}

export function writeLayer(layer: usize, plan: ImagePlan, next: i32): i32 {
  let room: u64 = 128
  for (let i: u32 = 0; i < plan.segmentCount; i++) room += <u64>plan.segment(i).bytes + 16
  if (!open(Effect.WRITE_LAYER, room)) return noMemory()
  putBytes(layer, layerNameBytes(layer))
  putNumber(<f64>plan.fileBytes)
  putNumber(plan.segmentCount)
  for (let i: u32 = 0; i < plan.segmentCount; i++) {
    const segment = plan.segment(i)
    putNumber(<f64>segment.offset)
    putBytes(segment.pointer, segment.bytes)
  }
  return ready(next)
}

export function fillLayer(index: u32, layer: usize, next: i32): i32 {
  if (!open(Effect.FILL_LAYER, 64)) return noMemory()
  putNumber(index)
  putBytes(layer, layerNameBytes(layer))
  return ready(next)
}

/** Begins FOLD_LAYERS; `putBelow` adds the layers below, then the caller yields. */
export function openFold(target: usize, targetBytes: u32, upper: usize, lower: usize, belowCount: u32, next: i32): bool {
  if (!open(Effect.FOLD_LAYERS, (<u64>belowCount + 4) * 64)) {
    noMemory()
    return false
  }
  putBytes(target, targetBytes)
  putBytes(upper, layerNameBytes(upper))
  putBytes(lower, layerNameBytes(lower))
  putNumber(belowCount)
  setPhase(next)
  return true
}

export function syncLayer(name: usize, nameBytes: u32, next: i32): i32 {
  return aboutText(Effect.SYNC_LAYER, name, nameBytes, next)
}

export function publishLayer(temporary: usize, temporaryBytes: u32, layer: usize, next: i32): i32 {
  if (!open(Effect.PUBLISH_LAYER, temporaryBytes + 64)) return noMemory()
  putBytes(temporary, temporaryBytes)
  putBytes(layer, layerNameBytes(layer))
  return ready(next)
}

export function syncDirectory(place: i32, next: i32): i32 {
  if (!open(Effect.SYNC_DIRECTORY, 8)) return noMemory()
  putNumber(place)
  return ready(next)
}

export function remove(place: i32, name: usize, nameBytes: u32, next: i32): i32 {
  return aboutPlace(Effect.REMOVE, place, name, nameBytes, next)
}

/** PAUSE, DRAIN, FLUSH, RESUME, THAW, ASK or KILL. */
export function toMachine(effect: i32, id: usize, machine: usize, machineBytes: u32, next: i32): i32 {
  if (!open(effect, machineBytes + 64)) return noMemory()
  putBytes(id, ID_BYTES)
  putBytes(machine, machineBytes)
  return ready(next)
}

/** FREEZE or SWITCH, with the layer that the machine is to write. */
export function toMachineFor(effect: i32, id: usize, machine: usize, machineBytes: u32, layer: usize, next: i32): i32 {
  if (!open(effect, machineBytes + 128)) return noMemory()
  putBytes(id, ID_BYTES)
  putBytes(machine, machineBytes)
  putBytes(layer, layerNameBytes(layer))
  return ready(next)
}

export function report(found: i32, place: i32, name: usize, nameBytes: u32, more: usize, moreBytes: u32, flag: i32, next: i32): i32 {
  if (!open(Effect.REPORT, <u64>nameBytes + moreBytes + 64)) return noMemory()
  putNumber(found)
  putNumber(place)
  putBytes(name, nameBytes)
  putBytes(more, moreBytes)
  putNumber(flag)
  return ready(next)
}

/** Whether the message in the exchange has the fields that the outstanding effect answers; it is then open at its first. */
export function answerFits(status: i32, lengthBytes: u32): bool {
  openMessage(lengthBytes)
  if (status == Status.OK) {
    switch (outstanding) {
      case Effect.LOCK_BOX:
      case Effect.LOCK_HOME:
      case Effect.LOCK_NAME:
        getInteger()
        break
      case Effect.FIND_NAME:
      case Effect.READ_RECORD:
        getBytes()
        break
      case Effect.LIST: {
        // Each name takes at least its length, so the count is bounded by the message.
        const count = getInteger()
        if (count > lengthBytes) return false
        for (let i: u64 = 0; i < count; i++) getBytes()
        getInteger()
        break
      }
      case Effect.READ_HEAD:
      case Effect.ASK:
        getInteger()
        getBytes()
        break
      default:
        break
    }
  }
  if (status != Status.OK && lengthBytes > 0 && (outstanding == Effect.COMMIT_RECORD || outstanding == Effect.REMOVE_RECORD)) getInteger()
  const fits = messageEnds()
  openMessage(lengthBytes)
  return fits
}

/** Whether a commit that failed says that it failed before anything was changed. */
export function answeredUnchanged(): bool {
  return !messageEnds() && getInteger() == 1
}
