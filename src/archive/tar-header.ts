// One header of a tar archive: 512 bytes, the ustar form of POSIX 1003.1-1988 with GNU's way to write
// a size that octal digits cannot hold.
//
//   0 name 100 | 100 mode 8 | 108 uid 8 | 116 gid 8 | 124 size 12 | 136 mtime 12 | 148 checksum 8
//   156 type 1 | 157 link 100 | 257 "ustar" 6 | 263 version 2 | 345 prefix 155

import { BoxLiteError } from '../error.ts'

/** Headers, and the padding of what follows them, come in units of so many bytes. */
export const BLOCK_BYTES = 512

/** What a header says. */
export interface TarHeader {
  readonly name: string
  readonly sizeBytes: number
  /** The type flag; '0' is a regular file. */
  readonly type: string
}

const OCTAL_SIZE_LIMIT = 8 ** 11

/** The header of a regular file: mode 0644, owner 0, time 0, so that the same members give the same bytes. */
export function encodeTarHeader(name: string, sizeBytes: number): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES)
  putText(block, 0, name)
  putText(block, 100, '0000644')
  putText(block, 108, '0000000')
  putText(block, 116, '0000000')
  if (sizeBytes < OCTAL_SIZE_LIMIT) putText(block, 124, sizeBytes.toString(8).padStart(11, '0'))
  else {
    block[124] = 0x80
    new DataView(block.buffer).setBigUint64(128, BigInt(sizeBytes))
  }
  putText(block, 136, '00000000000')
  block[156] = 0x30
  putText(block, 257, 'ustar')
  putText(block, 263, '00')
  putText(block, 148, `${checksum(block).toString(8).padStart(6, '0')}\0 `)
  return block
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

function putText(block: Uint8Array, at: number, text: string): void {
  new TextEncoder().encodeInto(text, block.subarray(at))
}

function takeText(block: Uint8Array, at: number, length: number): string {
  const field = block.subarray(at, at + length)
  const end = field.indexOf(0)
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end))
}
