// The parts of a tar that every reader of one meets: headers, pax records, the maps of sparse members, padding.

import type { ByteReader } from './byte-reader.ts'
import { damaged, paddingAfter, takeNumber } from './tar-header.ts'

/** Longest pax header, in bytes. */
const PAX_LIMIT_BYTES = 64 * 1024
/** Most that is handed on in one piece, however large the chunks of the source are. */
const PIECE_BYTES = 1024 * 1024
/** Most pieces of a sparse member. */
export const PIECES_LIMIT = 65_536

/** A run of a member's bytes; what lies between two of them reads as zeros. */
export interface Piece {
  readonly offset: number
  /** Valid until the next piece is asked for. */
  readonly bytes: Uint8Array
}

/** Where bytes of a member are. */
export interface Extent {
  readonly offset: number
  readonly length: number
}

/** What a member holds: its length, and where it has bytes. */
export interface Content {
  readonly fileBytes: number
  readonly extents: readonly Extent[]
}

/** Reads a header into `block`; true where it is the end of the archive instead. */
export async function readHeader(reader: ByteReader, block: Uint8Array): Promise<boolean> {
  await reader.readInto(block)
  if (!isZero(block)) return false
  await reader.readInto(block)
  if (!isZero(block)) throw damaged('its end is not whole')
  return true
}

/** The records of a pax header (POSIX.1-2001, pax Interchange Format), whose content is `sizeBytes` long. */
export async function readPaxRecords(reader: ByteReader, sizeBytes: number): Promise<Map<string, string>> {
  const bytes = await readText(reader, sizeBytes)
  const records = new Map<string, string>()
  for (let at = 0; at < bytes.length; ) {
    const record = /^([1-9][0-9]{0,5}) ([^=]+)=/.exec(new TextDecoder('latin1').decode(bytes.subarray(at, at + 256)))
    const length = Number(record?.[1] ?? 0)
    if (record === null || length < record[0].length + 1 || at + length > bytes.length) throw damaged('a pax header is not valid')
    const key = record[2] ?? ''
    if (key.startsWith('GNU.sparse')) throw damaged('it holds a sparse file in a form that is not known')
    records.set(key, new TextDecoder().decode(bytes.subarray(at + record[0].length, at + length - 1)))
    at += length
  }
  return records
}

/** The content of a member that says something about the next one. */
export async function readText(reader: ByteReader, sizeBytes: number): Promise<Uint8Array> {
  if (sizeBytes > PAX_LIMIT_BYTES) throw damaged('a pax header is too long', { sizeBytes })
  const bytes = new Uint8Array(sizeBytes)
  await reader.readInto(bytes)
  await skipPadding(reader, sizeBytes)
  return bytes
}

/** A number of a pax record. */
export function paxNumber(value: string): number {
  if (!/^[0-9]{1,16}$/.test(value) || !Number.isSafeInteger(Number(value))) throw damaged('a pax header has a number that is none')
  return Number(value)
}

/** Reads the pieces that GNU's header, and the blocks that extend it, list: in order, and `storedBytes` in all. Overwrites `block`. */
export async function readSparseMap(reader: ByteReader, block: Uint8Array, name: string, storedBytes: number): Promise<Content> {
  const fileBytes = takeNumber(block, 483, 12)
  const extents: Extent[] = []
  let [at, count, more] = [386, 4, block[482] !== 0]
  for (;;) {
    for (let i = 0; i < count; i++) {
      const extent = { offset: takeNumber(block, at + i * 24, 12), length: takeNumber(block, at + i * 24 + 12, 12) }
      if (extent.length > 0) extents.push(extent)
    }
    if (!more) break
    if (extents.length > PIECES_LIMIT) throw damaged(`'${name}' has too many pieces`, { name })
    await reader.readInto(block)
    ;[at, count, more] = [0, 21, block[504] !== 0]
  }
  let end = 0
  let stored = 0
  for (const { offset, length } of extents) {
    if (offset < end || offset + length > fileBytes) throw damaged(`the pieces of '${name}' are out of order`, { name })
    end = offset + length
    stored += length
  }
  if (stored !== storedBytes) throw damaged(`the pieces of '${name}' do not add up`, { name })
  return { fileBytes, extents }
}

/** The content of a member, and its padding. */
export async function* readPieces(reader: ByteReader, extents: readonly Extent[], storedBytes: number): AsyncGenerator<Piece, void, undefined> {
  for (const { offset, length } of extents) {
    for (let at = 0; at < length; ) {
      const bytes = await reader.take(Math.min(length - at, PIECE_BYTES))
      if (bytes === null) throw damaged('it ends too early')
      yield { offset: offset + at, bytes }
      at += bytes.length
    }
  }
  await skipPadding(reader, storedBytes)
}

export function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}

async function skipPadding(reader: ByteReader, sizeBytes: number): Promise<void> {
  const padding = new Uint8Array(paddingAfter(sizeBytes))
  await reader.readInto(padding)
  if (!isZero(padding)) throw damaged('the padding of a member is not zero')
}
