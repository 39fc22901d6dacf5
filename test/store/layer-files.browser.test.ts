// A layer's file over the chunks of a database, against a plain array of bytes.

import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Database } from '../../hosts/browser/store/database.ts'
import { LayerFiles } from '../../hosts/browser/store/layer-files.ts'
import { PageCache } from '../../hosts/browser/store/page-cache.ts'
import { BLOCK_BYTES, PAGE_BYTES, type LayerRow } from '../../hosts/browser/store/schema.ts'
import { TabLocks } from '../../hosts/browser/store/tab-locks.ts'
import { createImage } from '../../src/disk/create.ts'
import { Disk } from '../../src/disk/disk.ts'
import type { LayerFile } from '../../src/host.ts'
import { SyncGuard } from '../../src/store/sync-guard.ts'
import { count } from '../counts.ts'
import { transactionsOf } from './transactions-of.ts'

const layer = `${'1'.repeat(32)}.qcow2`
const LIMIT = 2.5 * BLOCK_BYTES

/** What the file should be: as written, and as it was when it was last durable. */
interface Model {
  bytes: Uint8Array
  synced: Uint8Array
}

interface Place {
  readonly offset: number
  readonly length: number
  readonly seed: number
}

type Step =
  | { readonly kind: 'write'; readonly places: readonly Place[] }
  | { readonly kind: 'truncate'; readonly length: number }
  | { readonly kind: 'punchHole'; readonly offset: number; readonly length: number }
  | { readonly kind: 'read'; readonly offset: number; readonly length: number }
  | { readonly kind: 'sync' | 'reopen' | 'die' }

function pattern(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = seed + i * (seed | 1)
  return bytes
}

/** Places where something may go wrong: beside the ends of pages and blocks. */
const edge = fc.tuple(fc.constantFrom(PAGE_BYTES, BLOCK_BYTES, 512), fc.nat(40), fc.integer({ min: -1, max: 1 }))
const offset = fc.oneof(edge.map(([unit, n, by]) => Math.max(0, unit * n + by)), fc.nat(LIMIT)).map((at) => at % LIMIT)
const length = fc.oneof(fc.constantFrom(1, 512, 4096, PAGE_BYTES, BLOCK_BYTES / 2, BLOCK_BYTES, BLOCK_BYTES + PAGE_BYTES), fc.nat(3 * PAGE_BYTES))
const places = fc.array(fc.record({ offset, length, seed: fc.nat(255) }), { minLength: 1, maxLength: 3 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('write' as const), places }) },
  { weight: 1, arbitrary: offset.map((at) => ({ kind: 'truncate' as const, length: at })) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('punchHole' as const), offset, length: fc.oneof(length, fc.nat(LIMIT)) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('read' as const), offset, length }) },
  { weight: 5, arbitrary: fc.constantFrom<Step>({ kind: 'sync' }, { kind: 'reopen' }, { kind: 'die' }) },
)

function resized(bytes: Uint8Array, length: number): Uint8Array {
  const next = new Uint8Array(length)
  next.set(bytes.subarray(0, length))
  return next
}

function write(model: Model, bytes: Uint8Array, at: number): void {
  if (bytes.length === 0) return
  if (at + bytes.length > model.bytes.length) model.bytes = resized(model.bytes, at + bytes.length)
  model.bytes.set(bytes, at)
}

async function contentOf(file: LayerFile): Promise<Uint8Array> {
  const bytes = new Uint8Array(await file.size()).fill(0xee)
  expect(await file.read(bytes, 0)).toBe(bytes.length)
  return bytes
}

/** Where two arrays differ, as `expect` takes seconds to tell for large ones. */
function difference(a: Uint8Array, b: Uint8Array): string | null {
  if (a.length !== b.length) return `${a.length} and ${b.length} bytes`
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return `byte ${at}: ${a[at]} and ${b[at]}`
  return null
}

let homes = 0

describe('a file of a layer in a database', () => {
  let name: string
  const databases: Database[] = []
  const open = async (cache: number | PageCache = 2048): Promise<LayerFiles> => {
    const database = new Database(name)
    await database.makeHome({ id: 'x', madeAt: 0 })
    databases.push(database)
    return new LayerFiles(database, new TabLocks(database), typeof cache === 'number' ? new PageCache(cache) : cache)
  }
  const begin = (): void => {
    name = `files-${homes++}`
  }
  const end = async (): Promise<void> => {
    for (const database of databases.splice(0)) await database.close()
    indexedDB.deleteDatabase(name)
  }
  beforeEach(begin)
  afterEach(end)

  async function carryOut(file: LayerFile, model: Model, step: Step): Promise<void> {
    switch (step.kind) {
      case 'write': {
        const written = step.places.map((place) => ({ ...place, bytes: pattern(place.seed, place.length) }))
        // Those that overlap have an order among them, others need none.
        const isBefore = (a: Place, b: Place): boolean => a.offset + a.length <= b.offset
        const isApart = written.every((a, i) => written.every((b, j) => i === j || isBefore(a, b) || isBefore(b, a)))
        if (isApart) await Promise.all(written.map(({ bytes, offset }) => file.write(bytes, offset)))
        else for (const { bytes, offset } of written) await file.write(bytes, offset)
        for (const { bytes, offset } of written) write(model, bytes, offset)
        return
      }
      case 'truncate':
        await file.truncate(step.length)
        model.bytes = resized(model.bytes, step.length)
        return
      case 'punchHole':
        await file.punchHole!(step.offset, step.length)
        model.bytes.fill(0, step.offset, step.offset + step.length)
        return
      case 'read': {
        const target = new Uint8Array(step.length)
        const got = await file.read(target, step.offset)
        expect(difference(target.subarray(0, got), model.bytes.subarray(step.offset, step.offset + step.length))).toBeNull()
        return
      }
      default:
        await file.sync()
        model.synced = model.bytes.slice()
    }
  }

  it('reads as what was written into it, whatever is in memory and whatever is not', { timeout: 300_000 }, async () => {
    const cachePages = fc.constantFrom(8, 200, 2048)
    await fc.assert(
      fc.asyncProperty(cachePages, fc.array(step, { minLength: 4, maxLength: 16 }), async (pages, steps) => {
        let files = await open(pages)
        let file = await files.create(layer, [])
        await file.sync()
        const model: Model = { bytes: new Uint8Array(0), synced: new Uint8Array(0) }
        for (const one of steps) {
          if (one.kind === 'die') {
            // Nobody is told; another tab opens what the database has.
            files = await open(pages)
            file = await files.open(layer, 'write', [])
            model.bytes = model.synced.slice()
          } else if (one.kind === 'reopen') {
            await carryOut(file, model, { kind: 'sync' })
            await file.close()
            file = await files.open(layer, 'write', [])
          } else await carryOut(file, model, one)
          if (one.kind === 'die' || one.kind === 'reopen') expect(difference(await contentOf(file), model.bytes)).toBeNull()
        }
        expect(difference(await contentOf(file), model.bytes)).toBeNull()
      })
        .beforeEach(begin)
        .afterEach(end),
      { numRuns: count(20, 300) },
    )
  })

  /** Keys and lengths of all chunks, and the rows of layers. */
  const kept = (): Promise<{ chunks: [number[], number][]; rows: LayerRow[] }> =>
    databases[0]!.read('look', ['chunks', 'layers'], async (transaction) => {
      const chunks = transaction.objectStore('chunks')
      const [keys, values, rows] = await Promise.all([chunks.getAllKeys(), chunks.getAll(), transaction.objectStore('layers').getAll()])
      return { chunks: keys.map((key, i) => [key, values[i]!.length]), rows }
    })

  it('is kept in blocks where much is written at once, else in pages, and zeros not at all', async () => {
    const files = await open()
    const file = await files.create(layer, [])
    expect((await kept()).rows).toEqual([{ name: layer, lengthBytes: 0, state: 'new' }])
    await file.write(pattern(3, 2.5 * BLOCK_BYTES), 0)
    await file.write(new Uint8Array(4 * PAGE_BYTES), 4 * BLOCK_BYTES)
    await file.write(pattern(5, 512), 5 * BLOCK_BYTES - 512)
    await file.sync()
    expect(await kept()).toEqual({
      chunks: [
        [[1, 0, 0], BLOCK_BYTES],
        [[1, 0, 1], PAGE_BYTES],
        [[1, 1, 0], BLOCK_BYTES],
        [[1, 2, 0], BLOCK_BYTES / 2],
        [[1, 4, 64], PAGE_BYTES],
      ],
      rows: [{ name: layer, lengthBytes: 5 * BLOCK_BYTES, state: 'kept' }],
    })
    await file.write(pattern(9, 1), BLOCK_BYTES + PAGE_BYTES)
    await file.punchHole!(0, BLOCK_BYTES)
    await file.punchHole!(2 * BLOCK_BYTES, PAGE_BYTES)
    await file.truncate(4 * BLOCK_BYTES)
    await file.sync()
    expect(await kept()).toEqual({
      chunks: [
        [[1, 1, 0], BLOCK_BYTES],
        [[1, 1, 2], PAGE_BYTES],
        [[1, 2, 0], BLOCK_BYTES / 2],
        [[1, 2, 1], 0],
      ],
      rows: [{ name: layer, lengthBytes: 4 * BLOCK_BYTES, state: 'kept' }],
    })
  })

  it('is written in one transaction by a sync, however much there is to order', async () => {
    const files = await open()
    const file = await files.create(layer, [])
    await createImage(file, { sizeBytes: 2 ** 30 })
    await file.sync()
    // As the thread of a machine has it.
    const disk = await Disk.open([{ name: layer, format: 'qcow2', file: new SyncGuard().watch(layer, file) }], { writable: true })
    const begun = await transactionsOf(async () => {
      for (let i = 0; i < 8; i++) await disk.write(i * 2 ** 26, pattern(i, 4096))
      await disk.flush()
    })
    expect(begun.filter(({ mode }) => mode === 'readwrite').map(({ durability }) => durability)).toEqual(['strict'])
  })

  it('is read ahead by whoever reads on, so that not every page is a transaction', async () => {
    const PAGES = 15
    const files = await open()
    const file = await files.create(layer, [])
    // So few in a block that each is a value of its own.
    for (const block of [0, 1, 2]) await file.write(pattern(block + 1, PAGES * PAGE_BYTES), block * BLOCK_BYTES)
    await file.sync()
    expect((await kept()).chunks.length).toBe(3 * PAGES)
    await file.close()
    const reader = await files.open(layer, 'read', [])
    const begun = await transactionsOf(async () => {
      for (let at = 0; at < 2 * BLOCK_BYTES + PAGES * PAGE_BYTES; at += PAGE_BYTES) await reader.read(new Uint8Array(PAGE_BYTES), at)
    })
    // What there is, the first page, the rest of its block, and the other two.
    expect(begun.length).toBeLessThanOrEqual(5)
  })

  it('is read as another tab has left it, also where something was still being read ahead when it was closed', async () => {
    const files = await open(2048)
    const elsewhere = await open(2048)
    const file = await elsewhere.create(layer, [])
    await file.write(pattern(3, 3 * BLOCK_BYTES), 0)
    await file.sync()
    const reader = await files.open(layer, 'read', [])
    for (const at of [0, PAGE_BYTES]) await reader.read(new Uint8Array(PAGE_BYTES), at)
    await reader.close()
    await file.write(pattern(5, 3 * BLOCK_BYTES), 0)
    await file.sync()
    const again = await files.open(layer, 'read', [])
    expect(difference(await contentOf(again), pattern(5, 3 * BLOCK_BYTES))).toBeNull()
  })

  it('is never in memory as a whole, however fast it is written and read', async () => {
    const cache = new PageCache(200)
    const files = await open(cache)
    const file = await files.create(layer, [])
    let most = 0
    const block = pattern(3, BLOCK_BYTES)
    for (let at = 0; at < 24 * BLOCK_BYTES; at += BLOCK_BYTES) {
      await file.write(block, at)
      most = Math.max(most, cache.size)
    }
    await file.sync()
    for (let at = 0; at < 24 * BLOCK_BYTES; at += BLOCK_BYTES) {
      const read = new Uint8Array(BLOCK_BYTES)
      await file.read(read, at)
      expect(difference(read, block)).toBeNull()
      most = Math.max(most, cache.size)
    }
    // What may be waiting, what may be on its way, and the last write.
    expect(most).toBeLessThanOrEqual(200 + 2 * 256 + 64)
    expect((await kept()).chunks.length).toBe(25)
  })

  it('stays for those who have it open when it loses its name, and goes with the next visit after', async () => {
    const files = await open()
    const file = await files.create(layer, [])
    await file.write(pattern(7, PAGE_BYTES), 0)
    await file.sync()
    const elsewhere = await open()
    await elsewhere.remove(layer)
    expect(await elsewhere.names()).toEqual([])
    await elsewhere.sweep()
    expect(difference(await contentOf(file), pattern(7, PAGE_BYTES))).toBeNull()
    expect((await kept()).rows).toEqual([{ lengthBytes: PAGE_BYTES, state: 'gone' }])
    await file.write(pattern(8, 1), PAGE_BYTES)
    await file.sync()
    expect((await kept()).rows).toEqual([{ lengthBytes: PAGE_BYTES + 1, state: 'gone' }])
    await file.close()
    await elsewhere.sweep()
    expect(await kept()).toEqual({ chunks: [], rows: [] })
  })
})
