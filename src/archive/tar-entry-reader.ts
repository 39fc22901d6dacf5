// Reads a tar of files of every kind: ustar, pax and GNU, long names and sparse files included. What it says is handed on as it is:
// whoever makes files of it decides what may be made, and where.

import { ByteReader } from './byte-reader.ts'
import { entryFlags, type TarEntryFacts, type TarEntryKind } from './tar-entry.ts'
import { BLOCK_BYTES, damaged, decodeTarFields, type TarFields } from './tar-header.ts'
import { isZero, paxNumber, readHeader, readPaxRecords, readPieces, readSparseMap, readText, type Content, type Piece } from './tar-parts.ts'

export interface TarEntry extends TarEntryFacts {
  /** A file's bytes, in order; to be read to their end, or not at all. */
  readonly pieces: AsyncGenerator<Piece, void, undefined>
}

const kinds = new Map<string, TarEntryKind>([
  ...Object.entries(entryFlags).map(([kind, flag]) => [flag, kind as TarEntryKind] as const),
  // A contiguous file (POSIX.1-1988), and GNU's sparse one.
  ['7', 'file'],
  ['S', 'file'],
])

/** The entries of a tar, one by one. Rejects with `corrupt` for what is not a whole tar. */
export async function* readTarEntries(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry, void, undefined> {
  const reader = new ByteReader(source)
  const block = new Uint8Array(BLOCK_BYTES)
  for (let fields = await nextFields(reader, block); fields !== null; fields = await nextFields(reader, block)) {
    const { name, type, sizeBytes } = fields
    const kind = kinds.get(type)
    if (kind === undefined) throw damaged(`'${name}' is of a type that is not known`, { name, type })
    const stored = kind === 'file' ? sizeBytes : 0
    if (stored !== sizeBytes) throw damaged(`'${name}' is no file and yet has content`, { name, type })
    const whole: Content = { fileBytes: stored, extents: [{ offset: 0, length: stored }] }
    const content = type === 'S' ? await readSparseMap(reader, block, name, stored) : whole
    const pieces = readPieces(reader, content.extents, stored)
    yield { ...fields, kind, sizeBytes: content.fileBytes, pieces }
    // What the caller did not read is passed over.
    for (let rest = await pieces.next(); rest.done !== true; rest = await pieces.next()) continue
  }
  for (let part = await reader.take(BLOCK_BYTES); part !== null; part = await reader.take(BLOCK_BYTES)) {
    if (!isZero(part)) throw damaged('bytes follow its end')
  }
}

/** The next header, with what the headers in front of it say in its place; null at the end. */
async function nextFields(reader: ByteReader, block: Uint8Array): Promise<TarFields | null> {
  let instead: Partial<TarFields> = {}
  for (;;) {
    if (await readHeader(reader, block)) return null
    const fields = decodeTarFields(block)
    if (fields.type === 'x') instead = { ...instead, ...paxFields(await readPaxRecords(reader, fields.sizeBytes)) }
    // Global records are comments in practice.
    else if (fields.type === 'g') await readPaxRecords(reader, fields.sizeBytes)
    else if (fields.type === 'L') instead = { ...instead, name: text(await readText(reader, fields.sizeBytes)) }
    else if (fields.type === 'K') instead = { ...instead, linkName: text(await readText(reader, fields.sizeBytes)) }
    else return { ...fields, ...instead }
  }
}

function paxFields(records: ReadonlyMap<string, string>): Partial<TarFields> {
  const fields: { -readonly [K in keyof TarFields]?: TarFields[K] } = {}
  for (const [key, value] of records) {
    if (key === 'path') fields.name = value
    if (key === 'linkpath') fields.linkName = value
    if (key === 'size') fields.sizeBytes = paxNumber(value)
    if (key === 'uid') fields.uid = paxNumber(value)
    if (key === 'gid') fields.gid = paxNumber(value)
    if (key === 'mtime') fields.modifiedSeconds = paxTime(value)
  }
  return fields
}

function paxTime(value: string): number {
  const match = /^(-?[0-9]{1,15}(?:\.[0-9]{0,6})?)[0-9]{0,14}$/.exec(value)
  if (match === null) throw damaged('a pax header has a time that is none')
  return Number(match[1])
}

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end))
}
