// The disk of a box, or of one of its snapshots, open as a block device.

import { LayerChains, type OpenChain } from './archive/layer-chain.ts'
import type { Disk, Extent } from './disk/disk.ts'
import { BoxLiteError } from './error.ts'
import type { Held, LayerFile } from './host.ts'
import type { HomeAccess } from './home-access.ts'

/** Offsets and lengths are in bytes. Close it: a box is locked while its disk is open. */
export class BoxDisk {
  readonly #disk: Disk
  #close: (() => Promise<void>) | null

  constructor(disk: Disk, close: () => Promise<void>) {
    this.#disk = disk
    this.#close = close
  }

  /** The virtual size in bytes. */
  get sizeBytes(): number {
    return this.#disk.sizeBytes
  }

  /** Fills `target` from `offset`. */
  read(offset: number, target: Uint8Array): Promise<void> {
    return this.#disk.read(offset, target)
  }

  /** Writes; durable after `flush`. `invalid_state` where the disk is open for reading only. */
  write(offset: number, source: Uint8Array): Promise<void> {
    return this.#disk.write(offset, source)
  }

  writeZeroes(offset: number, length: number): Promise<void> {
    return this.#disk.writeZeroes(offset, length)
  }

  /** Gives a range back; it reads as zeros after. */
  discard(offset: number, length: number): Promise<void> {
    return this.#disk.discard(offset, length)
  }

  /** Makes every write before it durable. */
  flush(): Promise<void> {
    return this.#disk.flush()
  }

  /** Makes the disk larger. */
  grow(sizeBytes: number): Promise<void> {
    return this.#disk.grow(sizeBytes)
  }

  /** What the range is made of, in merged runs. */
  extents(offset: number, length: number): AsyncIterable<Extent> {
    return this.#disk.extents(offset, length)
  }

  /** Flushes, closes and lets go of the box. A second call does nothing. */
  async close(): Promise<void> {
    const close = this.#close
    this.#close = null
    await close?.()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

export interface OpenDiskOptions {
  /** By default true. */
  readonly writable?: boolean
}

/** Opens the live disk of a stopped box and keeps the box locked until it is closed. */
export function openLiveDisk(home: HomeAccess, boxId: string, { writable = true }: OpenDiskOptions): Promise<BoxDisk> {
  return home.inTurn(boxId, async () => {
    home.checkDiskClosed(boxId)
    if (home.runner.of(boxId).owned !== null) throw isRunning(boxId)
    const lock = await home.lockBox(boxId)
    try {
      const { record } = await home.run({ kind: 'recover', boxId }, { held: [{ scope: { kind: 'box', id: boxId }, held: lock }] })
      if (record.machine !== null) throw isRunning(boxId)
      const { chain, file } = await inHome(home, () => openTop(home, record.live, writable, [lock]))
      return keepOpen(home, boxId, chain, file, lock)
    } catch (error) {
      await lock.release()
      throw error
    }
  })
}

function isRunning(boxId: string): BoxLiteError {
  return new BoxLiteError('invalid_state', 'Cannot open the disk of a box while it is running. Stop the box first.', { facts: { boxId } })
}

/** Opens the disk that ends in a frozen layer, for reading. It stays readable whatever becomes of the box. */
export async function openFrozenDisk(home: HomeAccess, findLayer: () => Promise<string>): Promise<BoxDisk> {
  const { chain } = await home.during(() => inHome(home, async () => openTop(home, await findLayer(), false, [])))
  return new BoxDisk(chain.disk, () => chain.close())
}

/** Nothing may be collected or merged between reading the names of layers and having them open. */
export async function inHome<T>(home: HomeAccess, work: () => Promise<T>): Promise<T> {
  const shared = await home.lockHome('shared')
  try {
    return await work()
  } finally {
    await shared.release()
  }
}

async function openTop(
  home: HomeAccess,
  layer: string,
  writable: boolean,
  held: readonly Held[],
): Promise<{ chain: OpenChain; file: LayerFile | null }> {
  const chains = new LayerChains(home.store, home.host.codec)
  if (!writable) return { chain: await chains.open(layer), file: null }
  const { below } = await chains.facts(layer)
  const file = await home.store.openLayer(layer, 'write', held)
  try {
    return { chain: await chains.openNew(layer, file, below), file }
  } catch (error) {
    await file.close()
    throw error
  }
}

function keepOpen(home: HomeAccess, boxId: string, chain: OpenChain, file: LayerFile | null, lock: Held): BoxDisk {
  const disk = new BoxDisk(chain.disk, async () => {
    try {
      await chain.close().finally(() => file?.close())
    } finally {
      forget()
      await lock.release()
    }
  })
  const forget = home.noteOpenDisk(boxId, () => disk.close())
  return disk
}
