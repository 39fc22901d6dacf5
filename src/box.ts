// One box.

import { exportBox, type ExportOptions } from './archive/export.ts'
import { LayerChains } from './archive/layer-chain.ts'
import { inHome, openLiveDisk, type BoxDisk, type OpenDiskOptions } from './box-disk.ts'
import { boxInfo, type BoxDetails } from './box-info.ts'
import type { HomeAccess } from './home-access.ts'
import { layerBytes, Snapshots } from './snapshots.ts'

export interface CloneOptions {
  /** Name of the clone; it needs none. */
  readonly name?: string
  /** Id or name of the snapshot to start from; by default the disk as it is now. */
  readonly snapshot?: string
}

export interface RemoveOptions {
  /** Ends the machine of a box that is running. */
  readonly force?: boolean
}

/** What `Box.export` takes. */
export type BoxExportOptions = Omit<ExportOptions, 'codec'>

export class Box {
  readonly #home: HomeAccess
  readonly id: string
  /** Null for a box without a name. */
  readonly name: string | null
  readonly snapshot: Snapshots

  constructor(home: HomeAccess, id: string, name: string | null) {
    this.#home = home
    this.id = id
    this.name = name
    this.snapshot = new Snapshots(home, id)
  }

  /** The box as it is now. `not_found` when it was removed; `busy` while the home is being pruned. */
  info(): Promise<BoxDetails> {
    return this.#home.during(() => inHome(this.#home, () => this.#details()))
  }

  async #details(): Promise<BoxDetails> {
    const record = await this.#home.record(this.id)
    const chains = new LayerChains(this.#home.store, this.#home.host.codec)
    const { virtualSizeBytes } = await chains.facts(record.live)
    const layerCount = (await chains.names(record.live)).length
    return { ...boxInfo(record), disk: { virtualSizeBytes, layerCount, ownBytes: await layerBytes(this.#home, record.live) } }
  }

  /** Opens the disk of a stopped box, for writing too unless told otherwise. The box is locked until the disk is closed. */
  disk(options: OpenDiskOptions = {}): Promise<BoxDisk> {
    return openLiveDisk(this.#home, this.id, options)
  }

  /** Makes a box whose disk starts as this one's, or as one of its snapshots. No bytes are copied. */
  async clone({ name, snapshot }: CloneOptions = {}): Promise<Box> {
    const { host } = this.#home
    const { config } = await this.#home.record(this.id)
    const { record } = await this.#home.change({
      kind: 'clone',
      boxId: this.id,
      snapshot: snapshot ?? null,
      cloneId: host.newId(),
      name: name ?? null,
      config: { ...config, createdAt: host.nowMs() },
      cloneLayerId: host.newId(),
      layerId: host.newId(),
    })
    return new Box(this.#home, record.id, record.name)
  }

  /**
   * The box with its snapshots as an archive, in chunks; or one snapshot. The box is locked while it is read. Read it to its
   * end, or call `return`: `for await` does.
   */
  async *export(options: BoxExportOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const leave = await this.#home.enter(this.id)
    try {
      this.#home.checkDiskClosed(this.id)
      yield* exportBox(this.#home.performer, this.id, { ...options, codec: this.#home.host.codec })
    } finally {
      leave()
    }
  }

  /** Removes the box with its snapshots; clones live on. The space comes back with `prune`. */
  async remove({ force = false }: RemoveOptions = {}): Promise<void> {
    await this.#home.change({ kind: 'box.remove', boxId: this.id, force })
  }
}
