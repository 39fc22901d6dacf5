// What a page of these tests can do, by name: arguments and results are JSON.

import {
  BoxLite,
  lostHome,
  takeOver,
  type Box,
  type BoxDisk,
  type FsckFinding,
  type RecoveredBox,
  type SnapshotInfo,
  type SnapshotTree,
} from '../../../hosts/browser/browser.ts'
import { isBoxLiteError } from '../../../src/error.ts'
import { surveyDisks, type Survey } from '../../kill/survey.ts'
import { BLOCK_BYTES, sha256, work } from '../../kill/work.mjs'
import { seeded } from '../../seeded.ts'
import { snapshotDigests } from '../digest.ts'
import { workInGuest } from './guest-work.ts'

declare global {
  /** Of the test: a line is there when this resolves. */
  function say(worker: string, line: string): Promise<void>
}

const DATABASE = 'boxlite'
const COUNT = 'n=0; while :; do n=$((n + 1)); echo $n > /root/count; sync; echo $n; done'
/** On a machine that runs every other test at the same time. */
const PATIENT = { startTimeoutMs: 240_000 } as const
/** A box that starts quickly. */
const SMALL = { image: 'base', memoryMib: 128, diskSizeGb: 0.25 } as const

export class Lab {
  #open: BoxLite | null = null
  #held: BoxDisk | null = null

  get #lite(): BoxLite {
    if (this.#open === null) throw new Error('The page has not opened its home yet')
    return this.#open
  }

  /** Opens the home; answers what was recovered. `engine: 'none'` for disks alone. */
  async open(engine: 'auto' | 'none' = 'auto'): Promise<readonly RecoveredBox[]> {
    this.#open = await BoxLite.open({ engine, assets: new URL('guest/', location.href) })
    return this.#open.recovered
  }

  async close(): Promise<void> {
    await this.#lite.close()
    this.#open = null
  }

  /** Whether the page was told that a home was there before, and that someone deleted it. */
  missesHome(): boolean {
    return lostHome(this.#lite) !== null
  }

  /** Waits until no other page has a lock: one that was closed or died a moment ago may still be on its way out. */
  async alone(): Promise<void> {
    const { held = [] } = await navigator.locks.query()
    for (const { name } of held) await navigator.locks.request(name!, () => undefined)
  }

  /** A box of a few blocks, for its disk alone. */
  async createDisk(name: string, blocks: number): Promise<void> {
    await this.#lite.create({ name, diskSizeGb: (blocks * BLOCK_BYTES) / 2 ** 30 })
  }

  async createGuest(name: string): Promise<void> {
    await this.#lite.create({ name, ...SMALL })
  }

  /** Makes a box with a guest where there is none of that name, and starts it. */
  async make(name: string): Promise<void> {
    const { box } = await this.#lite.getOrCreate({ name, ...SMALL })
    await box.start(PATIENT)
  }

  async names(): Promise<(string | null)[]> {
    return (await this.#lite.list()).map(({ name }) => name)
  }

  async start(name: string): Promise<void> {
    await (await this.#box(name)).start(PATIENT)
  }

  async stop(name: string): Promise<void> {
    await (await this.#box(name)).stop()
  }

  async exec(name: string, script: string): Promise<string> {
    const box = await this.#box(name)
    await box.start(PATIENT)
    return (await box.exec('sh', ['-c', script]).orThrow()).stdout
  }

  async snapshot(name: string, snapshot: string): Promise<SnapshotInfo> {
    return (await this.#box(name)).snapshot.create(snapshot)
  }

  async restore(name: string, snapshot: string, restart = false): Promise<void> {
    await (await this.#box(name)).snapshot.restore(snapshot, { restart })
  }

  async takeOver(name: string): Promise<void> {
    await takeOver(this.#lite, name)
  }

  async remove(name: string): Promise<void> {
    await this.#lite.remove(name, { force: true })
  }

  /** What the check of the home finds, but for notes. */
  async findings(): Promise<FsckFinding[]> {
    return (await this.#lite.fsck()).findings.filter(({ severity }) => severity !== 'note')
  }

  async prune(): Promise<void> {
    await this.#lite.prune()
  }

  survey(except: readonly string[] = []): Promise<Survey> {
    return surveyDisks(this.#lite, except)
  }

  /** The content of each snapshot of a box, as one number. */
  async digests(name: string): Promise<Record<string, string>> {
    return snapshotDigests(await this.#box(name))
  }

  /** The snapshots of a box by descent, with the sizes of their layers. */
  async history(name: string): Promise<SnapshotTree> {
    return (await this.#box(name)).snapshot.tree()
  }

  /** Writes one block of random bytes into a disk and flushes it; answers their SHA-256. */
  async write(name: string, block: number): Promise<string> {
    const disk = await (await this.#box(name)).disk()
    try {
      const bytes = crypto.getRandomValues(new Uint8Array(BLOCK_BYTES))
      await disk.write(block * BLOCK_BYTES, bytes)
      await disk.flush()
      return await sha256(bytes)
    } finally {
      await disk.close()
    }
  }

  /** SHA-256 of each of the first blocks of a disk. */
  async blocks(name: string, count: number): Promise<string[]> {
    const disk = await (await this.#box(name)).disk({ writable: false })
    const sums: string[] = []
    const bytes = new Uint8Array(BLOCK_BYTES)
    for (let block = 0; block < count; block++) {
      await disk.read(block * BLOCK_BYTES, bytes)
      sums.push(await sha256(bytes))
    }
    await disk.close()
    return sums
  }

  /** What the browser counts against the site's quota. */
  async usedBytes(): Promise<number> {
    return (await navigator.storage.estimate()).usage!
  }

  /** Opens a disk and keeps it open. */
  async hold(name: string): Promise<void> {
    this.#held = await (await this.#box(name)).disk()
  }

  async letGo(): Promise<void> {
    await this.#held!.close()
  }

  /** Works on disks until the page dies. */
  work(own: string, shared: string, prefix: string, seed: number): void {
    const say = (...words: readonly (string | number)[]): Promise<void> => globalThis.say(own, words.join(' '))
    work({ lite: this.#lite, own, shared, prefix, below: seeded(seed), say }).catch(tellFailure(own))
  }

  /** Works in a box that runs until the page dies. */
  async workInGuest(name: string, prefix: string, seed: number): Promise<void> {
    const say = (...words: readonly string[]): Promise<void> => globalThis.say(name, words.join(' '))
    workInGuest({ box: await this.#box(name), prefix, below: seeded(seed), say }).catch(tellFailure(name))
  }

  /** Has the guest count for ever: each number is flushed to `/root/count`, then said. */
  async count(name: string): Promise<void> {
    const box = await this.#box(name)
    const count = async (): Promise<void> => {
      for await (const event of box.exec('sh', ['-c', COUNT])) {
        if (event.kind === 'stdout') for (const line of event.data.trim().split('\n')) await say(name, line)
        else await say(name, `? the count ended: ${JSON.stringify(event)}`)
      }
    }
    count().catch(tellFailure(name))
  }

  /** Leaves a command running, and says how it ended: with its exit code, or the code of its error. */
  async leave(name: string, script: string): Promise<void> {
    const box = await this.#box(name)
    box.exec('sh', ['-c', script]).then(
      ({ exitCode }) => say(name, String(exitCode)),
      (error: unknown) => say(name, isBoxLiteError(error) ? error.code : String(error)),
    )
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms))
  }

  /** Hands a box with its snapshots to the person at the page as a download. */
  async download(name: string): Promise<void> {
    const chunks: Uint8Array<ArrayBuffer>[] = []
    for await (const chunk of (await this.#box(name)).export()) chunks.push(chunk.slice())
    const link = document.createElement('a')
    link.href = URL.createObjectURL(new Blob(chunks))
    link.download = `${name}.boxlite`
    link.click()
    URL.revokeObjectURL(link.href)
  }

  /** Makes a box of the file that was chosen at the page, of another name where one is given. */
  async importChosen(name?: string): Promise<void> {
    const [file] = document.querySelector('input')!.files!
    await this.#lite.import(file!.stream(), name === undefined ? {} : { name })
  }

  /** How many entries each table of the home's database has, but for the count of how often boxes were locked. */
  async rows(): Promise<Record<string, number>> {
    const database = await requested(indexedDB.open(DATABASE))
    const names = [...database.objectStoreNames].filter((name) => name !== 'owners')
    const transaction = database.transaction(names)
    const counts = await Promise.all(names.map((name) => requested(transaction.objectStore(name).count())))
    database.close()
    return Object.fromEntries(names.map((name, index) => [name, counts[index]!]))
  }

  /** How many files of layers have bytes in the database without being anyone's: no row, or one that has lost its name. */
  async orphans(): Promise<number> {
    const database = await requested(indexedDB.open(DATABASE))
    const transaction = database.transaction(['layers', 'chunks'])
    const layers = transaction.objectStore('layers')
    const [chunks, keys, rows] = await Promise.all([
      requested(transaction.objectStore('chunks').getAllKeys()),
      requested(layers.getAllKeys()),
      requested(layers.getAll() as IDBRequest<{ name?: string }[]>),
    ])
    database.close()
    const files = new Set(chunks.map((key) => (key as IDBValidKey[])[0]!))
    const gone = rows.filter(({ name }) => name === undefined).length
    return gone + [...files].filter((file) => !keys.includes(file)).length
  }

  /** Deletes the home's database, as someone with the browser's own tools might. */
  async deleteDatabase(): Promise<void> {
    await requested(indexedDB.deleteDatabase(DATABASE))
  }

  /** SHA-256 of everything in Cache Storage. */
  async keptAssets(): Promise<string[]> {
    const kept: string[] = []
    for (const name of await caches.keys()) {
      const cache = await caches.open(name)
      for (const request of await cache.keys()) kept.push(await sha256(new Uint8Array(await (await cache.match(request))!.arrayBuffer())))
    }
    return kept
  }

  async forgetAssets(): Promise<void> {
    for (const name of await caches.keys()) await caches.delete(name)
  }

  /** Has the page itself kept for when there is no network. */
  async keepPage(): Promise<void> {
    const controlled = new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true }))
    await navigator.serviceWorker.register('keeper.js')
    await controlled
  }

  async #box(name: string): Promise<Box> {
    const box = await this.#lite.get(name)
    if (box === null) throw new Error(`There is no box '${name}'`)
    return box
  }
}

function requested<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result))
    request.addEventListener('error', () => reject(request.error))
    request.addEventListener('blocked', () => reject(new Error('Another page has the database open')))
  })
}

/** Tells the test that a worker failed; it must not. */
function tellFailure(worker: string): (error: unknown) => Promise<void> {
  return (error) => say(worker, `? ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
}
