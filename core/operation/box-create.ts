// Makes a box. With snapshots it is the import of one.
//
//   lock box, home, name; nobody has the name ─> [READ_RECORD image] ─> bringLayers ─> verify the base's chain
//     ─> live overlay, durable with every new name ─> commit the record
//
// Until the commit nothing refers to what was made.

import { ID_BYTES, isDigest, isId, layerNameBytes } from '../id'
import { OFFSET_LIMIT_BYTES } from '../limits'
import { BOX_SNAPSHOT_LIMIT, DESCRIPTION_LIMIT_BYTES } from '../record-limits'
import { allocate } from '../memory'
import { judgeName } from '../name'
import { isConfig, parseImageRecord } from '../record'
import { consistencyOf, fits, hasSnapshot, ImageRecord, snapshotAt } from '../record-shape'
import { isLiteral } from '../text'
import { isUnicode } from '../utf8'
import { NameVerdict } from '../verdict'
import { Place, Reason, Status } from './abi'
import { bring, isNewLayer, needNewLayers, newLayerSizeBytes, readNewLayers } from './bring-layers'
import { commitBox } from './commit'
import { effectNumber, readRecord } from './effect'
import { fail, failBecause, FAILED, OK } from './frames'
import { fieldBytes, getBytes, getInteger, getNumber, keepBytes, keepOptional, messageBroken, messageEnds } from './message'
import { layerNamed } from './new-layer'
import { prepare } from './prepare-overlay'
import { addSnapshot } from './snapshots'
import { box, failInput, needName } from './state'
import { failUnlessRead, takeBoxes } from './take-box'
import { chainSizeBytes, needChainRoom, verify } from './verify-chain'

let boxIdBytes: u32 = 0
let image: usize = 0
let imageBytes: u32 = 0
let base: usize = 0
let baseBytes: u32 = 0
let onImage = false
let sizeBytes: f64 = 0
let liveParentBytes: u32 = 0
let sound = true
let tooMany = false

/** Reads the operation; false when its message is not one. */
export function readBoxCreate(): bool {
  box.id = keepBytes()
  boxIdBytes = fieldBytes
  box.name = keepOptional()
  box.nameBytes = fieldBytes
  box.config = keepBytes()
  box.configBytes = fieldBytes
  readNewLayers()
  image = keepOptional()
  imageBytes = fieldBytes
  box.live = layerNamed(keepBytes(), fieldBytes)
  base = keepOptional()
  baseBytes = fieldBytes
  sizeBytes = getNumber()
  box.liveParent = keepOptional()
  liveParentBytes = fieldBytes
  readSnapshots()
  return messageEnds()
}

/** Reads the snapshots into the record. What is wrong with one is told when the operation begins. */
function readSnapshots(): void {
  const count = getInteger()
  sound = true
  tooMany = count > BOX_SNAPSHOT_LIMIT
  box.snapshotCount = 0
  box.snapshots = allocate((BOX_SNAPSHOT_LIMIT + 1) * sizeof<usize>())
  for (let i: u64 = 0; i < count && !messageBroken() && box.snapshots != 0; i++) readSnapshot()
}

function readSnapshot(): void {
  const snapshot = addSnapshot(box)
  // Judged against those before it, so it does not count yet.
  box.snapshotCount--
  if (snapshot == null) {
    sound = false
    return
  }
  snapshot.id = keepBytes()
  sound = isId(snapshot.id, fieldBytes) && sound
  snapshot.name = keepBytes()
  snapshot.nameBytes = fieldBytes
  sound = judgeName(snapshot.name, fieldBytes) == NameVerdict.OK && sound
  snapshot.description = keepBytes()
  snapshot.descriptionBytes = fieldBytes
  snapshot.layer = keepBytes()
  sound = isUnicode(snapshot.description, snapshot.descriptionBytes) && sound
  sound = isNewLayer(snapshot.layer, fieldBytes) && snapshot.descriptionBytes <= DESCRIPTION_LIMIT_BYTES && sound
  snapshot.createdAt = getInteger()
  snapshot.virtualSizeBytes = getInteger()
  snapshot.parent = keepOptional()
  sound = (snapshot.parent == 0 || isId(snapshot.parent, fieldBytes)) && sound
  snapshot.consistency = consistencyOf(getBytes(), fieldBytes)
  sound = sound && snapshot.consistency >= 0 && !messageBroken() && fits(box, snapshot)
  if (box.snapshotCount < BOX_SNAPSHOT_LIMIT) box.snapshotCount++
}

namespace Phase {
  export const BEGIN: i32 = 0
  export const TAKEN: i32 = 1
  export const IMAGE_READ: i32 = 2
  export const BROUGHT: i32 = 3
  export const VERIFIED: i32 = 4
  export const PREPARED: i32 = 5
  export const COMMITTED: i32 = 6
}

export function boxCreate(phase: i32, value: i32): i32 {
  if (phase == Phase.IMAGE_READ) return judgeImage(value)
  if (value != OK) return FAILED
  switch (phase) {
    case Phase.BEGIN:
      return judgeInput() == OK ? takeBoxes(0, box.id, box.name, box.nameBytes, Phase.TAKEN) : FAILED
    case Phase.TAKEN:
      if (image != 0) return readRecord(Place.IMAGES, image, Phase.IMAGE_READ)
      return bringIn(0)
    case Phase.BROUGHT:
      return judgeSnapshotSizes() == OK ? onto() : FAILED
    case Phase.VERIFIED:
      if (needChainRoom() != OK) return FAILED
      return overlay(chainSizeBytes)
    case Phase.PREPARED:
      box.generation = 0
      return commitBox(Phase.COMMITTED)
    default:
      return OK
  }
}

function judgeInput(): i32 {
  if (box.name != 0 && needName(box.name, box.nameBytes) != OK) return FAILED
  if (!isId(box.id, boxIdBytes)) return failInput('the box id')
  if (box.live == 0) return failInput('the layer id')
  if (!isConfig(box.config, box.configBytes)) return failInput('the configuration')
  if (image != 0 && !isDigest(image, imageBytes)) return failInput('the image id')
  if (tooMany) return fail(Status.LIMIT, Reason.TOO_MANY_SNAPSHOTS, 0, 0, BOX_SNAPSHOT_LIMIT)
  if (!sound) return failInput('a snapshot')
  if (box.liveParent != 0 && (liveParentBytes != ID_BYTES || !hasSnapshot(box, box.liveParent, box.snapshotCount))) return failInput('the parent')
  onImage = base != 0 && isLiteral(base, baseBytes, 'image')
  if (onImage ? image == 0 : base != 0 && !isNewLayer(base, baseBytes)) return failInput('the base')
  if (isNewLayer(box.live, layerNameBytes(box.live))) return failInput('the layer id')
  return OK
}

function judgeImage(status: i32): i32 {
  if (status == Status.NOT_FOUND) return fail(Status.NOT_FOUND, Reason.IMAGE_NOT_FOUND, image, imageBytes, 0)
  if (status != Status.OK) return failBecause(effectNumber, status)
  const record = changetype<ImageRecord>(allocate(offsetof<ImageRecord>()))
  if (changetype<usize>(record) == 0) return fail(Status.LIMIT, Reason.OUT_OF_MEMORY, 0, 0, 0)
  const start = keepBytes()
  if (failUnlessRead(parseImageRecord(start, fieldBytes, image, record), image, imageBytes) != OK) return FAILED
  return bringIn(record.layer)
}

/** Brings the new layers in; one may stand on the image's. */
function bringIn(imageLayer: usize): i32 {
  if (onImage) base = imageLayer
  return needNewLayers(imageLayer) == OK ? bring(Phase.BROUGHT) : FAILED
}

function judgeSnapshotSizes(): i32 {
  for (let i: u32 = 0; i < box.snapshotCount; i++) {
    const snapshot = snapshotAt(box, i)
    if (newLayerSizeBytes(snapshot.layer) != snapshot.virtualSizeBytes) return failInput('the size of a snapshot')
  }
  return OK
}

/** The live layer goes onto its base, or onto nothing. */
function onto(): i32 {
  return base == 0 ? overlay(0) : verify(base, Phase.VERIFIED)
}

function overlay(baseSizeBytes: u64): i32 {
  const given = sizeBytes != -1
  if (given ? !isDiskSize(sizeBytes) : base == 0) return failInput('the size')
  if (given && <u64>sizeBytes < baseSizeBytes) return fail(Status.INVALID_ARGUMENT, Reason.TOO_SMALL, 0, 0, baseSizeBytes)
  return prepare(box.live, base, given ? <u64>sizeBytes : baseSizeBytes, 0, true, Phase.PREPARED)
}

/** Whether a number is a size of a disk: whole sectors of 512 bytes. */
function isDiskSize(bytes: f64): bool {
  return bytes >= 0 && bytes <= <f64>OFFSET_LIMIT_BYTES && floor(bytes) == bytes && (<u64>bytes & 511) == 0
}
