// Box and image records: their bytes judged and taken apart. docs/format.md draws them.
//
//   {"format":1,"generation":7,"id":…,"name":…,"config":{…},"live":…,"liveParent":…,"machine":…,"resume":…,
//    "snapshots":[…],"pending":…,"check":"0a1b2c3d"}
//
// Every field is there, in this order. `check` is the CRC-32C of all bytes before `"check"`. What a record
// says must also make sense: names allowed and unique, a parent before its children, live named by no snapshot.

import { crc32c } from './crc32c'
import { DIGEST_BYTES, ID_BYTES, isId, isLayerName, LayerFormat, layerFormat, sameLayer } from './id'
import {
  jsonAt,
  jsonBroken,
  jsonClose,
  jsonInteger,
  jsonKey,
  jsonNextKey,
  jsonOpen,
  jsonPeek,
  jsonRefuse,
  jsonSkip,
  jsonString,
  jsonToken,
  jsonTry,
  jsonWord,
  textBytes,
  textStart,
} from './json'
import { allocate } from './memory'
import { judgeName } from './name'
import { BOX_SNAPSHOT_LIMIT, CONFIG_LIMIT_BYTES, DESCRIPTION_LIMIT_BYTES, INTEGER_LIMIT, RECORD_LIMIT_BYTES, TEXT_LIMIT_BYTES } from './record-limits'
import { BoxRecord, consistencyOf, fits, hasSnapshot, ImageRecord, Snapshot } from './record-shape'
import { hexDigit, isLiteral, sameBytes, startsWith } from './text'
import { NameVerdict, RecordVerdict } from './verdict'

/** The version of the record format that this core reads and writes. */
export const RECORD_FORMAT: u64 = 1

/** `"check":"0a1b2c3d"}` */
const CHECK_BYTES: u32 = 19

/** For a record that was refused: the byte offset where, or for an unknown format its version. */
export let recordDetail: u64 = 0

/** Reads a box record that must have this id; a `RecordVerdict`. The record keeps pointers into the bytes. */
export function parseBoxRecord(start: usize, lengthBytes: u32, id: usize, box: BoxRecord): i32 {
  const head = openRecord(start, lengthBytes, id, ID_BYTES)
  if (head != RecordVerdict.OK) return head
  box.generation = generation
  box.id = id
  jsonNextKey('name')
  box.name = 0
  box.nameBytes = 0
  if (!jsonWord('null')) {
    if (jsonString() && judgeName(textStart, textBytes) != NameVerdict.OK) jsonRefuse()
    box.name = textStart
    box.nameBytes = textBytes
  }
  jsonNextKey('config')
  box.config = readObject(CONFIG_LIMIT_BYTES)
  box.configBytes = <u32>(jsonAt() - box.config)
  jsonNextKey('live')
  box.live = readLayer()
  if (!jsonBroken() && layerFormat(box.live) != LayerFormat.QCOW2) jsonRefuse()
  jsonNextKey('liveParent')
  box.liveParent = readOptionalId()
  jsonNextKey('machine')
  box.machine = jsonWord('null') ? 0 : readMachine()
  box.machineBytes = box.machine == 0 ? 0 : <u32>(jsonAt() - box.machine)
  box.detached = machineDetached
  jsonNextKey('resume')
  box.resume = readOptionalId()
  jsonNextKey('snapshots')
  readSnapshots(box)
  jsonNextKey('pending')
  readPending(box)
  if (!jsonBroken() && box.liveParent != 0 && !hasSnapshot(box, box.liveParent, box.snapshotCount)) jsonRefuse()
  return closeRecord(start)
}

/** Reads an image record that must have this digest; a `RecordVerdict`. */
export function parseImageRecord(start: usize, lengthBytes: u32, id: usize, image: ImageRecord): i32 {
  const head = openRecord(start, lengthBytes, id, DIGEST_BYTES)
  if (head != RecordVerdict.OK) return head
  image.generation = generation
  image.id = id
  jsonNextKey('reference')
  if (jsonString() && textBytes > TEXT_LIMIT_BYTES) jsonRefuse()
  image.reference = textStart
  image.referenceBytes = textBytes
  jsonNextKey('layer')
  image.layer = readLayer()
  jsonNextKey('virtualSizeBytes')
  image.virtualSizeBytes = readSize()
  jsonNextKey('template')
  image.template = readOptionalId()
  jsonNextKey('createdAt')
  image.createdAt = jsonInteger()
  return closeRecord(start)
}

/** Whether the bytes are a configuration: one JSON object of a bounded length. */
export function isConfig(start: usize, lengthBytes: u32): bool {
  jsonOpen(start, lengthBytes)
  return readObject(CONFIG_LIMIT_BYTES) == start && jsonClose() && jsonAt() == start + lengthBytes
}

/** Whether the bytes are a machine: the object of a record's `machine`, without space around it. */
export function isMachine(start: usize, lengthBytes: u32): bool {
  jsonOpen(start, lengthBytes)
  return readMachine() == start && jsonClose() && jsonAt() == start + lengthBytes
}

let generation: u64 = 0

/** Reads up to and with the id. The checksum comes first, but an unknown format is told before it. */
function openRecord(start: usize, lengthBytes: u32, id: usize, idBytes: u32): i32 {
  recordDetail = 0
  if (lengthBytes > RECORD_LIMIT_BYTES) return RecordVerdict.CORRUPT
  jsonOpen(start, lengthBytes)
  jsonToken(0x7b)
  jsonKey('format')
  const format = jsonInteger()
  if (!jsonBroken() && format != RECORD_FORMAT) {
    recordDetail = format
    return RecordVerdict.UNKNOWN_FORMAT
  }
  if (jsonBroken()) return refused(start)
  if (!checkMatches(start, lengthBytes)) {
    recordDetail = lengthBytes
    return RecordVerdict.CORRUPT
  }
  jsonNextKey('generation')
  generation = jsonInteger()
  // Room for the commits of one operation and of its undoing.
  if (generation == 0 || generation > INTEGER_LIMIT - 16) jsonRefuse()
  jsonNextKey('id')
  if (jsonString() && !sameBytes(textStart, textBytes, id, idBytes)) jsonRefuse()
  return jsonBroken() ? refused(start) : RecordVerdict.OK
}

function closeRecord(start: usize): i32 {
  jsonNextKey('check')
  jsonString()
  jsonToken(0x7d)
  return jsonClose() ? RecordVerdict.OK : refused(start)
}

function refused(start: usize): i32 {
  recordDetail = <u64>(jsonAt() - start)
  return RecordVerdict.CORRUPT
}

function checkMatches(start: usize, lengthBytes: u32): bool {
  if (lengthBytes < CHECK_BYTES) return false
  const covered = lengthBytes - CHECK_BYTES
  const at = start + covered
  if (!startsWith(at, CHECK_BYTES, '"check":"') || !isLiteral(at + CHECK_BYTES - 2, 2, '"}')) return false
  let stated: u32 = 0
  for (let i: usize = 9; i < 17; i++) {
    const digit = hexDigit(load<u8>(at + i))
    if (digit < 0) return false
    stated = (stated << 4) | <u32>digit
  }
  return crc32c(start, covered) == stated
}

function readObject(limitBytes: u32): usize {
  if (jsonPeek() != 0x7b) jsonRefuse()
  const start = jsonAt()
  if (jsonSkip() && jsonAt() - start > <usize>limitBytes) jsonRefuse()
  return start
}

function readLayer(): usize {
  if (jsonString() && !isLayerName(textStart, textBytes)) jsonRefuse()
  return textStart
}

function readOptionalId(): usize {
  if (jsonWord('null')) return 0
  if (jsonString() && !isId(textStart, textBytes)) jsonRefuse()
  return textStart
}

function readText(limitBytes: u32): void {
  if (jsonString() && textBytes > limitBytes) jsonRefuse()
}

/** A size in bytes as a string of decimal digits. */
function readSize(): u64 {
  let value: u64 = 0
  if (!jsonString()) return 0
  if (textBytes == 0 || textBytes > 16 || (textBytes > 1 && load<u8>(textStart) == 0x30)) jsonRefuse()
  for (let i: u32 = 0; i < textBytes && !jsonBroken(); i++) {
    const digit = <u32>load<u8>(textStart + i) - 0x30
    if (digit > 9) jsonRefuse()
    value = value * 10 + digit
  }
  if (value > INTEGER_LIMIT) jsonRefuse()
  return value
}

/** What the machine that was read last says of itself. */
let machineDetached = false

function readMachine(): usize {
  jsonPeek()
  const start = jsonAt()
  jsonToken(0x7b)
  jsonKey('pid')
  jsonInteger()
  jsonNextKey('startTime')
  readText(TEXT_LIMIT_BYTES)
  jsonNextKey('bootId')
  readText(TEXT_LIMIT_BYTES)
  jsonNextKey('nonce')
  readText(TEXT_LIMIT_BYTES)
  jsonNextKey('detached')
  machineDetached = jsonWord('true')
  if (!machineDetached && !jsonWord('false')) jsonRefuse()
  jsonToken(0x7d)
  return start
}

function readPending(box: BoxRecord): void {
  box.pendingFrom = 0
  box.pendingTo = 0
  if (jsonWord('null')) return
  jsonToken(0x7b)
  jsonKey('kind')
  if (jsonString() && !isLiteral(textStart, textBytes, 'switch')) jsonRefuse()
  jsonNextKey('from')
  box.pendingFrom = readLayer()
  jsonNextKey('to')
  box.pendingTo = readLayer()
  jsonToken(0x7d)
  if (!jsonBroken() && (sameLayer(box.pendingFrom, box.pendingTo) || !sameLayer(box.pendingTo, box.live))) jsonRefuse()
}

function readSnapshots(box: BoxRecord): void {
  box.snapshotCount = 0
  // A record read into the same place again has its table already.
  if (box.snapshots == 0) box.snapshots = allocate((BOX_SNAPSHOT_LIMIT + 1) * sizeof<usize>())
  if (box.snapshots == 0) jsonRefuse()
  if (!jsonToken(0x5b) || jsonTry(0x5d)) return
  do {
    const snapshot = changetype<Snapshot>(allocate(offsetof<Snapshot>()))
    if (changetype<usize>(snapshot) == 0 || box.snapshotCount == BOX_SNAPSHOT_LIMIT) {
      jsonRefuse()
      return
    }
    readSnapshot(snapshot)
    if (jsonBroken() || !fits(box, snapshot)) {
      jsonRefuse()
      return
    }
    store<usize>(box.snapshots + <usize>box.snapshotCount * sizeof<usize>(), changetype<usize>(snapshot))
    box.snapshotCount++
  } while (jsonTry(0x2c))
  jsonToken(0x5d)
}

function readSnapshot(snapshot: Snapshot): void {
  jsonToken(0x7b)
  jsonKey('id')
  snapshot.id = readOptionalId()
  jsonNextKey('name')
  if (jsonString() && judgeName(textStart, textBytes) != NameVerdict.OK) jsonRefuse()
  snapshot.name = textStart
  snapshot.nameBytes = textBytes
  jsonNextKey('description')
  readText(DESCRIPTION_LIMIT_BYTES)
  snapshot.description = textStart
  snapshot.descriptionBytes = textBytes
  jsonNextKey('layer')
  snapshot.layer = readLayer()
  jsonNextKey('state')
  snapshot.state = readOptionalId()
  jsonNextKey('createdAt')
  snapshot.createdAt = jsonInteger()
  jsonNextKey('virtualSizeBytes')
  snapshot.virtualSizeBytes = readSize()
  jsonNextKey('parent')
  snapshot.parent = readOptionalId()
  jsonNextKey('consistency')
  snapshot.consistency = jsonString() ? consistencyOf(textStart, textBytes) : -1
  if (snapshot.id == 0 || snapshot.consistency < 0) jsonRefuse()
  jsonToken(0x7d)
}
