// Layers of a home and the chains they form, for reading.

import type { Codec } from '../disk/codec.ts'
import { Disk, type Layer } from '../disk/disk.ts'
import { readImageInfo } from '../disk/info.ts'
import { BoxLiteError } from '../error.ts'
import type { LayerFile, Store } from '../host.ts'
import type { NewLayer } from '../operation/operation.ts'
import { writeLayerImage, type LayerTarget } from './layer-image.ts'

/** Longest chain, in layers. */
const CHAIN_LIMIT = 1000

/** What a chain needs to know about one of its layers. */
export interface LayerFacts {
  readonly format: Layer['format']
  readonly virtualSizeBytes: number
  /** The layer it backs on. */
  readonly below: string | null
  /** Whether each of its clusters is a cluster of an archive, so that it can be read by itself. */
  readonly ownForm: boolean
}

/** Images that stand on one another, by name. */
export interface Chains {
  /** The names of a chain, from the top; at most so many. */
  names(top: string, most?: number): Promise<readonly string[]>
  facts(name: string): Promise<LayerFacts>
  /** Opens the disk that `top` and what is below it make, for reading; with `depth`, at least what so many layers hold. */
  open(top: string, depth?: number): Promise<OpenChain>
}

/** The names of a chain, from the top, at most so many; `limit` where it is too long, or has no end. */
export async function chainNames(chains: Pick<Chains, 'facts'>, top: string, most = Number.POSITIVE_INFINITY): Promise<readonly string[]> {
  const names: string[] = []
  for (let name: string | null = top; name !== null && names.length < most; name = (await chains.facts(name)).below) {
    checkChainLength(top, names.length)
    names.push(name)
  }
  return names
}

/** Refuses one more layer where the chain of `top` has as many as it may; so no walk down goes in a circle for ever. */
export function checkChainLength(top: string, length: number): void {
  if (length === CHAIN_LIMIT) throw new BoxLiteError('limit', `the chain of layer ${top} is longer than ${CHAIN_LIMIT} layers`)
}

/** The layers of one home. What it has read about a layer it keeps: a layer's header does not change while it is shared. */
export class LayerChains implements Chains {
  readonly #store: Store
  readonly #codec: Codec | undefined
  readonly #facts = new Map<string, LayerFacts>()

  constructor(store: Store, codec?: Codec) {
    this.#store = store
    this.#codec = codec
  }

  names(top: string, most?: number): Promise<readonly string[]> {
    return chainNames(this, top, most)
  }

  async facts(name: string): Promise<LayerFacts> {
    const known = this.#facts.get(name)
    if (known !== undefined) return known
    const file = await this.#store.openLayer(name, 'read')
    try {
      const facts = await readFacts(name, file)
      this.#facts.set(name, facts)
      return facts
    } finally {
      await file.close()
    }
  }

  /** Runs `work` on the disk that `top` and what is below it make, open for reading. */
  async read<T>(top: string, work: (disk: Disk) => Promise<T>): Promise<T> {
    const chain = await this.open(top)
    try {
      return await work(chain.disk)
    } finally {
      await chain.close()
    }
  }

  async open(top: string, depth?: number): Promise<OpenChain> {
    const files: LayerFile[] = []
    try {
      const layers = await this.#openFiles(top, files, depth)
      return new OpenChain(await Disk.open(layers, this.#options()), files)
    } catch (error) {
      for (const file of files) await file.close()
      throw error
    }
  }

  /** Makes a new layer on its parent in the empty `file`, of what `work` writes. Does not sync. */
  async fillNew({ parent }: NewLayer, file: LayerFile, sizeBytes: number, work: (target: LayerTarget) => Promise<void>): Promise<void> {
    const backing = parent === null ? null : { name: parent, format: (await this.facts(parent)).format }
    let below: OpenChain | null = null
    const openBelow = async (): Promise<Disk | null> => {
      if (parent !== null) below ??= await this.open(parent)
      return below?.disk ?? null
    }
    try {
      await writeLayerImage(file, { sizeBytes, backing, openBelow }, work)
    } finally {
      await (below as OpenChain | null)?.close()
    }
  }

  /** The disk of the layer in `file`, open for writing, on top of the chain of `below`. `file` stays the caller's. */
  async openNew(name: string, file: LayerFile, below: string | null): Promise<OpenChain> {
    const files: LayerFile[] = []
    try {
      const layers = below === null ? [] : await this.#openFiles(below, files)
      return new OpenChain(await Disk.open([{ name, format: 'qcow2', file }, ...layers], { ...this.#options(), writable: true }), files)
    } catch (error) {
      for (const opened of files) await opened.close()
      throw error
    }
  }

  /** The layers of a chain, open; of a long one only the first `depth`, where these can be read by themselves. */
  async #openFiles(top: string, files: LayerFile[], depth?: number): Promise<readonly Layer[]> {
    const first = depth === undefined ? null : await this.names(top, depth)
    const facts = await Promise.all((first ?? []).map((name) => this.facts(name)))
    const isCut = first !== null && facts.at(-1)?.below !== null && facts.every(({ ownForm }) => ownForm)
    const names = isCut ? first : await this.names(top)
    const layers: Layer[] = []
    for (const [index, name] of names.entries()) {
      const file = await this.#store.openLayer(name, 'read')
      files.push(file)
      layers.push({ name, format: (await this.facts(name)).format, file, isFollowed: isCut && index + 1 === names.length })
    }
    return layers
  }

  #options(): { codec?: Codec } {
    return this.#codec === undefined ? {} : { codec: this.#codec }
  }
}

/** An open disk and the files that were opened for it. */
export class OpenChain {
  readonly disk: Disk
  readonly #files: readonly LayerFile[]

  constructor(disk: Disk, files: readonly LayerFile[]) {
    this.disk = disk
    this.#files = files
  }

  async close(): Promise<void> {
    try {
      await this.disk.close()
    } finally {
      for (const file of this.#files) await file.close()
    }
  }
}

async function readFacts(name: string, file: LayerFile): Promise<LayerFacts> {
  if (name.endsWith('.raw')) return { format: 'raw', virtualSizeBytes: await file.size(), below: null, ownForm: false }
  const { virtualSizeBytes, backing, ownForm } = await readImageInfo(file, name)
  if (backing !== null && backing.kind !== 'home') {
    throw new BoxLiteError('corrupt', `layer ${name} backs on a file that is not a layer of this home`, {
      facts: { layer: name, backing: backing.name },
    })
  }
  return { format: 'qcow2', virtualSizeBytes, below: backing?.name ?? null, ownForm }
}
