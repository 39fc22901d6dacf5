// A disk: a chain of layers as a block device.

import { BoxLiteError } from '../error.ts'
import { ExtentKind, Field, Refusal } from './abi.ts'
import { Chain, type ChainOptions, type Layer } from './chain.ts'
import { refusalError } from './refusal.ts'
import { DiskWriter } from './writer.ts'

export type { Layer } from './chain.ts'

export interface DiskOptions extends ChainOptions {
  /** Whether the top layer may be written. It has to be of our own form. */
  readonly writable?: boolean
}

/** A run of guest bytes with one source. */
export interface Extent {
  readonly offset: number
  readonly length: number
  /** `data` and `compressed` are in a file; `zero` is said by a layer; `unallocated` is in no layer. The last two read as zeros. */
  readonly kind: 'data' | 'zero' | 'compressed' | 'unallocated'
  /** The layer it is from, 0 for the top. */
  readonly depth: number
  /** Where the bytes of `data`, or the cluster of `compressed`, are in the layer's file. */
  readonly hostOffset: number | null
}

const kinds: Readonly<Record<number, Extent['kind']>> = {
  [ExtentKind.DATA]: 'data',
  [ExtentKind.ZERO]: 'zero',
  [ExtentKind.COMPRESSED]: 'compressed',
  [ExtentKind.UNALLOCATED]: 'unallocated',
}

/**
 * Offsets and lengths are in bytes and need no alignment. Writes, discards and flushes are carried out one by one in the
 * order of the calls; reads run beside them and see a write once it has ended, or any mixture while it is on its way.
 *
 * Reads reject with `corrupt` (the field in `facts.field`) where an image is damaged, `io` where a file fails. A failed write or
 * sync leaves a state that nobody knows: every later write and flush rejects with `io`.
 */
export class Disk {
  readonly #chain: Chain
  readonly #reads = new Set<Promise<void>>()
  #writer: DiskWriter | null = null
  #tail: Promise<void> = Promise.resolve()
  #isClosed = false

  private constructor(chain: Chain) {
    this.#chain = chain
  }

  /**
   * Opens a chain; `layers[0]` is the top, and each qcow2 layer but the last must name the next one, with its format. The files stay
   * the caller's. Rejects with `corrupt`, `unsupported` or `limit` for what an image is, with `invalid_argument` for
   * layers that are not the ones named.
   */
  static async open(layers: readonly Layer[], options: DiskOptions = {}): Promise<Disk> {
    const chain = await Chain.open(layers, options)
    const disk = new Disk(chain)
    if (options.writable === true) {
      if (!chain.isOwnForm) throw refusalError(Refusal.UNSUPPORTED, Field.WRITABLE_FORM, { image: layers[0]!.name })
      disk.#writer = await DiskWriter.open(chain, () => disk.#drainReads())
    }
    return disk
  }

  /** Virtual size in bytes. */
  get sizeBytes(): number {
    return this.#chain.sizeBytes
  }

  /** Fills `target` with the bytes from `offset` on. */
  async read(offset: number, target: Uint8Array): Promise<void> {
    this.#checkRange(offset, target.length)
    const reading = this.#chain.read(offset, target)
    this.#reads.add(reading)
    try {
      await reading
    } finally {
      this.#reads.delete(reading)
    }
  }

  /** Writes `source`, which must not be changed before this resolves. Durable after `flush`. */
  async write(offset: number, source: Uint8Array): Promise<void> {
    this.#checkRange(offset, source.length)
    await this.#inTurn((writer) => writer.write(offset, source))
  }

  /** Makes a range read as zeros, and gives back the space of its whole clusters at the next flush. */
  async writeZeroes(offset: number, length: number): Promise<void> {
    this.#checkRange(offset, length)
    await this.#inTurn((writer) => writer.zero(offset, length))
  }

  /** The same as `writeZeroes`: a discarded range reads as zeros, never as what lies below. */
  async discard(offset: number, length: number): Promise<void> {
    await this.writeZeroes(offset, length)
  }

  /** Resolves when every write before it is durable. */
  async flush(): Promise<void> {
    await this.#inTurn((writer) => writer.flush())
  }

  /**
   * Makes the disk larger, to a multiple of 512 bytes. Durable when it resolves, with every write before it. The new part reads as
   * zeros. A layer below that is not frozen could grow into it later: with `hidesBelow` the zeros are written down, which takes a table
   * of 64 KiB for every 512 MiB.
   */
  async grow(sizeBytes: number, options: { readonly hidesBelow?: boolean } = {}): Promise<void> {
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes % 512 !== 0 || sizeBytes < this.sizeBytes) {
      throw new BoxLiteError('invalid_argument', 'A disk grows to a larger multiple of 512 bytes', { facts: { sizeBytes, from: this.sizeBytes } })
    }
    await this.#inTurn((writer) => writer.grow(sizeBytes, options.hidesBelow === true))
  }

  /** The runs of a range in order, neighbours of one source joined. */
  async *extents(offset: number, length: number): AsyncIterable<Extent> {
    this.#checkRange(offset, length)
    const end = offset + length
    let last: Extent | null = null
    for (let position = offset; position < end; ) {
      for (const mapped of await this.#chain.map(position, end - position)) {
        position = mapped.offset + mapped.length
        const kind = kinds[mapped.kind]!
        const isStored = kind === 'data' || kind === 'compressed'
        const extent: Extent = { ...mapped, kind, hostOffset: isStored ? mapped.hostOffset : null }
        const joined: Extent | null = last === null ? null : join(last, extent)
        if (last !== null && joined === null) yield last
        last = joined ?? { offset: extent.offset, length: extent.length, kind, depth: extent.depth, hostOffset: extent.hostOffset }
      }
    }
    if (last !== null) yield last
  }

  /** Flushes a writable disk and takes no more calls. The files stay open. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    try {
      if (this.#writer !== null) await this.flush()
    } finally {
      this.#isClosed = true
      await this.#drainReads()
    }
  }

  #checkRange(offset: number, length: number): void {
    if (this.#isClosed) throw new BoxLiteError('invalid_state', 'This disk is closed')
    const isValid = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0
    if (!isValid || offset + length > this.sizeBytes) {
      throw new BoxLiteError('invalid_argument', 'The range is not inside the disk', { facts: { offset, length, sizeBytes: this.sizeBytes } })
    }
  }

  async #inTurn(work: (writer: DiskWriter) => Promise<void>): Promise<void> {
    const writer = this.#writer
    if (this.#isClosed) throw new BoxLiteError('invalid_state', 'This disk is closed')
    if (writer === null) throw new BoxLiteError('invalid_state', 'This disk is open for reading only')
    const before = this.#tail
    const mine = before.then(() => work(writer))
    // Whoever comes next waits for the end, not for the success.
    this.#tail = mine.catch(() => undefined)
    await mine
  }

  /** Waits for the reads, and the reads of tables, that began before now. */
  async #drainReads(): Promise<void> {
    await Promise.allSettled(this.#reads)
    await this.#chain.drainLoads()
  }
}

/** Two neighbouring extents as one, or null where they are not of one run. */
function join(first: Extent, second: Extent): Extent | null {
  if (first.kind !== second.kind || first.depth !== second.depth || first.kind === 'compressed') return null
  if (first.kind === 'data' && second.hostOffset !== first.hostOffset! + first.length) return null
  return { ...first, length: first.length + second.length }
}
