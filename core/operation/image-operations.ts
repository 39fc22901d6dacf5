// Images: a record that maps a digest to a frozen base layer.
//
//   image.add     lock home, name ─> no such record yet ─> bringLayers ─> verify ─> SYNC_DIRECTORY layers ─> commit
//   image.remove  lock home, name ─> READ_RECORD ─> remove the record; its layer goes by collection

import { DIGEST_BYTES, isDigest } from '../id'
import { allocate } from '../memory'
import { TEXT_LIMIT_BYTES } from '../record-limits'
import { parseImageRecord } from '../record'
import { ImageRecord } from '../record-shape'
import { encodedBytes, encodeImageRecord } from '../record-write'
import { isUnicode } from '../utf8'
import { HomeMode, Kind, Place, Reason, Status } from './abi'
import { bring, lastNewLayer, needNewLayers, readNewLayers } from './bring-layers'
import { commitOther } from './commit'
import { effectNumber, lockHome, lockName, readRecord, syncDirectory } from './effect'
import { fail, failBecause, FAILED, OK } from './frames'
import { fieldBytes, getInteger, keepBytes, messageEnds } from './message'
import { failInput, setRecord } from './state'
import { failUnlessRead, notLocked } from './take-box'
import { chainSizeBytes, verify } from './verify-chain'

let id: usize = 0
let idBytes: u32 = 0
let reference: usize = 0
let referenceBytes: u32 = 0
let nowMs: u64 = 0

/** Reads one of these operations; false when its message is not one. */
export function readImageOperation(kind: i32): bool {
  id = keepBytes()
  idBytes = fieldBytes
  if (kind == Kind.IMAGE_ADD) {
    reference = keepBytes()
    referenceBytes = fieldBytes
    nowMs = getInteger()
    readNewLayers()
  }
  return messageEnds()
}

namespace Phase {
  export const BEGIN: i32 = 0
  export const HOME_LOCKED: i32 = 1
  export const NAME_LOCKED: i32 = 2
  export const READ: i32 = 3
  export const BROUGHT: i32 = 4
  export const VERIFIED: i32 = 5
  export const SYNCED: i32 = 6
  export const COMMITTED: i32 = 7
}

/** The locks that both begin with, up to the record that was or was not read. */
function lockImage(phase: i32, value: i32): i32 {
  switch (phase) {
    case Phase.BEGIN:
      return isDigest(id, idBytes) ? lockHome(HomeMode.SHARED, Phase.HOME_LOCKED) : failInput('the image id')
    case Phase.HOME_LOCKED:
      return value == Status.OK ? lockName(id, DIGEST_BYTES, Phase.NAME_LOCKED) : notLocked(value, Reason.LOCKED_HOME, 0, 0)
    default:
      return value == Status.OK ? readRecord(Place.IMAGES, id, Phase.READ) : notLocked(value, Reason.LOCKED_NAME, id, DIGEST_BYTES)
  }
}

export function imageAdd(phase: i32, value: i32): i32 {
  if (phase < Phase.READ) return lockImage(phase, value)
  switch (phase) {
    case Phase.READ:
      if (value == Status.OK) return fail(Status.ALREADY_EXISTS, Reason.IMAGE_EXISTS, id, DIGEST_BYTES, 0)
      if (value != Status.NOT_FOUND) return failBecause(effectNumber, value)
      if (referenceBytes > TEXT_LIMIT_BYTES || !isUnicode(reference, referenceBytes)) return failInput('the reference')
      if (lastNewLayer() == 0) return failInput('an image without a layer')
      return needNewLayers(0) == OK ? bring(Phase.BROUGHT) : FAILED
    case Phase.BROUGHT:
      return value == OK ? verify(lastNewLayer(), Phase.VERIFIED) : FAILED
    case Phase.VERIFIED:
      return value == OK ? syncDirectory(Place.LAYERS, Phase.SYNCED) : FAILED
    case Phase.SYNCED:
      return value == Status.OK ? commitImage() : failBecause(effectNumber, value)
    default:
      return value
  }
}

function commitImage(): i32 {
  const image = changetype<ImageRecord>(allocate(offsetof<ImageRecord>()))
  if (changetype<usize>(image) == 0) return fail(Status.LIMIT, Reason.OUT_OF_MEMORY, 0, 0, 0)
  image.generation = 1
  image.id = id
  image.reference = reference
  image.referenceBytes = referenceBytes
  image.layer = lastNewLayer()
  image.virtualSizeBytes = chainSizeBytes
  image.createdAt = nowMs
  const start = encodeImageRecord(image)
  if (start == 0) return fail(Status.LIMIT, Reason.OUT_OF_MEMORY, 0, 0, 0)
  setRecord(start, encodedBytes)
  return commitOther(Place.IMAGES, id, 0, 0, start, encodedBytes, 1, Phase.COMMITTED)
}

export function imageRemove(phase: i32, value: i32): i32 {
  if (phase < Phase.READ) return lockImage(phase, value)
  if (phase != Phase.READ) return value
  if (value == Status.NOT_FOUND) return fail(Status.NOT_FOUND, Reason.IMAGE_NOT_FOUND, id, DIGEST_BYTES, 0)
  if (value != Status.OK) return failBecause(effectNumber, value)
  const start = keepBytes()
  const bytes = fieldBytes
  const image = changetype<ImageRecord>(allocate(offsetof<ImageRecord>()))
  if (changetype<usize>(image) == 0) return fail(Status.LIMIT, Reason.OUT_OF_MEMORY, 0, 0, 0)
  if (failUnlessRead(parseImageRecord(start, bytes, id, image), id, DIGEST_BYTES) != OK) return FAILED
  return commitOther(Place.IMAGES, id, start, bytes, 0, 0, image.generation + 1, Phase.COMMITTED)
}
