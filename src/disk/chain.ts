// An open chain as bytes: the core says which bytes of which file stand behind a range, this reads
// them. Metadata goes into the core, data straight into the caller's buffer.

import { Core } from '../core/core.ts'
import { BoxLiteError } from '../error.ts'
import type { LayerFile } from '../host.ts'
import { BackingFormat, DiskFact, DiskStatus, ExtentFact, ExtentKind, Field, HeaderFact, Refusal } from './abi.ts'
import { type Codec, portableCodec } from './codec.ts'
import { CompressedClusters, type CompressedPart } from './compressed-clusters.ts'
import { headerError, headerFacts, readHeaderBytes, textAt } from './header.ts'
import { checkBacking, type Layer, type MappedExtent, type OpenLayer, readFirst } from './open-layer.ts'
import { refusalError } from './refusal.ts'

export type { Layer, MappedExtent } from './open-layer.ts'

export interface ChainOptions {
  readonly codec?: Codec
  /** Bound of the metadata cache in bytes, without the 16 KiB that each layer adds; 4 MiB where absent. */
  readonly cacheBytes?: number
}

const CACHE_BYTES = 4 << 20
/** What every layer adds to the cache: a read of a long chain looks at a slice or two of each. */
const LAYER_CACHE_BYTES = 16 << 10
const SLICE_BYTES = 4096
/** Numbers of slices of one file: more than 2^53 bytes have. */
const SLICE_SPAN = 2 ** 41

/** Guest bytes that stand in a file as they are, and where they are wanted. */
interface DataPart {
  readonly extent: MappedExtent
  readonly target: Uint8Array
}

export class Chain {
  readonly core: Core
  readonly #layers: OpenLayer[] = []
  readonly #compressed: CompressedClusters
  /** Metadata that is being read, so that no slice is read twice at once, and none older than the cache's. */
  readonly #loads = new Map<number, Promise<void>>()

  private constructor(core: Core, codec: Codec) {
    this.core = core
    this.#compressed = new CompressedClusters(codec)
  }

  /** Opens `layers`, of which each but the last must name the next one; see `Disk.open`. */
  static async open(layers: readonly Layer[], options: ChainOptions): Promise<Chain> {
    if (layers.length === 0) throw new BoxLiteError('invalid_argument', 'A disk has at least one layer')
    if (new Set(layers.map(({ name }) => name)).size < layers.length || new Set(layers.map(({ file }) => file)).size < layers.length) {
      throw refusalError(Refusal.DUPLICATE, Field.LAYERS)
    }
    const core = await Core.create()
    const cacheBytes = (options.cacheBytes ?? CACHE_BYTES) + layers.length * LAYER_CACHE_BYTES
    if (core.exports.diskBegin(cacheBytes) !== DiskStatus.DONE) throw outOfMemory()
    const chain = new Chain(core, options.codec ?? portableCodec)
    // The files are asked side by side; a long chain costs little more than a short one.
    const sizes = await Promise.all(layers.map(({ file }) => file.size()))
    const heads = await Promise.all(layers.map((layer, index) => readFirst(layer, sizes[index]!)))
    for (const [index, layer] of layers.entries()) await chain.#add(layer, layers[index + 1], sizes[index]!, heads[index]!)
    return chain
  }

  /** Virtual size of the top layer in bytes. */
  get sizeBytes(): number {
    return this.#layers[0]!.sizeBytes
  }

  /** Virtual size of the layer below the top, 0 where there is none. */
  get belowBytes(): number {
    return this.#layers[1]?.sizeBytes ?? 0
  }

  /** Whether the top layer has the form that this package writes. */
  get isOwnForm(): boolean {
    return this.#layers[0]!.ownForm
  }

  /** The top layer's file. */
  get file(): LayerFile {
    return this.#layers[0]!.file
  }

  async #add(layer: Layer, below: Layer | undefined, fileBytes: number, head: Uint8Array): Promise<void> {
    const { core } = this
    if (layer.format === 'raw') {
      const answer = core.exports.diskAdd(BackingFormat.RAW, fileBytes, 0)
      if (answer !== DiskStatus.DONE) throw this.refusal(answer, layer.name)
      if (below !== undefined) throw new BoxLiteError('invalid_argument', `${layer.name} is raw and has no backing file`)
      this.#layers.push({ ...layer, fileBytes, sizeBytes: fileBytes, clusterBytes: 0, method: 'deflate', ownForm: false })
      return
    }
    let answer: number = DiskStatus.DONE
    const parse = (bytes: Uint8Array): { refusal: number; neededBytes: number } => {
      core.put(bytes)
      answer = core.exports.diskAdd(BackingFormat.QCOW2, fileBytes, bytes.length)
      return { refusal: answer < 0 ? -answer : Refusal.NONE, neededBytes: headerFacts(core)[HeaderFact.NEEDED_BYTES]! }
    }
    const refusal = await readHeaderBytes(layer.file, fileBytes, parse, head)
    if (refusal === Refusal.LIMIT && this.#facts()[DiskFact.FIELD] === Field.LAYERS) throw this.refusal(answer, layer.name)
    if (refusal !== Refusal.NONE) throw headerError(core, refusal, layer.name)
    const facts = headerFacts(core)
    checkBacking(layer, below, facts, textAt(core, facts, HeaderFact.BACKING_NAME_AT, HeaderFact.BACKING_NAME_BYTES))
    this.#layers.push({
      ...layer,
      fileBytes,
      sizeBytes: facts[HeaderFact.VIRTUAL_SIZE_BYTES]!,
      clusterBytes: 2 ** facts[HeaderFact.CLUSTER_BITS]!,
      method: facts[HeaderFact.COMPRESSION_TYPE] === 1 ? 'zstd' : 'deflate',
      ownForm: facts[HeaderFact.OWN_FORM] === 1,
    })
  }

  /** The runs that stand behind a first part of the range, as layers from `depth` down have them. */
  async map(offset: number, length: number, depth: number = 0): Promise<MappedExtent[]> {
    for (;;) {
      const answer = this.#mapNow(offset, length, depth)
      if (answer > 0) return this.#takeExtents(answer)
      const facts = this.#facts()
      length = facts[DiskFact.RESUME_LENGTH]!
      depth = facts[DiskFact.RESUME_DEPTH]!
      await this.supply()
    }
  }

  /** How many extents the core found, 0 where it wants metadata first. */
  #mapNow(offset: number, length: number, depth: number): number {
    const answer = this.core.exports.diskMap(offset, length, depth)
    if (answer < 0) throw this.refusal(answer)
    return answer
  }

  /** Fills `target` with the guest's bytes from `offset` on, as layers from `depth` down have them. */
  async read(offset: number, target: Uint8Array, depth: number = 0): Promise<void> {
    for (let done = 0; done < target.length; ) {
      // Where the metadata is known, which is nearly always, nothing is awaited but the bytes.
      const known = this.#mapNow(offset + done, target.length - done, depth)
      const extents = known > 0 ? this.#takeExtents(known) : await this.map(offset + done, target.length - done, depth)
      const runs: DataPart[][] = []
      const compressed: CompressedPart[] = []
      for (const extent of extents) {
        const part = target.subarray(done, done + extent.length)
        done += extent.length
        if (extent.kind === ExtentKind.DATA) this.#addData(runs, { extent, target: part })
        else if (extent.kind === ExtentKind.COMPRESSED) compressed.push({ layer: this.#layers[extent.depth]!, extent, target: part })
        else part.fill(0)
      }
      const jobs = runs.map((run) => this.#readData(run))
      if (compressed.length > 0) jobs.push(this.#compressed.read(compressed))
      if (jobs.length === 1) await jobs[0]
      else await Promise.all(jobs)
    }
  }

  /** Repeats a call of the core until it wants no more metadata; its answer, which is never a refusal. */
  async settle(call: () => number): Promise<number> {
    for (;;) {
      const answer = call()
      if (answer < 0) throw this.refusal(answer)
      if (answer !== DiskStatus.WANT) return answer
      await this.supply()
    }
  }

  /** The answer of a call that counts; never a refusal. */
  settleCount(call: () => number): number {
    const answer = call()
    if (answer < 0) throw this.refusal(answer)
    return answer
  }

  /** Takes a larger virtual size of the top layer; the header is not changed by this. */
  setSize(sizeBytes: number): void {
    const answer = this.core.exports.diskSetSize(sizeBytes)
    if (answer < 0) throw this.refusal(answer)
    this.#layers[0] = { ...this.#layers[0]!, sizeBytes }
  }

  /** Reads the slice that the core wants. */
  async supply(): Promise<void> {
    const facts = this.#facts()
    const layer = facts[DiskFact.WANT_LAYER]!
    const offset = facts[DiskFact.WANT_OFFSET]!
    const bytes = facts[DiskFact.WANT_BYTES]!
    const key = layer * SLICE_SPAN + offset / SLICE_BYTES
    let load = this.#loads.get(key)
    if (load === undefined) {
      load = this.#load(layer, offset, bytes).finally(() => this.#loads.delete(key))
      this.#loads.set(key, load)
    }
    await load
  }

  async #load(layer: number, offset: number, bytes: number): Promise<void> {
    // Read aside: an instance's memory may move while a read is on its way.
    const slice = new Uint8Array(bytes)
    const got = await this.#layers[layer]!.file.read(slice, offset)
    this.core.put(slice.subarray(0, got))
    const answer = this.core.exports.diskSupply(layer, offset, got)
    if (answer < 0) throw this.refusal(answer)
  }

  /** Resolves when no metadata is on its way into the core any more that was on its way before. */
  async drainLoads(): Promise<void> {
    await Promise.allSettled(this.#loads.values())
  }

  /** One of the facts that the last call left (`DiskFact`). */
  fact(index: number): number {
    return this.#facts()[index]!
  }

  #facts(): Float64Array {
    return new Float64Array(this.core.bytes.buffer, this.core.exports.diskFacts(), DiskFact.COUNT)
  }

  /** The error for a negative answer of the core. */
  refusal(answer: number, image?: string): BoxLiteError {
    const facts = this.#facts()
    const name = image ?? this.#layers[facts[DiskFact.LAYER]!]?.name
    return refusalError(-answer, facts[DiskFact.FIELD]!, { value: facts[DiskFact.VALUE]!, ...(name === undefined ? {} : { image: name }) })
  }

  #takeExtents(count: number): MappedExtent[] {
    // The list was put into the exchange buffer, whose place a request of no bytes tells.
    const list = new Float64Array(this.core.bytes.buffer, this.core.reserve(0), count * ExtentFact.COUNT)
    const extents: MappedExtent[] = []
    for (let at = 0; at < list.length; at += ExtentFact.COUNT) {
      extents.push({
        kind: list[at + ExtentFact.KIND]!,
        depth: list[at + ExtentFact.DEPTH]!,
        offset: list[at + ExtentFact.OFFSET]!,
        length: list[at + ExtentFact.LENGTH]!,
        hostOffset: list[at + ExtentFact.HOST_OFFSET]!,
        hostBytes: list[at + ExtentFact.HOST_BYTES]!,
      })
    }
    return extents
  }

  /** Joins parts that follow each other in one file, however far apart the guest has them: a call costs more than its bytes. */
  #addData(runs: DataPart[][], part: DataPart): void {
    const run = runs.at(-1)
    const last = run?.at(-1)?.extent
    const { extent } = part
    const follows = last !== undefined && last.depth === extent.depth && last.hostOffset + last.length === extent.hostOffset
    if (follows && this.#layers[extent.depth]!.file.readv !== undefined) run!.push(part)
    else runs.push([part])
  }

  async #readData(run: readonly DataPart[]): Promise<void> {
    const { extent, target } = run[0]!
    const { file } = this.#layers[extent.depth]!
    const targets = run.map((part) => part.target)
    let got = run.length > 1 && file.readv ? await file.readv(targets, extent.hostOffset) : await file.read(target, extent.hostOffset)
    // The last cluster of a file may be cut short: what is not there reads as zeros.
    for (const part of run) {
      if (got < part.target.length) this.#fillEnd(part.extent, part.target, Math.max(0, got))
      got -= part.target.length
    }
  }

  #fillEnd(extent: MappedExtent, part: Uint8Array, got: number): void {
    const { name, fileBytes } = this.#layers[extent.depth]!
    if (extent.hostOffset + got < Math.min(fileBytes, extent.hostOffset + part.length)) {
      throw new BoxLiteError('io', `${name} became shorter while it was open`, { facts: { image: name, fileBytes, got: extent.hostOffset + got } })
    }
    part.fill(0, got)
  }
}

function outOfMemory(): BoxLiteError {
  return new BoxLiteError('limit', 'A task of the core is out of memory')
}
