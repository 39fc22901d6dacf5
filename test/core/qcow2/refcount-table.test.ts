import { describe, expect, it } from 'vitest'
import type { LayerFile } from '../../../src/host.ts'
import { createImage } from '../../../src/disk/create.ts'
import { Disk } from '../../../src/disk/disk.ts'
import { readImageInfo } from '../../../src/disk/info.ts'
import { CLUSTER_BYTES, MIB, qcow2, readAll } from './layers.ts'
import { newFile } from './recording-file.ts'

/** A file whose first 16 TiB are in use: the refcount blocks of all its clusters, which say 1, are made up as they are read. */
class FullFile implements LayerFile {
  readonly #file = newFile()
  static readonly blocks = 8192
  static readonly firstBlock = 5 * CLUSTER_BYTES
  static readonly ones = new Uint8Array(CLUSTER_BYTES).map((_, at) => at & 1)

  async read(target: Uint8Array, offset: number): Promise<number> {
    const end = FullFile.firstBlock + FullFile.blocks * CLUSTER_BYTES
    if (offset < FullFile.firstBlock || offset >= end) return await this.#file.read(target, offset)
    // Slices and blocks are asked for whole, so a request is of counts or of none.
    target.set(FullFile.ones.subarray(0, target.length))
    return target.length
  }

  async write(source: Uint8Array, offset: number): Promise<void> {
    await this.#file.write(source, offset)
  }

  async truncate(length: number): Promise<void> {
    await this.#file.truncate(length)
  }

  async size(): Promise<number> {
    return await this.#file.size()
  }

  async sync(): Promise<void> {
    await this.#file.sync()
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}

describe('a file that outgrows its refcount table', () => {
  it('gets a larger one', async () => {
    const file = new FullFile()
    await createImage(file, { sizeBytes: MIB })
    const table = new DataView(new ArrayBuffer(FullFile.blocks * 8))
    for (let i = 0; i < FullFile.blocks; i++) table.setBigUint64(i * 8, BigInt(FullFile.firstBlock + i * CLUSTER_BYTES))
    await file.write(new Uint8Array(table.buffer), CLUSTER_BYTES)
    await file.truncate(2 ** 44)
    const disk = await Disk.open([qcow2('full.qcow2', file)], { writable: true })
    await disk.write(100, Uint8Array.of(1, 2, 3))
    await disk.close()
    expect((await readImageInfo(file)).refcountTable).toEqual({ offset: 2 ** 44 + CLUSTER_BYTES, clusters: 2 })
    expect([...(await readAll([qcow2('full.qcow2', file)])).subarray(99, 104)]).toEqual([0, 1, 2, 3, 0])
    const blockAndCounts = new Uint8Array(16)
    await file.read(blockAndCounts.subarray(0, 8), 2 ** 44 + CLUSTER_BYTES + FullFile.blocks * 8)
    expect([...blockAndCounts.subarray(0, 8)]).toEqual([0, 0, 0x10, 0, 0, 0, 0, 0])
    // Itself, the table's two clusters, the L2 table, the data.
    await file.read(blockAndCounts, 2 ** 44)
    expect([...blockAndCounts]).toEqual([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0])
  })
})
