// A small image built byte by byte, without our engine and without QEMU: whole, with one of everything,
// and every place known by name, so that a test can damage exactly one thing.

import type { LayerFile } from '../../../src/host.ts'
import { MemoryFile } from '../../../src/store/memory-file.ts'

export interface PlainOptions {
  readonly version?: 2 | 3
  /** Extended L2 entries; the clusters are then 16 KiB, else 4 KiB. */
  readonly extendedL2?: boolean
  readonly backing?: string
}

/** Clusters of the image, by what is in them. */
export const PLACE = {
  header: 0,
  reftable: 1,
  refblock: 2,
  l1: 3,
  l2: 4,
  dataA: 5,
  dataB: 6,
  compressed: 7,
  snapshots: 8,
  snapshotL1: 9,
  snapshotL2: 10,
  snapshotData: 11,
  end: 12,
} as const

const COPIED = 1n << 63n
const COMPRESSED = 1n << 62n

/** The bytes of an image with one internal snapshot, two data clusters, a zero cluster and two compressed ones. */
export class PlainImage {
  bytes: Uint8Array<ArrayBuffer>
  readonly clusterBits: number
  readonly clusterBytes: number
  readonly entryBytes: number
  readonly version: 2 | 3

  private constructor(options: PlainOptions) {
    this.version = options.version ?? 3
    this.clusterBits = options.extendedL2 === true ? 14 : 12
    this.clusterBytes = 2 ** this.clusterBits
    this.entryBytes = options.extendedL2 === true ? 16 : 8
    this.bytes = new Uint8Array(PLACE.end * this.clusterBytes)
  }

  static async create(options: PlainOptions = {}): Promise<PlainImage> {
    const image = new PlainImage(options)
    image.#header(options)
    image.u64(image.at('reftable'), BigInt(image.at('refblock')))
    for (let cluster = 0; cluster < PLACE.end; cluster++) image.refcount(cluster, 1)
    image.refcount(PLACE.compressed, 2)
    image.u64(image.at('l1'), BigInt(image.at('l2')) | COPIED)
    image.bytes.fill(0xaa, image.at('dataA'), image.at('dataB'))
    image.bytes.fill(0xbb, image.at('dataB'), image.at('compressed'))
    image.entry(0, BigInt(image.at('dataA')) | COPIED, 0xffff_ffffn)
    image.entry(1, BigInt(image.at('dataB')) | COPIED, 0xffff_ffffn)
    if (image.version === 3) image.entry(2, options.extendedL2 === true ? 0n : 1n, options.extendedL2 === true ? 0xffff_ffffn << 32n : 0n)
    await image.#compressed()
    image.#snapshot()
    return image
  }

  /** The offset of a cluster. */
  at(place: keyof typeof PLACE): number {
    return PLACE[place] * this.clusterBytes
  }

  view(): DataView {
    return new DataView(this.bytes.buffer)
  }

  u16(offset: number, value: number): void {
    this.view().setUint16(offset, value)
  }

  u32(offset: number, value: number): void {
    this.view().setUint32(offset, value)
  }

  u64(offset: number, value: bigint): void {
    this.view().setBigUint64(offset, value)
  }

  refcount(cluster: number, value: number): void {
    this.u16(this.at('refblock') + cluster * 2, value)
  }

  /** Where entry `index` of the active L2 table is. */
  entryAt(index: number): number {
    return this.at('l2') + index * this.entryBytes
  }

  entry(index: number, value: bigint, bitmap = 0n): void {
    this.u64(this.entryAt(index), value)
    if (this.entryBytes === 16) this.u64(this.entryAt(index) + 8, bitmap)
  }

  /** The descriptor of compressed data: sectors beyond the first, as the specification counts them. */
  compressedEntry(offset: number, bytes: number): bigint {
    const sectors = Math.floor((offset + bytes - 1) / 512) - Math.floor(offset / 512)
    return COMPRESSED | BigInt(offset) | (BigInt(sectors) << BigInt(62 - (this.clusterBits - 8)))
  }

  /** A header extension at `offset`; answers where the next one goes. */
  extension(offset: number, type: number, data: Uint8Array): number {
    this.u32(offset, type)
    this.u32(offset + 4, data.length)
    this.bytes.set(data, offset + 8)
    return offset + 8 + ((data.length + 7) & ~7)
  }

  file(): LayerFile {
    const pages = new Map<number, Uint8Array>()
    for (let at = 0; at < this.bytes.length; at += 65536) {
      const page = new Uint8Array(65536)
      page.set(this.bytes.subarray(at, at + 65536))
      pages.set(at / 65536, page)
    }
    return new MemoryFile({ pages, lengthBytes: this.bytes.length }, true)
  }

  #header({ extendedL2, backing }: PlainOptions): void {
    this.u32(0, 0x514649fb)
    this.u32(4, this.version)
    this.u32(20, this.clusterBits)
    this.u64(24, BigInt(this.clusterBytes) * 600n)
    this.u32(36, 2)
    this.u64(40, BigInt(this.at('l1')))
    this.u64(48, BigInt(this.at('reftable')))
    this.u32(56, 1)
    this.u32(60, 1)
    this.u64(64, BigInt(this.at('snapshots')))
    if (this.version === 3) {
      this.u64(72, extendedL2 === true ? 16n : 0n)
      this.u32(96, 4)
      this.u32(100, 112)
    }
    if (backing === undefined) return
    const name = new TextEncoder().encode(backing)
    const start = this.version === 3 ? 112 : 72
    this.extension(start, 0xe2792aca, new TextEncoder().encode('qcow2'))
    this.u64(8, 512n)
    this.u32(16, name.length)
    this.bytes.set(name, 512)
  }

  async #compressed(): Promise<void> {
    let offset = this.at('compressed')
    for (const [index, byte] of [[3, 0xcc], [4, 0xdd]] as const) {
      const stream = new Blob([new Uint8Array(this.clusterBytes).fill(byte)]).stream().pipeThrough(new CompressionStream('deflate-raw'))
      const data = new Uint8Array(await new Response(stream).arrayBuffer())
      this.bytes.set(data, offset)
      this.entry(index, this.compressedEntry(offset, data.length))
      offset += data.length
    }
  }

  #snapshot(): void {
    const at = this.at('snapshots')
    this.u64(at, BigInt(this.at('snapshotL1')))
    this.u32(at + 8, 1)
    this.u16(at + 12, 1)
    this.u16(at + 14, 4)
    this.u32(at + 36, 16)
    this.u64(at + 48, BigInt(this.clusterBytes) * 500n)
    this.bytes.set(new TextEncoder().encode('1snap'), at + 56)
    this.u64(this.at('snapshotL1'), BigInt(this.at('snapshotL2')) | COPIED)
    this.u64(this.at('snapshotL2'), BigInt(this.at('snapshotData')) | COPIED)
    if (this.entryBytes === 16) this.u64(this.at('snapshotL2') + 8, 0xffff_ffffn)
  }
}
