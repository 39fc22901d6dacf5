// The disk of a running machine: a chain of layers whose top can be exchanged for an overlay on it.

import type { Codec } from '../../src/disk/codec.ts'
import { Disk, type Layer } from '../../src/disk/disk.ts'
import type { LayerFile } from '../../src/host.ts'
import { layerFormat } from '../../src/store/names.ts'

/** Opens a file of `layers/`. */
export type OpenLayer = (name: string, mode: 'read' | 'write') => Promise<LayerFile>

export class LiveDisk {
  readonly #open: OpenLayer
  readonly #codec: Codec
  #layers: readonly Layer[]
  #disk: Disk

  private constructor(open: OpenLayer, codec: Codec, layers: readonly Layer[], disk: Disk) {
    this.#open = open
    this.#codec = codec
    this.#layers = layers
    this.#disk = disk
  }

  /** Opens the layers `names`, from the top, which is written, to the base. */
  static async open(names: readonly string[], open: OpenLayer, codec: Codec): Promise<LiveDisk> {
    const layers: Layer[] = []
    try {
      for (const [index, name] of names.entries()) layers.push(await openOne(open, name, index === 0 ? 'write' : 'read'))
      return new LiveDisk(open, codec, layers, await Disk.open(layers, { writable: true, codec }))
    } catch (error) {
      await closeAll(layers)
      throw error
    }
  }

  /** File name of the layer that is written. */
  get top(): string {
    return this.#layers[0]!.name
  }

  get sizeBytes(): number {
    return this.#disk.sizeBytes
  }

  read(offset: number, target: Uint8Array): Promise<void> {
    return this.#disk.read(offset, target)
  }

  write(offset: number, source: Uint8Array): Promise<void> {
    return this.#disk.write(offset, source)
  }

  writeZeroes(offset: number, length: number): Promise<void> {
    return this.#disk.writeZeroes(offset, length)
  }

  flush(): Promise<void> {
    return this.#disk.flush()
  }

  /**
   * Writes go to `name` from now on, an overlay on what is on top now, which is open for reading only after. No request
   * may be on its way. Where it fails, everything is as before.
   */
  async switchTo(name: string): Promise<void> {
    if (name === this.top) return
    await this.#disk.flush()
    const [written, ...below] = this.#layers
    const added: Layer[] = []
    try {
      added.push(await openOne(this.#open, name, 'write'))
      added.push(await openOne(this.#open, written!.name, 'read'))
      const layers = [...added, ...below]
      const disk = await Disk.open(layers, { writable: true, codec: this.#codec })
      // Nothing below can fail in a way that matters: what was flushed above is all that the old disk had.
      const before = this.#disk
      this.#disk = disk
      this.#layers = layers
      await before.close()
    } catch (error) {
      if (this.top !== name) await closeAll(added)
      throw error
    }
    await written!.file.close()
  }

  /** Flushes and closes the files, also where the flush fails. */
  async close(): Promise<void> {
    try {
      await this.#disk.close()
    } finally {
      await closeAll(this.#layers)
    }
  }
}

async function openOne(open: OpenLayer, name: string, mode: 'read' | 'write'): Promise<Layer> {
  return { name, format: layerFormat(name), file: await open(name, mode) }
}

async function closeAll(layers: readonly Layer[]): Promise<void> {
  for (const { file } of layers) await file.close()
}
