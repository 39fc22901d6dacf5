import { describe, expect, it } from 'vitest'
import type { LayerFile } from '../../../src/host.ts'
import { checkImage } from '../../../src/disk/check.ts'
import { createImage } from '../../../src/disk/create.ts'
import { Disk, type Extent, type Layer } from '../../../src/disk/disk.ts'
import { CLUSTER_BYTES, MIB, overlay, qcow2, raw, readAll, same } from './layers.ts'
import { noise, seeded } from './random.ts'
import { newFile } from './recording-file.ts'

async function extentsOf(disk: Disk): Promise<Extent[]> {
  const extents: Extent[] = []
  for await (const extent of disk.extents(0, disk.sizeBytes)) extents.push(extent)
  return extents
}

const layerName = (number: number): string => `${String(number).padStart(4, '0')}.qcow2`

/** An image with another backing file in its header. */
class RenamedBacking implements LayerFile {
  readonly #image: LayerFile
  readonly #header = newFile()
  readonly #made: Promise<void>

  constructor(image: LayerFile, name: string, format: 'qcow2' | 'raw' = 'qcow2') {
    this.#image = image
    this.#made = createImage(this.#header, { sizeBytes: MIB, backing: { name, format } }).then(() => this.#header.truncate(4096))
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    await this.#made
    return await (offset === 0 ? this.#header : this.#image).read(target, offset)
  }

  size(): Promise<number> {
    return this.#image.size()
  }

  write(): Promise<void> {
    return Promise.reject(new Error('only read'))
  }

  truncate(): Promise<void> {
    return this.write()
  }

  sync(): Promise<void> {
    return this.write()
  }

  async close(): Promise<void> {}
}

describe('a disk', () => {
  it('is what an array of bytes is, over layers of different sizes', async () => {
    for (const seed of [1, 2, 3]) {
      const random = seeded(seed)
      const base = raw('base.raw', newFile())
      const baseBytes = noise(random, MIB - 512)
      await base.file.write(baseBytes, 0)
      const middle = await overlay('middle.qcow2', 3 * MIB, base)
      const top = await overlay('top.qcow2', 2 * MIB, middle)
      const model = new Uint8Array(8 * MIB)
      model.set(baseBytes)
      for (const layers of [[middle, base], [top, middle, base]]) {
        const disk = await Disk.open(layers, { writable: true, cacheBytes: 1 })
        model.fill(0, disk.sizeBytes)
        for (let step = 0; step < 150; step++) {
          const offset = random(disk.sizeBytes)
          const length = Math.min(random(4) === 0 ? random(MIB) : random(5000), disk.sizeBytes - offset)
          const kind = random(8)
          if (kind < 4) {
            const bytes = noise(random, length)
            await disk.write(offset, bytes)
            model.set(bytes, offset)
          } else if (kind === 4) {
            await disk.discard(offset, length)
            model.fill(0, offset, offset + length)
          } else if (kind === 5) await disk.flush()
          else if (kind === 6 && random(10) === 0 && disk.sizeBytes < 6 * MIB) await disk.grow(disk.sizeBytes + 512 * (1 + random(2000)))
          else {
            const bytes = new Uint8Array(length)
            await disk.read(offset, bytes)
            expect(same(bytes, model.subarray(offset, offset + length)), `seed ${seed}, step ${step}`).toBe(true)
          }
        }
        await disk.close()
        expect(same(await readAll(layers), model.subarray(0, disk.sizeBytes))).toBe(true)
        expect(await checkImage(layers[0]!.file)).toMatchObject({ corruptions: 0, leaks: 0 })
      }
    }
  })

  it('lets reads run beside writes, and never shows what belongs to another place', async () => {
    const clusters = 16
    const base = raw('base.raw', newFile())
    await base.file.write(new Uint8Array(clusters * CLUSTER_BYTES).fill(200), 0)
    const disk = await Disk.open([await overlay('top.qcow2', clusters * CLUSTER_BYTES, base), base], { writable: true })
    const random = seeded(5)
    const writer = { isDone: false }
    const write = async (): Promise<void> => {
      for (let i = 0; i < 400; i++) {
        const cluster = random(clusters)
        const offset = cluster * CLUSTER_BYTES
        if (i % 7 === 6) await disk.flush()
        else if (i % 3 === 2) await disk.discard(offset, CLUSTER_BYTES)
        else await disk.write(offset + random(3) * 1000, new Uint8Array(random(2) === 0 ? 60_000 : 5000).fill(cluster + 1))
      }
      writer.isDone = true
    }
    const foreign: string[] = []
    const seen = new Set<number>()
    const read = async (): Promise<void> => {
      const readerRandom = seeded(6)
      while (!writer.isDone) {
        const cluster = readerRandom(clusters)
        const bytes = new Uint8Array(8192)
        await disk.read(cluster * CLUSTER_BYTES + readerRandom(CLUSTER_BYTES - bytes.length), bytes)
        for (const byte of new Set(bytes)) {
          seen.add(byte)
          if (byte !== 0 && byte !== 200 && byte !== cluster + 1) foreign.push(`${byte} in ${cluster}`)
        }
      }
    }
    await Promise.all([write(), read(), read(), read()])
    expect(foreign).toEqual([])
    expect(seen.size).toBe(clusters + 2)
  })

  it('gives back the space of what is discarded, and reads zeros there, never what lies below', async () => {
    const base = raw('base.raw', newFile())
    await base.file.write(new Uint8Array(4 * MIB).fill(7), 0)
    const top = await overlay('top.qcow2', 4 * MIB, base)
    const disk = await Disk.open([top, base], { writable: true })
    await disk.write(0, new Uint8Array(2 * MIB).fill(8))
    await disk.flush()
    const fileBytes = await top.file.size()
    await disk.discard(0, 4 * MIB)
    await disk.flush()
    expect(await extentsOf(disk)).toEqual([{ offset: 0, length: 4 * MIB, kind: 'zero', depth: 0, hostOffset: null }])
    await disk.write(2 * MIB, new Uint8Array(2 * MIB).fill(9))
    await disk.close()
    expect(await top.file.size()).toBe(fileBytes)
    expect(await checkImage(top.file)).toMatchObject({ corruptions: 0, leaks: 0 })
  })

  it('shows zeros where it grew, also over a longer backing file and past its L1 table', async () => {
    const base = raw('base.raw', newFile())
    await base.file.write(new Uint8Array(2 * MIB).fill(7), 0)
    const top = await overlay('top.qcow2', MIB + 512, base)
    const disk = await Disk.open([top, base], { writable: true })
    await disk.grow(5 * 2 ** 40)
    await disk.write(5 * 2 ** 40 - 3, Uint8Array.of(1, 2, 3))
    await disk.close()
    const reopened = await Disk.open([top, base])
    expect(reopened.sizeBytes).toBe(5 * 2 ** 40)
    const bytes = new Uint8Array(2 * MIB)
    await reopened.read(0, bytes)
    expect(same(bytes.subarray(0, MIB + 512), new Uint8Array(MIB + 512).fill(7))).toBe(true)
    expect(same(bytes.subarray(MIB + 512), new Uint8Array(MIB - 512))).toBe(true)
    const end = new Uint8Array(4)
    await reopened.read(5 * 2 ** 40 - 4, end)
    expect([...end]).toEqual([0, 1, 2, 3])
    expect(await checkImage(top.file)).toMatchObject({ corruptions: 0, leaks: 0 })
  })

  it('shows zeros where it grew after a backing file grew too, where that was asked for', async () => {
    const base = await overlay('base.qcow2', MIB)
    const top = await overlay('top.qcow2', MIB, base)
    const disk = await Disk.open([top, base], { writable: true })
    await disk.grow(2 * MIB - 512, { hidesBelow: true })
    await disk.close()
    const below = await Disk.open([base], { writable: true })
    await below.grow(2 * MIB)
    await below.write(0, new Uint8Array(2 * MIB).fill(7))
    await below.close()
    const bytes = await readAll([top, base])
    expect(same(bytes.subarray(0, MIB), new Uint8Array(MIB).fill(7))).toBe(true)
    expect(same(bytes.subarray(MIB), new Uint8Array(MIB - 512))).toBe(true)
  })

  it('opens and reads a chain of 300 layers in a small cache', async () => {
    const layers: Layer[] = []
    const written = [0, 1, 150, 298, 299]
    for (let i = 0; i < 300; i++) {
      layers.unshift(await overlay(`l${i}.qcow2`, 64 * MIB, layers[0]))
      if (!written.includes(i)) continue
      const disk = await Disk.open(layers, { writable: true })
      await disk.write(i * 100_000, Uint8Array.of(i & 255, i >> 8))
      await disk.close()
    }
    const disk = await Disk.open(layers, { cacheBytes: 1 })
    for (const i of written) {
      const bytes = new Uint8Array(2)
      await disk.read(i * 100_000, bytes)
      expect([...bytes]).toEqual([i & 255, i >> 8])
    }
  })

  it('reads a chain of 1,000 layers, and refuses a longer one', async () => {
    const template = await overlay('0000.qcow2', MIB, raw('0001.raw', newFile()))
    const patterned = raw('1000.raw', newFile())
    await patterned.file.write(new Uint8Array(MIB).fill(3), 0)
    const layers = Array.from({ length: 999 }, (_, i) => qcow2(layerName(i), new RenamedBacking(template.file, layerName(i + 1))))
    const last = qcow2(layerName(999), new RenamedBacking(template.file, '1000.raw', 'raw'))
    const below = { ...patterned, name: '1000.raw' }
    const disk = await Disk.open([...layers.slice(1), last, below])
    const bytes = new Uint8Array(2)
    await disk.read(MIB - 2, bytes)
    expect([...bytes]).toEqual([3, 3])
    await expect(Disk.open([...layers, last, below])).rejects.toMatchObject({ code: 'limit', facts: { field: 'layers' } })
  })

  it('refuses layers that are not the ones it names', async () => {
    const base = raw('base.raw', newFile())
    const top = await overlay('top.qcow2', MIB, base)
    const other = await overlay('other.qcow2', MIB)
    const refused: readonly (readonly [readonly Layer[], string])[] = [
      [[], 'invalid_argument'],
      [[top], 'invalid_argument'],
      [[top, { ...base, name: 'other.raw' }], 'invalid_argument'],
      [[top, { ...other, name: 'base.raw' }], 'invalid_argument'],
      [[other, base], 'invalid_argument'],
      [[base, top], 'invalid_argument'],
      [[top, top], 'corrupt'],
      [[top, { ...top, name: 'base.raw', format: 'raw' }], 'corrupt'],
    ]
    for (const [layers, code] of refused) await expect(Disk.open(layers)).rejects.toMatchObject({ code })
    await expect(Disk.open([base], { writable: true })).rejects.toMatchObject({ code: 'unsupported', facts: { field: 'writable_form' } })
  })

  it('refuses entries that point where no data can be', async () => {
    const entry = (text: string): Uint8Array => Uint8Array.from(text.match(/../g)!, (byte) => Number.parseInt(byte, 16))
    // L1 at 3 clusters, its table at 4, the first data cluster at 5.
    const l1 = 3 * CLUSTER_BYTES
    const l2 = 4 * CLUSTER_BYTES
    const cases: readonly (readonly [number, string, string])[] = [
      [l1, '8000000000040001', 'l1_entry'],
      [l1, '8000000000040200', 'l1_entry'],
      [l1, '8000000000000000', 'l1_entry'],
      [l1, '8000000000010000', 'l1_entry'],
      [l1, '8000000000030000', 'l1_entry'],
      [l1, '8000010000000000', 'l1_entry'],
      [l2, '8000000000050002', 'l2_entry'],
      [l2, '8000000000050200', 'l2_entry'],
      [l2, '8000000000000000', 'l2_entry'],
      [l2, '8000000000010000', 'l2_entry'],
      [l2, '8000000100000000', 'l2_entry'],
      [l2, 'c000000000050000', 'l2_entry'],
      [l2, '4000000100000000', 'compressed_cluster'],
      [l2, '4000000000000010', 'compressed_cluster'],
    ]
    for (const [offset, bytes, field] of cases) {
      const top = await overlay('top.qcow2', MIB)
      const disk = await Disk.open([top], { writable: true })
      await disk.write(0, Uint8Array.of(1))
      await disk.close()
      await top.file.write(entry(bytes), offset)
      const damaged = await Disk.open([top])
      await expect(damaged.read(0, new Uint8Array(512)), bytes).rejects.toMatchObject({ code: 'corrupt', facts: { field } })
    }
  })

  it('opens what claims to be huge at once, and reads it in little memory', async () => {
    const top = await overlay('top.qcow2', 2 ** 50)
    for (const writable of [false, true]) {
      const disk = await Disk.open([top], { writable })
      const bytes = new Uint8Array(512).fill(1)
      await disk.read(2 ** 50 - 512, bytes)
      expect(same(bytes, new Uint8Array(512))).toBe(true)
    }
    await expect(createImage(newFile(), { sizeBytes: 2 ** 51 + 512 })).rejects.toMatchObject({ code: 'invalid_argument' })
  })
})
