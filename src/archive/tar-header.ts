// One header of a tar archive: 512 bytes, the ustar form of POSIX 1003.1-1988 with GNU's way to write
// a size that octal digits cannot hold.
//
//   0 name 100 | 100 mode 8 | 108 uid 8 | 116 gid 8 | 124 size 12 | 136 mtime 12 | 148 checksum 8
//   156 type 1 | 157 link 100 | 257 "ustar" 6 | 263 version 2 | 345 prefix 155

import { BoxLiteError } from '../error.ts'

/** Headers, and the padding of what follows them, come in units of so many bytes. */
export const BLOCK_BYTES = 512

/** What a header says that tells files apart. */
export interface TarHeader {
  readonly name: string
  readonly sizeBytes: number
  /** The type flag; '0' is a regular file. */
  readonly type: string
}

/** Everything that a header says. */
export interface TarFields extends TarHeader {
  /** Permission bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Seconds since 1970; a whole number. */
  readonly modifiedSeconds: number
  /** What a link leads to; empty for everything else. */
  readonly linkName: string
  readonly deviceMajor: number
  readonly deviceMinor: number
}

/** The header of a regular file: mode 0644, owner 0, time 0, so that the same members give the same bytes. */
export function encodeTarHeader(name: string, sizeBytes: number): Uint8Array {
  const rest = { mode: 0o644, uid: 0, gid: 0, modifiedSeconds: 0, linkName: '', deviceMajor: 0, deviceMinor: 0 }
  return encodeTarFields({ name, sizeBytes, type: '0', ...rest })
}

/** Any header. A name or a link of more than 100 bytes is cut: a pax header in front has to say it. */
export function encodeTarFields(fields: TarFields): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES)
  putText(block, 0, fields.name, 100)
  putNumber(block, 100, 8, fields.mode)
  putNumber(block, 108, 8, fields.uid)
  putNumber(block, 116, 8, fields.gid)
  putNumber(block, 124, 12, fields.sizeBytes)
  putNumber(block, 136, 12, fields.modifiedSeconds)
  putText(block, 156, fields.type, 1)
  putText(block, 157, fields.linkName, 100)
  putText(block, 257, 'ustar', 6)
  putText(block, 263, '00', 2)
  if (fields.type === '3' || fields.type === '4') {
    putNumber(block, 329, 8, fields.deviceMajor)
    putNumber(block, 337, 8, fields.deviceMinor)
  }
  sealTarHeader(block)
  return block
}

/** Writes the checksum of a header, whose other fields are set. */
export function sealTarHeader(block: Uint8Array): void {
  putText(block, 148, `${checksum(block).toString(8).padStart(6, '0')}\0 `, 8)
}

/** Reads a header; `corrupt` where its checksum, its magic or a number is wrong. */
export function decodeTarHeader(block: Uint8Array): TarHeader {
  if (takeNumber(block, 148, 8) !== checksum(block)) throw damaged('a header has the wrong checksum')
  const magic = takeText(block, 257, 6)
  if (magic !== 'ustar' && magic !== 'ustar ') throw damaged('a header is not that of a tar')
  // GNU's form keeps other things where ustar has the prefix.
  const prefix = magic === 'ustar' ? takeText(block, 345, 155) : ''
  const name = takeText(block, 0, 100)
  const flag = block[156] ?? 0
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    sizeBytes: takeNumber(block, 124, 12),
    type: flag === 0 ? '0' : String.fromCharCode(flag),
  }
}

/** Reads all of a header; `corrupt` as `decodeTarHeader`. */
export function decodeTarFields(block: Uint8Array): TarFields {
  const header = decodeTarHeader(block)
  const device = header.type === '3' || header.type === '4'
  return {
    ...header,
    mode: takeNumber(block, 100, 8) & 0o7777,
    uid: takeNumber(block, 108, 8),
    gid: takeNumber(block, 116, 8),
    modifiedSeconds: takeTime(block),
    linkName: takeText(block, 157, 100),
    deviceMajor: device ? takeNumber(block, 329, 8) : 0,
    deviceMinor: device ? takeNumber(block, 337, 8) : 0,
  }
}

/** A number of a header: octal digits, or with bit 7 of the first byte set, big-endian. */
export function takeNumber(block: Uint8Array, at: number, length: number): number {
  let value = 0
  if (block[at] === 0x80) {
    for (const byte of block.subarray(at + 1, at + length)) value = value * 256 + byte
  } else {
    const digits = takeText(block, at, length).trim()
    if (!/^[0-7]*$/.test(digits)) throw damaged('a header has a number that is none')
    value = Number.parseInt(digits || '0', 8)
  }
  if (!Number.isSafeInteger(value)) throw damaged('a header has a number that is too large')
  return value
}

/** How many bytes of padding follow `sizeBytes` bytes. */
export function paddingAfter(sizeBytes: number): number {
  return (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES
}

/** An error that says what about a tar is wrong. */
export function damaged(what: string, facts: Readonly<Record<string, unknown>> = {}): BoxLiteError {
  return new BoxLiteError('corrupt', `the archive is damaged: ${what}`, { facts })
}

/** The sum of all bytes, the checksum's own eight taken as spaces. */
function checksum(block: Uint8Array): number {
  let sum = 8 * 0x20
  for (const [at, byte] of block.entries()) if (at < 148 || at >= 156) sum += byte
  return sum
}

/** The time of a change, which alone may be before 1970: GNU writes it as a negative number in base 256. */
function takeTime(block: Uint8Array): number {
  if (block[136] !== 0xff) return takeNumber(block, 136, 12)
  return Number(new DataView(block.buffer, block.byteOffset).getBigInt64(140))
}

/** Writes a number as octal digits, and where these do not hold it as GNU does: in base 256, big-endian. */
export function putNumber(block: Uint8Array, at: number, length: number, value: number): void {
  if (value >= 0 && value < 8 ** (length - 1)) return putText(block, at, value.toString(8).padStart(length - 1, '0'), length)
  let rest = BigInt(value)
  for (let index = length - 1; index > 0; index--) {
    block[at + index] = Number(rest & 0xffn)
    rest >>= 8n
  }
  block[at] = value < 0 ? 0xff : 0x80
}

function putText(block: Uint8Array, at: number, text: string, length: number): void {
  new TextEncoder().encodeInto(text, block.subarray(at, at + length))
}

function takeText(block: Uint8Array, at: number, length: number): string {
  const field = block.subarray(at, at + length)
  const end = field.indexOf(0)
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end))
}
