// Conversions and comparisons of disks, with nothing that only one host has.

import { describe, expect, test } from 'vitest'
import { checkImage } from '../../../src/disk/check.ts'
import { portableCodec } from '../../../src/disk/codec.ts'
import { compareDisks } from '../../../src/disk/compare.ts'
import { convertToImage, convertToRaw, convertToStream } from '../../../src/disk/convert.ts'
import { createImage } from '../../../src/disk/create.ts'
import { Disk } from '../../../src/disk/disk.ts'
import type { LayerFile } from '../../../src/host.ts'
import { MemoryFile } from '../../../src/store/memory-file.ts'
import { PlainImage } from './plain-image.ts'
import { noise, seeded } from './random.ts'

const newFile = (): MemoryFile => new MemoryFile({ pages: new Map(), lengthBytes: 0 }, true)

/** A disk of `sizeBytes` with bytes at some places, open for writing. */
async function diskWith(sizeBytes: number, content: Readonly<Record<number, Uint8Array>>): Promise<Disk> {
  const file = newFile()
  await createImage(file, { sizeBytes })
  const disk = await Disk.open([{ name: 'disk.qcow2', format: 'qcow2', file }], { writable: true })
  for (const [offset, bytes] of Object.entries(content)) await disk.write(Number(offset), bytes)
  return disk
}

async function rawDisk(file: LayerFile): Promise<Disk> {
  return await Disk.open([{ name: 'disk.raw', format: 'raw', file }])
}

/** Chunks are 2 MiB: data at the start, over a boundary, alone far away, and at the end. */
const SIZE_BYTES = 64 << 20
const content = {
  0: noise(seeded(1), 1000),
  [(2 << 20) - 100]: noise(seeded(2), 200_000),
  [(31 << 20) + 5]: noise(seeded(3), 1),
  [SIZE_BYTES - 512]: noise(seeded(4), 512),
}

describe('a disk', () => {
  test('converts to raw and back to an image that is sound, and all of them compare equal', async () => {
    const disk = await diskWith(SIZE_BYTES, content)
    const raw = newFile()
    await convertToRaw(disk, raw)
    expect(await raw.size()).toBe(SIZE_BYTES)
    const second = await rawDisk(raw)
    const image = newFile()
    await convertToImage(second, image)
    const third = await Disk.open([{ name: 'copy.qcow2', format: 'qcow2', file: image }])
    for (const [a, b] of [[disk, second], [second, third], [third, disk]] as const) {
      expect(await compareDisks(a, b)).toEqual({ firstDifference: null, sameSize: true })
    }
    // The first, five around 2 MiB, one far away, the last; the rest of the disk is not in the file.
    expect(await checkImage(image)).toMatchObject({ corruptions: 0, leaks: 0, overlooked: 0, findings: [], allocatedClusters: 8 })
    expect(await image.size()).toBeLessThan(20 * 65536)
  })

  test('converts to a stream of all its bytes in order', async () => {
    const disk = await diskWith(SIZE_BYTES, content)
    const whole = new Uint8Array(SIZE_BYTES)
    let length = 0
    await convertToStream(disk, async (bytes) => {
      whole.set(bytes, length)
      length += bytes.length
    })
    expect(length).toBe(SIZE_BYTES)
    const direct = new Uint8Array(SIZE_BYTES)
    await disk.read(0, direct)
    expect(whole.every((byte, i) => byte === direct[i])).toBe(true)
  })

  test('of no bytes, and of an odd number of bytes, converts', async () => {
    for (const length of [0, 1, 511, 512, 513, 65537]) {
      const raw = newFile()
      await raw.write(noise(seeded(length), length), 0)
      await raw.truncate(length)
      const image = newFile()
      await convertToImage(await rawDisk(raw), image)
      const disk = await Disk.open([{ name: 'copy.qcow2', format: 'qcow2', file: image }])
      expect(disk.sizeBytes).toBe(Math.ceil(length / 512) * 512)
      expect((await compareDisks(disk, await rawDisk(raw))).firstDifference).toBeNull()
      expect(await checkImage(image)).toMatchObject({ corruptions: 0, leaks: 0, findings: [] })
    }
  })

  test('with internal snapshots, zero and compressed clusters converts to what its guest sees', async () => {
    for (const options of [{}, { version: 2 }, { extendedL2: true }] as const) {
      const plain = await PlainImage.create(options)
      const disk = await Disk.open([{ name: 'plain.qcow2', format: 'qcow2', file: plain.file() }])
      const image = newFile()
      await convertToImage(disk, image)
      const copy = await Disk.open([{ name: 'copy.qcow2', format: 'qcow2', file: image }])
      expect(await compareDisks(disk, copy)).toEqual({ firstDifference: null, sameSize: true })
    }
  })

  test('is not converted onto something that is there, nor compressed where the host cannot', async () => {
    const disk = await diskWith(1 << 20, {})
    const taken = newFile()
    await taken.write(Uint8Array.of(1), 0)
    await expect(convertToRaw(disk, taken)).rejects.toMatchObject({ code: 'invalid_state' })
    await expect(convertToImage(disk, taken)).rejects.toMatchObject({ code: 'invalid_state' })
    await expect(convertToImage(disk, newFile(), { compress: portableCodec })).rejects.toMatchObject({ code: 'unsupported' })
  })

  test('that cannot be read, or a target that cannot be written, ends a conversion with its error', async () => {
    const plain = await PlainImage.create()
    plain.bytes.fill(0xff, plain.at('compressed'), plain.at('compressed') + 20)
    const broken = await Disk.open([{ name: 'plain.qcow2', format: 'qcow2', file: plain.file() }])
    await expect(convertToRaw(broken, newFile())).rejects.toMatchObject({ code: 'corrupt' })
    await expect(convertToImage(broken, newFile())).rejects.toMatchObject({ code: 'corrupt' })
    await expect(convertToStream(broken, async () => undefined)).rejects.toMatchObject({ code: 'corrupt' })
    await expect(compareDisks(broken, broken)).rejects.toMatchObject({ code: 'corrupt' })
    const disk = await diskWith(SIZE_BYTES, content)
    for (const convert of [convertToRaw, convertToImage]) {
      const full = newFile()
      full.write = () => Promise.reject(new Error('no space'))
      await expect(convert(disk, full)).rejects.toThrow('no space')
    }
  })
})

describe('a comparison', () => {
  test('finds the first byte that differs, wherever it is', async () => {
    for (const at of [0, 1, 4095, 65536, (2 << 20) - 1, 2 << 20, (33 << 20) + 77, SIZE_BYTES - 1]) {
      const a = await diskWith(SIZE_BYTES, content)
      const b = await diskWith(SIZE_BYTES, content)
      const byte = new Uint8Array(1)
      await a.read(at, byte)
      await b.write(at, Uint8Array.of(byte[0]! ^ 0x40))
      await b.write(SIZE_BYTES - 1, Uint8Array.of(0xfe))
      expect(await compareDisks(a, b)).toEqual({ firstDifference: at, sameSize: true })
    }
  })

  test('of different sizes takes what the shorter has not as zeros', async () => {
    const short = await diskWith(1 << 20, { 5: Uint8Array.of(1) })
    const long = await diskWith(5 << 20, { 5: Uint8Array.of(1) })
    expect(await compareDisks(short, long)).toEqual({ firstDifference: null, sameSize: false })
    await long.write((4 << 20) + 9, Uint8Array.of(1))
    expect(await compareDisks(short, long)).toEqual({ firstDifference: (4 << 20) + 9, sameSize: false })
    expect(await compareDisks(long, short)).toEqual({ firstDifference: (4 << 20) + 9, sameSize: false })
  })
})

describe('long work', () => {
  const work: Readonly<Record<string, (disk: Disk, options: { signal?: AbortSignal; onProgress?: (done: number) => void }) => Promise<unknown>>> = {
    'a conversion to raw': (disk, options) => convertToRaw(disk, newFile(), options),
    'a conversion to a stream': (disk, options) => convertToStream(disk, async () => undefined, options),
    'a conversion to an image': (disk, options) => convertToImage(disk, newFile(), options),
    'a comparison': (disk, options) => compareDisks(disk, disk, options),
    'a check': async (_, options) => checkImage((await PlainImage.create()).file(), options),
  }
  for (const [name, run] of Object.entries(work)) {
    test(`tells its progress, rising to 1, and ends when it is aborted: ${name}`, async () => {
      const disk = await diskWith(SIZE_BYTES, content)
      const seen: number[] = []
      await run(disk, { onProgress: (done) => seen.push(done) })
      expect(seen.at(-1)).toBe(1)
      expect(seen).toEqual(seen.toSorted((a, b) => a - b))
      await expect(run(disk, { signal: AbortSignal.abort('enough') })).rejects.toMatchObject({ code: 'aborted', cause: 'enough' })
    })
  }
})
