// Random operations on chains, against a plain array of bytes and, at the end, against qemu-img.

import { readFile, rename, writeFile } from 'node:fs/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nodeCodec } from '../../hosts/node/codec.ts'
import { checkImage } from '../../src/disk/check.ts'
import { createImage } from '../../src/disk/create.ts'
import { Disk, type Layer } from '../../src/disk/disk.ts'
import { mergeLayers } from '../../src/disk/merge.ts'
import { noise, seeded } from '../core/qcow2/random.ts'
import { count } from '../counts.ts'
import { compressible } from './images.ts'
import { qemuCheck, qemuImg, qemuIo, Workplace } from './qemu.ts'

const place = await Workplace.create()
const CLUSTER = 65536
const SIZE_LIMIT = 4 << 20

/** What a chain stands on: how its base is made, and its size. */
const bases: Readonly<Record<string, { readonly sizeBytes: number; readonly options?: string; readonly format?: 'raw'; readonly packed?: true }>> = {
  nothing: { sizeBytes: 0 },
  'a raw file': { sizeBytes: 700 * 1024, format: 'raw' },
  'an image of small clusters': { sizeBytes: (1 << 20) + 1536, options: 'cluster_size=512' },
  'an image of large clusters': { sizeBytes: 3 << 20, options: 'cluster_size=2M' },
  'an image with extended L2': { sizeBytes: 1 << 20, options: 'extended_l2=on,cluster_size=16384' },
  'a compressed image': { sizeBytes: 1 << 20, options: 'cluster_size=65536', packed: true },
}

/** Offsets and lengths near the places where something changes. */
const spot = fc.oneof(
  fc.tuple(fc.nat(SIZE_LIMIT / CLUSTER), fc.constantFrom(-513, -512, -1, 0, 1, 511, 512, 4096)).map(([n, by]) => Math.max(0, n * CLUSTER + by)),
  fc.nat(SIZE_LIMIT),
)
const span = fc.oneof(fc.constantFrom(0, 1, 511, 512, 4096, CLUSTER - 1, CLUSTER, CLUSTER + 1, 2 * CLUSTER, 5 * CLUSTER), fc.nat(300_000))
const operation = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constantFrom('write' as const), at: spot, length: span, seed: fc.nat(1000) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('zero' as const, 'discard' as const), at: spot, length: span }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('read' as const), at: spot, length: span }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('flush' as const, 'reopen' as const, 'snapshot' as const, 'merge' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('grow' as const), by: fc.constantFrom(512, 4096, CLUSTER - 512, CLUSTER, 1 << 20) }) },
)
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

/** A chain in files, and the bytes it should hold. */
class Model {
  readonly #run: number
  /** From the top down. */
  names: string[] = []
  bytes: Uint8Array = new Uint8Array(0)
  disk!: Disk
  #made = 0

  constructor(run: number) {
    this.#run = run
  }

  newName(suffix = 'qcow2'): string {
    return `${this.#run}-${this.#made++}.${suffix}`
  }

  async layers(names: readonly string[], mode: 'read' | 'write'): Promise<Layer[]> {
    const layers: Layer[] = []
    for (const [depth, name] of names.entries()) {
      layers.push({ name, format: formatOf(name), file: await place.open(name, depth === 0 ? mode : 'read') })
    }
    return layers
  }

  async open(): Promise<void> {
    this.disk = await Disk.open(await this.layers(this.names, 'write'), { writable: true, codec: nodeCodec, cacheBytes: 1 })
    expect(this.disk.sizeBytes).toBe(this.bytes.length)
  }

  /** A new empty layer on top. The size stays. */
  async snapshot(): Promise<void> {
    const name = this.newName()
    const backing = this.names[0]
    const file = await place.open(name, 'create')
    await createImage(file, { sizeBytes: this.bytes.length, backing: backing === undefined ? null : { name: backing, format: formatOf(backing) } })
    this.names.unshift(name)
    await this.open()
  }

  /** Folds the layer below the top, which has to be of our form, into the one that it stands on. */
  async merge(): Promise<void> {
    const [upper, lower, ...below] = await this.layers(this.names.slice(1), 'read')
    if (upper === undefined || lower === undefined || upper.format !== 'qcow2') return
    const name = this.newName()
    const next = below[0] === undefined ? null : { name: below[0].name, format: below[0].format }
    await mergeLayers({ upper, lower, below, target: await place.open(name, 'create'), backing: next, codec: nodeCodec })
    await rename(place.path(name), place.path(upper.name))
    this.names.splice(2, 1)
  }

  async apply(step: Operation): Promise<void> {
    if ('at' in step) return await this.applyRange(step)
    if (step.kind === 'flush') return await this.disk.flush()
    if (step.kind === 'grow') {
      const sizeBytes = Math.min(this.bytes.length + step.by, SIZE_LIMIT)
      const grown = new Uint8Array(sizeBytes)
      grown.set(this.bytes)
      await this.disk.grow(sizeBytes)
      this.bytes = grown
      return
    }
    await this.disk.close()
    if (step.kind === 'merge') await this.merge()
    if (step.kind === 'snapshot') await this.snapshot()
    else await this.open()
  }

  async applyRange(step: Extract<Operation, { at: number }>): Promise<void> {
    const at = Math.min(step.at, this.bytes.length)
    const length = Math.min(step.length, this.bytes.length - at)
    if (step.kind === 'write') {
      const source = noise(seeded(step.seed), length)
      this.bytes.set(source, at)
      await this.disk.write(at, source)
    } else if (step.kind === 'read') {
      const target = new Uint8Array(length).fill(0xee)
      await this.disk.read(at, target)
      expect(Buffer.compare(target, this.bytes.subarray(at, at + length))).toBe(0)
    } else {
      this.bytes.fill(0, at, at + length)
      await (step.kind === 'zero' ? this.disk.writeZeroes(at, length) : this.disk.discard(at, length))
    }
  }

  /** The end: everything reads as it should, through our engine and through qemu-img, and nothing is damaged. */
  async judge(): Promise<void> {
    const target = new Uint8Array(this.bytes.length)
    await this.disk.read(0, target)
    expect(Buffer.compare(target, this.bytes)).toBe(0)
    await this.disk.close()
    for (const name of this.names.filter((layer) => formatOf(layer) === 'qcow2')) {
      const report = await checkImage(await place.open(name))
      expect({ name, ...report }).toMatchObject({ corruptions: 0, leaks: 0, checkErrors: 0, overlooked: 0, findings: [] })
    }
    const reference = await qemuCheck(place.path(this.names[0]!))
    expect(reference).toMatchObject({ exitCode: 0 })
    const raw = place.path(`${this.#run}.raw`)
    await qemuImg('convert', '-f', 'qcow2', '-O', 'raw', place.path(this.names[0]!), raw)
    expect(Buffer.compare(await readFile(raw), this.bytes)).toBe(0)
  }
}

function formatOf(name: string): 'qcow2' | 'raw' {
  return name.endsWith('.raw') ? 'raw' : 'qcow2'
}

async function makeBase(model: Model, base: (typeof bases)[string]): Promise<void> {
  if (base.sizeBytes === 0) return
  const content = compressible(base.sizeBytes)
  const raw = model.newName('raw')
  await writeFile(place.path(raw), content)
  let name = raw
  if (base.format !== 'raw') {
    name = model.newName()
    const packed = base.packed === true ? ['-c'] : []
    await qemuImg('convert', ...packed, '-f', 'raw', '-O', 'qcow2', '-o', base.options!, place.path(raw), place.path(name))
    await qemuIo(place.path(name), 'qcow2', ['write -z 131072 65536'])
    content.fill(0, 131072, 131072 + 65536)
  }
  model.names = [name]
  model.bytes = content
}

describe('random operations on a chain', () => {
  const runs = count(20, 300)
  console.log(`random sequences of up to 40 operations: ${runs * Object.keys(bases).length}`)
  let run = 0
  for (const [title, base] of Object.entries(bases)) {
    test(`leave the bytes that an array would hold, and images that qemu-img finds whole: on ${title}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { minLength: 10, maxLength: 40 }), fc.constantFrom(512, 1 << 20, 1234 * 512), async (steps, extra) => {
          const model = new Model(run++)
          await makeBase(model, base)
          const bytes = new Uint8Array(Math.min(SIZE_LIMIT, Math.max(extra, model.bytes.length)))
          bytes.set(model.bytes)
          model.bytes = bytes
          await model.snapshot()
          for (const step of steps) await model.apply(step)
          await model.judge()
          await place.closeAll()
        }),
        { seed: 11, numRuns: runs, endOnFailure: true },
      )
    }, count(120_000, 1_800_000))
  }
})
