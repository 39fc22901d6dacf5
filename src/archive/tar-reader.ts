// Reads a tar as a stream, strictly. A library's reader would take a sparse member (the prior implementation's exports have
// them) for a plain one, and passes over padding; here every byte is looked at.
//
// Read are regular files, plain ('0') or in GNU's old sparse form ('S'), and pax headers ('x') in front of them. Everything
// else that a tar can hold, links and devices above all, is refused.

import type { ByteReader } from './byte-reader.ts'
import { BLOCK_BYTES, damaged, decodeTarHeader, encodeTarHeader, type TarHeader } from './tar-header.ts'
import { isZero, paxNumber, readHeader, readPaxRecords, readPieces, readSparseMap, type Extent, type Piece } from './tar-parts.ts'

export type { Piece } from './tar-parts.ts'

/** Most bytes that a sparse member may leave out. */
const HOLES_LIMIT_BYTES = 64 * 2 ** 30

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
    if (await readHeader(this.#reader, this.#block)) return null
    let header = decodeTarHeader(this.#block)
    const pax = header.type === 'x' ? await this.#readPax(header.sizeBytes) : null
    if (pax !== null) {
      if (await readHeader(this.#reader, this.#block)) throw damaged('a pax header is the last one')
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
    const whole = { fileBytes: sizeBytes, extents: [{ offset: 0, length: sizeBytes }] }
    const content = type === 'S' ? await readSparseMap(this.#reader, this.#block, name, sizeBytes) : whole
    if (content.fileBytes - sizeBytes > HOLES_LIMIT_BYTES) throw damaged(`'${name}' has too many holes`, { name })
    this.#unread = true
    return { name, sizeBytes: content.fileBytes, plain, pieces: () => this.#pieces(content.extents, sizeBytes) }
  }

  async *#pieces(extents: readonly Extent[], storedBytes: number): AsyncGenerator<Piece, void, undefined> {
    yield* readPieces(this.#reader, extents, storedBytes)
    this.#unread = false
  }

  /** What a pax header says in place of the next header: a path and a size. Its other records say nothing about the content. */
  async #readPax(headerBytes: number): Promise<Partial<TarHeader>> {
    const records = await readPaxRecords(this.#reader, headerBytes)
    const [name, size] = [records.get('path'), records.get('size')]
    return { ...(name === undefined ? {} : { name }), ...(size === undefined ? {} : { sizeBytes: paxNumber(size) }) }
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at])
}
