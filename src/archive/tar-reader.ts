// Reads a tar as a stream, strictly. A library's reader would take a sparse member (the prior implementation's exports have
// them) for a plain one, and passes over padding; here every byte is looked at.
//
// Read are regular files, plain ('0') or in GNU's old sparse form ('S'), and pax headers ('x') in front of them. Everything
// else that a tar can hold, links and devices above all, is refused.

import type { ByteReader } from './byte-reader.ts'
import { BLOCK_BYTES, damaged, decodeTarHeader, encodeTarHeader, paddingAfter, takeNumber, type TarHeader } from './tar-header.ts'

/** Longest pax header, in bytes. */
const PAX_LIMIT_BYTES = 64 * 1024
/** Most pieces of a sparse member, and most bytes it may leave out. */
const PIECES_LIMIT = 65_536
const HOLES_LIMIT_BYTES = 64 * 2 ** 30

/** A run of a member's bytes; what lies between two of them reads as zeros. */
export interface Piece {
  readonly offset: number
  /** Valid until the next piece is asked for. */
  readonly bytes: Uint8Array
}

/** A member of a tar. */
export interface TarMember {
  readonly name: string
  /** Length of the file, holes included. */
  readonly sizeBytes: number
  /** Whether its header is, byte for byte, what `encodeTarHeader` makes. */
  readonly plain: boolean
  /** The content, in order. To be read to its end before the next member is asked for. */
  pieces(): AsyncGenerator<Piece, void, undefined>
}

interface Extent {
  readonly offset: number
  readonly length: number
}

interface Content {
  readonly fileBytes: number
  readonly extents: readonly Extent[]
}

/** Reads the members of a tar one by one. */
export class TarReader {
  readonly #reader: ByteReader
  readonly #block = new Uint8Array(BLOCK_BYTES)
  readonly #names = new Set<string>()
  #unread = false

  constructor(source: ByteReader) {
    this.#reader = source
  }

  /** The next member, or null after the last. Rejects with `corrupt` for what is not a whole tar of regular files. */
  async next(): Promise<TarMember | null> {
    if (this.#unread) throw new Error('a member of a tar was not read to its end')
    if (await this.#readHeader()) return null
    let header = decodeTarHeader(this.#block)
    const pax = header.type === 'x' ? await this.#readPax(header.sizeBytes) : null
    if (pax !== null) {
      if (await this.#readHeader()) throw damaged('a pax header is the last one')
      header = { ...decodeTarHeader(this.#block), ...pax }
    }
    const plain = pax === null && sameBytes(this.#block, encodeTarHeader(header.name, header.sizeBytes))
    const member = await this.#member(header, plain)
    if (this.#names.has(member.name)) throw damaged(`it holds '${member.name}' twice`, { name: member.name })
    this.#names.add(member.name)
    return member
  }

  /** After `next` gave null: refuses what follows with `corrupt`, `padding` of zeros aside. */
  async end(padding: 'zeros' | 'none'): Promise<void> {
    for (let part = await this.#reader.take(BLOCK_BYTES); part !== null; part = await this.#reader.take(BLOCK_BYTES)) {
      if (padding === 'none' || !isZero(part)) throw damaged('bytes follow its end')
    }
  }

  async #member(header: TarHeader, plain: boolean): Promise<TarMember> {
    const { name, type, sizeBytes } = header
    if (type !== '0' && type !== 'S') throw damaged(`'${name}' is not a regular file`, { name, type })
    const content = type === 'S' ? await this.#readSparseMap(name, sizeBytes) : { fileBytes: sizeBytes, extents: [{ offset: 0, length: sizeBytes }] }
    this.#unread = true
    return { name, sizeBytes: content.fileBytes, plain, pieces: () => this.#pieces(content.extents, sizeBytes) }
  }

  /** Reads the pieces that GNU's header, and the blocks that extend it, list: in order, and `storedBytes` in all. */
  async #readSparseMap(name: string, storedBytes: number): Promise<Content> {
    const fileBytes = takeNumber(this.#block, 483, 12)
    const extents: Extent[] = []
    let [at, count, more] = [386, 4, this.#block[482] !== 0]
    for (;;) {
      for (let i = 0; i < count; i++) {
        const extent = { offset: takeNumber(this.#block, at + i * 24, 12), length: takeNumber(this.#block, at + i * 24 + 12, 12) }
        if (extent.length > 0) extents.push(extent)
      }
      if (!more) break
      if (extents.length > PIECES_LIMIT) throw damaged(`'${name}' has too many pieces`, { name })
      await this.#reader.readInto(this.#block)
      ;[at, count, more] = [0, 21, this.#block[504] !== 0]
    }
    let end = 0
    let stored = 0
    for (const { offset, length } of extents) {
      if (offset < end || offset + length > fileBytes) throw damaged(`the pieces of '${name}' are out of order`, { name })
      end = offset + length
      stored += length
    }
    if (stored !== storedBytes || fileBytes - stored > HOLES_LIMIT_BYTES) throw damaged(`the pieces of '${name}' do not add up`, { name })
    return { fileBytes, extents }
  }

  async *#pieces(extents: readonly Extent[], storedBytes: number): AsyncGenerator<Piece, void, undefined> {
    for (const { offset, length } of extents) {
      for (let at = 0; at < length; ) {
        const bytes = await this.#reader.take(length - at)
        if (bytes === null) throw damaged('it ends too early')
        yield { offset: offset + at, bytes }
        at += bytes.length
      }
    }
    await this.#skipPadding(storedBytes)
    this.#unread = false
  }

  /** Reads a header into `#block`; true where it is the end of the archive instead. */
  async #readHeader(): Promise<boolean> {
    await this.#reader.readInto(this.#block)
    if (!isZero(this.#block)) return false
    await this.#reader.readInto(this.#block)
    if (!isZero(this.#block)) throw damaged('its end is not whole')
    return true
  }

  /** What a pax header says in place of the next header: a path and a size. Its other records say nothing about the content. */
  async #readPax(sizeBytes: number): Promise<Partial<TarHeader>> {
    if (sizeBytes > PAX_LIMIT_BYTES) throw damaged('a pax header is too long', { sizeBytes })
    const bytes = new Uint8Array(sizeBytes)
    await this.#reader.readInto(bytes)
    await this.#skipPadding(sizeBytes)
    const header: { name?: string; sizeBytes?: number } = {}
    for (let at = 0; at < bytes.length; ) {
      const record = /^([1-9][0-9]{0,5}) ([^=]+)=/.exec(new TextDecoder('latin1').decode(bytes.subarray(at, at + 256)))
      const length = Number(record?.[1] ?? 0)
      if (record === null || length < record[0].length + 1 || at + length > bytes.length) throw damaged('a pax header is not valid')
      const value = new TextDecoder().decode(bytes.subarray(at + record[0].length, at + length - 1))
      if (record[2]?.startsWith('GNU.sparse') === true) throw damaged('it holds a sparse file in a form that is not known')
      if (record[2] === 'path') header.name = value
      if (record[2] === 'size') header.sizeBytes = paxSize(value)
      at += length
    }
    return header
  }

  async #skipPadding(sizeBytes: number): Promise<void> {
    const padding = new Uint8Array(paddingAfter(sizeBytes))
    await this.#reader.readInto(padding)
    if (!isZero(padding)) throw damaged('the padding of a member is not zero')
  }
}

function paxSize(value: string): number {
  if (!/^[0-9]{1,16}$/.test(value) || !Number.isSafeInteger(Number(value))) throw damaged('a pax header has a size that is none')
  return Number(value)
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at])
}
