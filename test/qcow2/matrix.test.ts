// Every image that qemu-img makes reads the same through our engine, and every image that we make of it
// passes `qemu-img check` and has the same content for qemu-img.

import { open, readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nodeCodec } from '../../hosts/node/codec.ts'
import { portableCodec } from '../../src/disk/codec.ts'
import { compareDisks } from '../../src/disk/compare.ts'
import { convertToImage, convertToRaw, convertToStream } from '../../src/disk/convert.ts'
import { Disk, type Extent, type Layer } from '../../src/disk/disk.ts'
import { readImageInfo } from '../../src/disk/info.ts'
import { count } from '../counts.ts'
import { makeImage, rawContent, recipes } from './images.ts'
import { qemuCheck, qemuImg, qemuIo, Workplace } from './qemu.ts'

const place = await Workplace.create()

/** Opens a chain of images by their file names, the top first. */
async function openChain(names: readonly string[], codec = nodeCodec): Promise<Disk> {
  const layers: Layer[] = []
  for (const name of names) layers.push({ name, format: name.endsWith('.raw') ? 'raw' : 'qcow2', file: await place.open(name) })
  return await Disk.open(layers, { codec })
}

async function content(disk: Disk): Promise<Buffer> {
  const pieces: Buffer[] = []
  await convertToStream(disk, async (bytes) => {
    pieces.push(Buffer.from(bytes))
  })
  return Buffer.concat(pieces)
}

/** Runs of what is data and what reads as zeros, as `qemu-img map` tells them. */
function runs(parts: readonly { offset: number; length: number; isZero: boolean }[]): [number, number, boolean][] {
  const joined: [number, number, boolean][] = []
  for (const { offset, length, isZero } of parts) {
    const last = joined.at(-1)
    if (last !== undefined && last[2] === isZero) last[1] = offset + length
    else joined.push([offset, offset + length, isZero])
  }
  return joined
}

interface QemuRange {
  readonly start: number
  readonly length: number
  readonly zero: boolean
  readonly depth: number
  readonly offset?: number
  readonly compressed?: boolean
}

async function readExtents(disk: Disk): Promise<Extent[]> {
  const extents: Extent[] = []
  for await (const extent of disk.extents(0, disk.sizeBytes)) extents.push(extent)
  return extents
}

async function agreesWithQemu(names: readonly string[], hasHoles = false): Promise<void> {
  const raw = new Uint8Array(await readFile(await rawContent(place, names[0]!)))
  const disk = await openChain(names)
  // qemu-img reads a raw base of an odd size as rounded up to a sector.
  expect(disk.sizeBytes).toBe(raw.length)
  expect((await content(disk)).equals(raw)).toBe(true)
  await fc.assert(
    fc.asyncProperty(fc.nat(raw.length), fc.nat(200_000), async (offset, length) => {
      const target = new Uint8Array(Math.min(length, raw.length - offset)).fill(0xee)
      await disk.read(offset, target)
      expect(Buffer.compare(target, raw.subarray(offset, offset + target.length))).toBe(0)
    }),
    { seed: 1, numRuns: count(10, 200) },
  )
  const all = JSON.parse(await qemuImg('map', '--output=json', '-f', 'qcow2', place.path(names[0]!))) as QemuRange[]
  const map = all.filter(({ length }) => length > 0)
  const extents = await readExtents(disk)
  const ours = extents.map((extent) => ({ ...extent, isZero: extent.kind === 'zero' || extent.kind === 'unallocated' }))
  // qemu-img also tells the holes of the file where clusters were allocated and never written.
  if (!hasHoles) expect(runs(ours)).toEqual(runs(map.map(({ start, length, zero }) => ({ offset: start, length, isZero: zero }))))
  // Each run of data lies where qemu-img says, in the layer it says.
  for (const range of map.filter(({ zero, offset }) => !zero && offset !== undefined)) {
    const extent = extents.find(({ offset, length }) => offset <= range.start && range.start < offset + length)!
    expect([extent.depth, extent.hostOffset! + range.start - extent.offset]).toEqual([range.depth, range.offset])
  }
  await disk.close()
}

async function convertsBack(names: readonly string[]): Promise<void> {
  const disk = await openChain(names)
  const raw = await rawContent(place, names[0]!)
  for (const [suffix, options] of [['copy', {}] as const, ['packed', { compress: nodeCodec }] as const]) {
    const copy = `${names[0]}.${suffix}.qcow2`
    const file = await place.open(copy, 'create')
    await convertToImage(disk, file, options)
    expect(await qemuCheck(place.path(copy))).toMatchObject({ exitCode: 0, leaks: 0, corruptions: 0, checkErrors: 0 })
    await qemuImg('compare', '-f', 'raw', '-F', 'qcow2', raw, place.path(copy))
    expect((await readImageInfo(file)).ownForm).toBe(true)
    const again = await Disk.open([{ name: copy, format: 'qcow2', file }], { codec: portableCodec })
    expect(await compareDisks(disk, again)).toEqual({ firstDifference: null, sameSize: true })
    await again.close()
  }
  const file = await place.open(`${names[0]}.copy.raw`, 'create')
  await convertToRaw(disk, file)
  await qemuImg('compare', '-f', 'raw', '-F', 'raw', raw, place.path(`${names[0]}.copy.raw`))
  await disk.close()
}

describe('an image that qemu-img made', () => {
  for (const recipe of recipes) {
    test(`reads the same, has the same map, and converts to images that qemu-img finds equal: ${recipe.name}`, async () => {
      const name = await makeImage(place, recipe)
      await agreesWithQemu([name], recipe.options.includes('preallocation'))
      await convertsBack([name])
    })

    test(`is described as qemu-img describes it: ${recipe.name}`, async () => {
      const file = await place.open(`${recipe.name}.qcow2`)
      const info = await readImageInfo(file)
      const json = JSON.parse(await qemuImg('info', '--output=json', '-f', 'qcow2', place.path(`${recipe.name}.qcow2`))) as {
        'virtual-size': number
        'cluster-size': number
        snapshots?: unknown[]
        'format-specific': { data: Record<string, unknown> }
      }
      const data = json['format-specific'].data
      expect(info).toMatchObject({
        version: data['compat'] === '0.10' ? 2 : 3,
        virtualSizeBytes: json['virtual-size'],
        clusterBytes: json['cluster-size'],
        refcountBits: data['refcount-bits'] ?? 16,
        compression: data['compression-type'] === 'zstd' ? 'zstd' : 'deflate',
        extendedL2: data['extended-l2'] ?? false,
        lazyRefcounts: data['lazy-refcounts'] ?? false,
        corrupt: data['corrupt'] ?? false,
        internalSnapshots: json.snapshots?.length ?? 0,
        bitmaps: (data['bitmaps'] as unknown[] | undefined)?.length ?? 0,
        backing: null,
      })
      await file.close()
    })
  }
})

interface ChainLayer {
  readonly options: string
  readonly sizeBytes: number
  readonly commands: readonly string[]
  /** A raw layer; only the last can be one. */
  readonly raw?: boolean
}

const MIB = 1 << 20
const chains: Readonly<Record<string, readonly ChainLayer[]>> = {
  'different cluster sizes': [
    { options: 'cluster_size=512', sizeBytes: 4 * MIB, commands: ['write -P 1 1000 3000', 'write -z 65536 66048'] },
    { options: 'cluster_size=2M', sizeBytes: 4 * MIB, commands: ['write -P 2 3000000 50000'] },
    { options: 'cluster_size=4096', sizeBytes: 4 * MIB, commands: ['write -P 3 0 300000'] },
  ],
  'a backing shorter than its overlay': [
    { options: 'cluster_size=65536', sizeBytes: 3 * MIB, commands: ['write -P 1 2900000 1000'] },
    { options: 'cluster_size=4096', sizeBytes: MIB + 512, commands: ['write -P 2 1000000 49088'] },
    { options: 'cluster_size=65536', sizeBytes: 2 * MIB, commands: ['write -P 3 900000 1000000'] },
  ],
  'a backing longer than its overlay': [
    { options: 'cluster_size=65536', sizeBytes: MIB + 1536, commands: [] },
    { options: 'cluster_size=65536', sizeBytes: 2 * MIB, commands: ['write -P 2 1000000 1000000'] },
  ],
  'a raw base of an odd size': [
    { options: 'cluster_size=65536', sizeBytes: 2 * MIB, commands: ['write -P 1 100000 512', 'write -z 524288 65536'] },
    { options: '', sizeBytes: MIB + 100 * 512, commands: ['write -P 9 0 1099776'], raw: true },
  ],
  'extended L2 over standard': [
    { options: 'extended_l2=on,cluster_size=65536', sizeBytes: 2 * MIB, commands: ['write -P 1 2048 2048', 'write -z 8192 4096'] },
    { options: 'cluster_size=512', sizeBytes: 2 * MIB, commands: ['write -P 2 0 1000000'] },
  ],
  'version 2 over version 3': [
    { options: 'compat=0.10', sizeBytes: 2 * MIB, commands: ['write -P 1 70000 512'] },
    { options: 'cluster_size=8192', sizeBytes: 2 * MIB, commands: ['write -P 2 0 1000000', 'write -z 65536 65536'] },
  ],
  'ten layers': Array.from({ length: 10 }, (_, i) => ({
    options: `cluster_size=${512 << (i % 5)}`,
    sizeBytes: MIB + ((i * 7) % 5) * 1024,
    commands: [`write -P ${i + 1} ${i * 65536 + 300} 40000`, `write -z ${i * 50000} 9000`],
  })),
}

describe('a chain that qemu-img made', () => {
  for (const [title, layers] of Object.entries(chains)) {
    test(`reads the same and converts to images that qemu-img finds equal: ${title}`, async () => {
      const slug = title.replaceAll(' ', '-')
      const names = layers.map((layer, i) => `${slug}-${i}.${layer.raw === true ? 'raw' : 'qcow2'}`)
      for (let i = layers.length - 1; i >= 0; i--) {
        const layer = layers[i]!
        const path = place.path(names[i]!)
        if (layer.raw === true) {
          await (await open(path, 'w')).close()
          await qemuImg('resize', '-q', '-f', 'raw', path, String(layer.sizeBytes))
        } else {
          const backing = names[i + 1]
          const options = backing === undefined ? [] : ['-b', backing, '-F', backing.endsWith('.raw') ? 'raw' : 'qcow2']
          await qemuImg('create', '-q', '-f', 'qcow2', '-o', layer.options, ...options, path, String(layer.sizeBytes))
        }
        await qemuIo(path, layer.raw === true ? 'raw' : 'qcow2', layer.commands)
      }
      await agreesWithQemu(names)
      await convertsBack(names)
    })
  }
})
