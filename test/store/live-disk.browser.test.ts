// The disk of a machine in a page: layers that one connection makes and another one writes, exchanged under it, and left alone at any
// moment. What was flushed is there, whoever opens the layers next.

import { describe, expect, it } from 'vitest'
import { Database } from '../../hosts/browser/store/database.ts'
import { LayerFiles } from '../../hosts/browser/store/layer-files.ts'
import { PageCache } from '../../hosts/browser/store/page-cache.ts'
import { TabLocks } from '../../hosts/browser/store/tab-locks.ts'
import { LiveDisk } from '../../hosts/v86/live-disk.ts'
import { portableCodec } from '../../src/disk/codec.ts'
import { createImage } from '../../src/disk/create.ts'
import { SyncGuard } from '../../src/store/sync-guard.ts'
import { count } from '../counts.ts'
import { seeded } from '../seeded.ts'

const DISK_BYTES = 2 ** 28
const UNIT = 4096
/** So many places of the disk are written, in a few clusters each here and there. */
const UNITS = 600
const placeOf = (unit: number): number => (unit % 40) * UNIT + Math.floor(unit / 40) * 2 ** 24

const layerName = (layer: number): string => `${layer.toString(16).padStart(32, '0')}.qcow2`

/** What a unit may hold: numbers, of which each write has its own; 0 for zeros. */
class Expected {
  #flushed: number[] = Array.from({ length: UNITS }, () => 0)
  #since = new Map<number, number[]>()

  wrote(unit: number, value: number): void {
    this.#since.set(unit, [...(this.#since.get(unit) ?? []), value])
  }

  /** Takes what was written until now, for `flushed`. */
  mark(): ReadonlyMap<number, number> {
    return new Map([...this.#since].map(([unit, values]) => [unit, values.at(-1)!]))
  }

  /** What was marked is durable. */
  flushed(marked: ReadonlyMap<number, number>): void {
    for (const [unit, value] of marked) {
      this.#flushed[unit] = value
      const since = this.#since.get(unit)!
      const later = since.slice(since.indexOf(value) + 1)
      if (later.length === 0) this.#since.delete(unit)
      else this.#since.set(unit, later)
    }
  }

  objections(found: readonly number[]): string[] {
    const objections = found.flatMap((value, unit) => {
      const allowed = [this.#flushed[unit]!, ...(this.#since.get(unit) ?? [])]
      return allowed.includes(value) ? [] : [`unit ${unit} holds ${value}, not ${allowed.join(' or ')}`]
    })
    this.#flushed = [...found]
    this.#since.clear()
    return objections
  }
}

function bytesOf(value: number): Uint8Array {
  return new Uint8Array(new Uint32Array(UNIT / 4).fill(value).buffer)
}

async function contentOf(disk: LiveDisk): Promise<number[]> {
  const found: number[] = []
  for (let unit = 0; unit < UNITS; unit++) {
    const bytes = new Uint8Array(UNIT)
    await disk.read(placeOf(unit), bytes)
    const words = new Uint32Array(bytes.buffer)
    found.push(words.every((word) => word === words[0]) ? words[0]! : -1)
  }
  return found
}

describe('the disk of a machine in a page', () => {
  it('holds what was flushed, whatever is exchanged under it and whoever opens it next', { timeout: 3_600_000 }, async () => {
    const seed = Number(import.meta.env['BOXLITE_TEST_SEED'] ?? crypto.getRandomValues(new Uint32Array(1))[0])
    const below = seeded(seed)
    const rounds = count(5, 300)
    console.log(`disks in a page: BOXLITE_TEST_SEED=${seed}`)
    for (let home = 0; home < rounds; home++) {
      const name = `live-disk-${crypto.randomUUID()}`
      const databases: Database[] = []
      const connect = async (): Promise<LayerFiles> => {
        const database = new Database(name)
        await database.makeHome({ id: 'x', madeAt: 0 })
        databases.push(database)
        return new LayerFiles(database, new TabLocks(database), new PageCache(below(2) === 0 ? 2048 : 64 + below(300)))
      }
      const page = await connect()
      const layers: string[] = []
      const make = async (): Promise<string> => {
        const made = layerName(layers.length + 1)
        const file = await page.create(made, [])
        await createImage(file, { sizeBytes: DISK_BYTES, backing: layers.length === 0 ? null : { name: layers[0]!, format: 'qcow2' } })
        await file.sync()
        await file.close()
        return made
      }
      layers.unshift(await make())
      const expected = new Expected()
      const reading: Promise<unknown>[] = []
      let values = 0
      for (let life = 0; life < 4; life++) {
        const files = await connect()
        const guard = new SyncGuard()
        const disk = await LiveDisk.open(layers, async (name, mode) => guard.watch(name, await files.open(name, mode, [])), portableCodec)
        expect(expected.objections(await contentOf(disk)), `seed ${seed}, home ${home}, life ${life}`).toEqual([])
        const write = (): Promise<void> => {
          const [unit, value] = [below(UNITS), ++values]
          expected.wrote(unit, value)
          return disk.write(placeOf(unit), bytesOf(value))
        }
        for (let step = 0; step < 8; step++) {
          // Requests that are on their way together; of two for one unit the later one counts.
          await write()
          await Promise.all(Array.from({ length: below(60) }, write))
          const marked = expected.mark()
          if (below(4) > 0) {
            await disk.flush()
            expected.flushed(marked)
          }
          if (below(3) > 0) continue
          const made = await make()
          const last = expected.mark()
          await disk.switchTo(made)
          expected.flushed(last)
          layers.unshift(made)
          // Read by the page while the machine goes on.
          const frozen = await page.open(layers[1]!, 'read', [])
          reading.push(frozen.read(new Uint8Array(2 ** 20), 0).finally(() => frozen.close()))
        }
        // Left alone, in the middle of a flush or not.
        const left = below(2) === 0 ? disk.flush() : null
        await Promise.allSettled([left, databases.at(-1)!.close()])
      }
      await Promise.all(reading)
      for (const database of databases) await database.close()
      indexedDB.deleteDatabase(name)
    }
  })
})
