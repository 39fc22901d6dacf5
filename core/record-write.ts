// Box and image records: their bytes made. docs/format.md draws them, record.ts reads them.

import { crc32c } from './crc32c'
import { DIGEST_BYTES, ID_BYTES, layerNameBytes } from './id'
import { writeBytes, writeHex32, writeInteger, writeLiteral, writeOpen, writeString, writtenBytes } from './json-write'
import { jsonAt, jsonInteger, jsonKey, jsonNextKey, jsonOpen, jsonPeek, jsonToken } from './json'
import { RECORD_LIMIT_BYTES } from './record-limits'
import { allocate } from './memory'
import { BoxRecord, Consistency, ImageRecord, Snapshot, snapshotAt } from './record-shape'

/** `"check":"0a1b2c3d"}` */
const CHECK_BYTES: u32 = 19

/** Length of the record made last, in bytes. */
export let encodedBytes: u32 = 0

/** The bytes of a box record, or 0 when they are more than a record may have. */
export function encodeBoxRecord(box: BoxRecord): usize {
  writeOpen(0)
  writeBox(box)
  const target = room()
  if (target == 0) return 0
  writeOpen(target)
  writeBox(box)
  return sealed(target)
}

/** The bytes of an image record, or 0 when they are more than a record may have. */
export function encodeImageRecord(image: ImageRecord): usize {
  writeOpen(0)
  writeImage(image)
  const target = room()
  if (target == 0) return 0
  writeOpen(target)
  writeImage(image)
  return sealed(target)
}

/** A copy of a record that was read, with another generation; 0 when memory is short. */
export function withGeneration(start: usize, lengthBytes: u32, generation: u64): usize {
  jsonOpen(start, lengthBytes)
  jsonToken(0x7b)
  jsonKey('format')
  jsonInteger()
  jsonNextKey('generation')
  jsonPeek()
  const headBytes = <u32>(jsonAt() - start)
  jsonInteger()
  const tail = jsonAt()
  const tailBytes = lengthBytes - CHECK_BYTES - <u32>(tail - start)
  // A generation has at most 16 digits.
  const target = allocate(lengthBytes + 16)
  if (target == 0) return 0
  writeOpen(target)
  writeBytes(start, headBytes)
  writeInteger(generation)
  writeBytes(tail, tailBytes)
  return sealed(target)
}

function room(): usize {
  const bytes = writtenBytes() + CHECK_BYTES
  return bytes > RECORD_LIMIT_BYTES ? 0 : allocate(bytes)
}

function sealed(target: usize): usize {
  const check = crc32c(target, writtenBytes())
  writeLiteral('"check":"')
  writeHex32(check)
  writeLiteral('"}')
  encodedBytes = writtenBytes()
  return target
}

function writeBox(box: BoxRecord): void {
  writeLiteral('{"format":1,"generation":')
  writeInteger(box.generation)
  writeLiteral(',"id":')
  writeString(box.id, ID_BYTES)
  writeLiteral(',"name":')
  if (box.name == 0) writeLiteral('null')
  else writeString(box.name, box.nameBytes)
  writeLiteral(',"config":')
  writeBytes(box.config, box.configBytes)
  writeLiteral(',"live":')
  writeString(box.live, layerNameBytes(box.live))
  writeLiteral(',"liveParent":')
  writeOptionalId(box.liveParent)
  writeLiteral(',"machine":')
  if (box.machine == 0) writeLiteral('null')
  else writeBytes(box.machine, box.machineBytes)
  writeLiteral(',"resume":')
  writeOptionalId(box.resume)
  writeLiteral(',"snapshots":[')
  for (let i: u32 = 0; i < box.snapshotCount; i++) {
    if (i > 0) writeLiteral(',')
    writeSnapshot(snapshotAt(box, i))
  }
  writeLiteral('],"pending":')
  if (box.pendingTo == 0) writeLiteral('null')
  else {
    writeLiteral('{"kind":"switch","from":')
    writeString(box.pendingFrom, layerNameBytes(box.pendingFrom))
    writeLiteral(',"to":')
    writeString(box.pendingTo, layerNameBytes(box.pendingTo))
    writeLiteral('}')
  }
  writeLiteral(',')
}

function writeSnapshot(snapshot: Snapshot): void {
  writeLiteral('{"id":')
  writeString(snapshot.id, ID_BYTES)
  writeLiteral(',"name":')
  writeString(snapshot.name, snapshot.nameBytes)
  writeLiteral(',"description":')
  writeString(snapshot.description, snapshot.descriptionBytes)
  writeLiteral(',"layer":')
  writeString(snapshot.layer, layerNameBytes(snapshot.layer))
  writeLiteral(',"state":')
  writeOptionalId(snapshot.state)
  writeLiteral(',"createdAt":')
  writeInteger(snapshot.createdAt)
  writeLiteral(',"virtualSizeBytes":"')
  writeInteger(snapshot.virtualSizeBytes)
  writeLiteral('","parent":')
  writeOptionalId(snapshot.parent)
  writeLiteral(',"consistency":')
  if (snapshot.consistency == Consistency.STOPPED) writeLiteral('"stopped"}')
  else if (snapshot.consistency == Consistency.FROZEN) writeLiteral('"frozen"}')
  else writeLiteral('"crash"}')
}

function writeImage(image: ImageRecord): void {
  writeLiteral('{"format":1,"generation":')
  writeInteger(image.generation)
  writeLiteral(',"id":')
  writeString(image.id, DIGEST_BYTES)
  writeLiteral(',"reference":')
  writeString(image.reference, image.referenceBytes)
  writeLiteral(',"layer":')
  writeString(image.layer, layerNameBytes(image.layer))
  writeLiteral(',"virtualSizeBytes":"')
  writeInteger(image.virtualSizeBytes)
  writeLiteral('","template":')
  writeOptionalId(image.template)
  writeLiteral(',"createdAt":')
  writeInteger(image.createdAt)
  writeLiteral(',')
}

function writeOptionalId(id: usize): void {
  if (id == 0) writeLiteral('null')
  else writeString(id, ID_BYTES)
}
