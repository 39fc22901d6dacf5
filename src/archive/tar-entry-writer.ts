// The headers of a tar of files: ustar, with a pax header in front where a name, a link or a time does not fit in it, and GNU's
// form for files with holes.

import { joinBytes } from '../join-bytes.ts'
import { entryFlags, type TarEntryFacts } from './tar-entry.ts'
import { BLOCK_BYTES, encodeTarFields, paddingAfter, putNumber, sealTarHeader, type TarFields } from './tar-header.ts'
import type { Extent } from './tar-parts.ts'

/** Longest name, and longest link, that ustar holds. */
const NAME_BYTES = 100
/** Pieces that the header of a sparse file lists, and that each block after it does. */
const FIRST_PIECES = 4
const NEXT_PIECES = 21
const PIECE_BYTES = 24

/**
 * What stands before an entry's content. With `extents` the content is these pieces of the file, one after the other, and the
 * rest are holes. The content's padding is the caller's (`paddingAfter`).
 */
export function encodeTarEntry(entry: TarEntryFacts, extents: readonly Extent[] | null = null): Uint8Array {
  const records = [...longText('path', entry.name), ...longText('linkpath', entry.linkName), ...fraction(entry.modifiedSeconds)]
  const fields: TarFields = { ...entry, modifiedSeconds: Math.floor(entry.modifiedSeconds), type: entryFlags[entry.kind] }
  const header = extents === null ? encodeTarFields(fields) : sparseHeader(fields, extents)
  return records.length === 0 ? header : joinBytes(paxHeader(joinBytes(...records)), header)
}

/** The end of a tar. */
export function endOfTar(): Uint8Array {
  return new Uint8Array(2 * BLOCK_BYTES)
}

/** GNU's header of a file with holes, and the blocks that go on with its list of pieces. */
function sparseHeader(fields: TarFields, extents: readonly Extent[]): Uint8Array {
  const last = extents.at(-1)
  // A hole at the end is said by an empty piece behind it.
  const whole = last !== undefined && last.offset + last.length === fields.sizeBytes
  const pieces = whole ? extents : [...extents, { offset: fields.sizeBytes, length: 0 }]
  const storedBytes = extents.reduce((sum, { length }) => sum + length, 0)
  const more = Math.ceil(Math.max(0, pieces.length - FIRST_PIECES) / NEXT_PIECES)
  const blocks = new Uint8Array((1 + more) * BLOCK_BYTES)
  blocks.set(encodeTarFields({ ...fields, sizeBytes: storedBytes, type: 'S' }))
  blocks.set(new TextEncoder().encode('ustar  \0'), 257)
  for (const [index, { offset, length }] of pieces.entries()) {
    const later = index - FIRST_PIECES
    const at = later < 0 ? 386 + index * PIECE_BYTES : (1 + Math.floor(later / NEXT_PIECES)) * BLOCK_BYTES + (later % NEXT_PIECES) * PIECE_BYTES
    putNumber(blocks, at, 12, offset)
    putNumber(blocks, at + 12, 12, length)
  }
  if (more > 0) blocks[482] = 1
  for (let block = 1; block < more; block++) blocks[block * BLOCK_BYTES + 504] = 1
  putNumber(blocks, 483, 12, fields.sizeBytes)
  sealTarHeader(blocks.subarray(0, BLOCK_BYTES))
  return blocks
}

/** A pax header with these records. */
function paxHeader(records: Uint8Array): Uint8Array {
  const nobody = { mode: 0o644, uid: 0, gid: 0, modifiedSeconds: 0, linkName: '', deviceMajor: 0, deviceMinor: 0 }
  const header = encodeTarFields({ name: 'PaxHeader', sizeBytes: records.length, type: 'x', ...nobody })
  return joinBytes(header, records, new Uint8Array(paddingAfter(records.length)))
}

/** The pax record of a text that the header cannot hold; none for one that it can. */
function longText(key: string, text: string): Uint8Array[] {
  const value = new TextEncoder().encode(text)
  return value.length <= NAME_BYTES ? [] : [record(key, value)]
}

/** The pax record of a time between two seconds. */
function fraction(seconds: number): Uint8Array[] {
  return Number.isInteger(seconds) ? [] : [record('mtime', new TextEncoder().encode(seconds.toFixed(6)))]
}

function record(key: string, value: Uint8Array): Uint8Array {
  // A record begins with its own length in digits, these included.
  const rest = key.length + value.length + 3
  const length = rest + String(rest + String(rest).length).length
  return joinBytes(new TextEncoder().encode(`${length} ${key}=`), value, new TextEncoder().encode('\n'))
}
