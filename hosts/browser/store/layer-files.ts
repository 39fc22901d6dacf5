// The layers of a home, by name, and who has them open here.
//
// A file that is open keeps its bytes when it loses its name, as on a disk: its row says that it is gone, each tab that has it open
// holds a lock on it, and whoever gets that lock alone removes chunks and, last, the row.

import { BoxLiteError } from '../../../src/error.ts'
import type { FileHead, LayerFile } from '../../../src/host.ts'
import { BrowserFile } from './browser-file.ts'
import type { Database, Fence } from './database.ts'
import { LayerContent } from './layer-content.ts'
import { PageCache } from './page-cache.ts'
import { BLOCK_BYTES, type LayerRow, type Writing } from './schema.ts'
import type { TabLock, TabLocks } from './tab-locks.ts'

/** Blocks that are removed in one transaction. */
const REMOVED_BLOCKS = 64

interface OpenContent {
  readonly content: LayerContent
  readonly lock: TabLock
  handles: number
}

export class LayerFiles {
  readonly #database: Database
  readonly #locks: TabLocks
  readonly #cache = new PageCache()
  readonly #open = new Map<number, OpenContent>()

  constructor(database: Database, locks: TabLocks) {
    this.#database = database
    this.#locks = locks
  }

  async names(): Promise<string[]> {
    const rows = await this.#database.read('list layers', ['layers'], (transaction) => transaction.objectStore('layers').getAll())
    return rows.flatMap(({ name }) => name ?? [])
  }

  async create(name: string, fences: readonly Fence[]): Promise<LayerFile> {
    const row: LayerRow = { name, lengthBytes: 0, state: 'new' }
    const file = await this.#database.write(`make the layer ${name}`, ['layers'], fences, async (transaction) => {
      const layers = transaction.objectStore('layers')
      if ((await layers.index('name').getKey(name)) !== undefined) throw new BoxLiteError('already_exists', `The layer ${name} exists already`)
      return layers.add(row)
    })
    return this.#handle(file, row, true, true, fences)
  }

  async open(name: string, mode: 'read' | 'write', fences: readonly Fence[]): Promise<LayerFile> {
    for (;;) {
      const { file, row } = await this.#find(name)
      const opened = await this.#handle(file, row, false, mode === 'write', fences)
      // Between the look and the lock it may have been removed.
      if (this.#open.get(file)!.handles > 1 || (await this.#find(name)).file === file) return opened
      await opened.close()
    }
  }

  async readHead(name: string, lengthBytes: number): Promise<FileHead> {
    const file = await this.open(name, 'read', [])
    try {
      const bytes = new Uint8Array(lengthBytes)
      return { bytes: bytes.subarray(0, await file.read(bytes, 0)), fileBytes: await file.size() }
    } finally {
      await file.close()
    }
  }

  async publish(temporary: string, name: string): Promise<void> {
    const replaced = await this.#database.write(`publish the layer ${name}`, ['layers'], [], async (transaction) => {
      const layers = transaction.objectStore('layers')
      const [file, old] = await Promise.all([layers.index('name').getKey(temporary), layers.index('name').getKey(name)])
      if (file === undefined) throw noLayer(temporary)
      const row = (await layers.get(file))!
      if (old !== undefined) await markGone(transaction, old)
      await layers.put({ ...row, name }, file)
      return old
    })
    if (replaced !== undefined) await this.#sweep(replaced)
  }

  async remove(name: string): Promise<void> {
    const removed = await this.#database.write(`remove the layer ${name}`, ['layers'], [], async (transaction) => {
      const file = await transaction.objectStore('layers').index('name').getKey(name)
      if (file !== undefined) await markGone(transaction, file)
      return file
    })
    if (removed !== undefined) await this.#sweep(removed)
  }

  async close(): Promise<void> {
    const open = [...this.#open.values()]
    this.#open.clear()
    for (const { lock } of open) await lock.release()
  }

  async #find(name: string): Promise<{ file: number; row: LayerRow }> {
    return this.#database.read(`open the layer ${name}`, ['layers'], async (transaction) => {
      const index = transaction.objectStore('layers').index('name')
      const [file, row] = await Promise.all([index.getKey(name), index.get(name)])
      if (file === undefined || row === undefined) throw noLayer(name)
      return { file, row }
    })
  }

  async #handle(file: number, row: LayerRow, isEmpty: boolean, writable: boolean, fences: readonly Fence[]): Promise<LayerFile> {
    let open = this.#open.get(file)
    if (open === undefined) {
      const lock = await this.#locks.request(`file:${file}`, { mode: 'shared', ifAvailable: true })
      if (lock === null) throw noLayer(row.name ?? '')
      open = this.#open.get(file)
      if (open === undefined) {
        open = { content: new LayerContent(this.#database, this.#cache, file, row, isEmpty), lock, handles: 0 }
        this.#open.set(file, open)
      } else await lock.release()
    }
    const { content } = open
    if (writable) content.fences = fences
    open.handles++
    return new BrowserFile(content, writable, () => this.#letGo(file))
  }

  async #letGo(file: number): Promise<void> {
    const open = this.#open.get(file)
    if (open === undefined || --open.handles > 0) return
    this.#open.delete(file)
    open.content.drop()
    await open.lock.release()
  }

  /** Removes a file that has lost its name, unless someone has it open: who opens the home next does it then. */
  async #sweep(file: number): Promise<void> {
    const lock = await this.#locks.request(`file:${file}`, { ifAvailable: true })
    if (lock === null) return
    try {
      const { lengthBytes } = (await this.#database.read('remove a layer', ['layers'], (transaction) => transaction.objectStore('layers').get(file)))!
      for (let block = Math.ceil(lengthBytes / BLOCK_BYTES); block > 0; block -= REMOVED_BLOCKS) {
        const range = IDBKeyRange.bound([file, Math.max(0, block - REMOVED_BLOCKS), 0], [file, Number.MAX_SAFE_INTEGER, 0])
        await this.#database.write('remove a layer', ['chunks'], [], (transaction) => transaction.objectStore('chunks').delete(range))
      }
      await this.#database.write('remove a layer', ['layers'], [], (transaction) => transaction.objectStore('layers').delete(file))
    } finally {
      await lock.release()
    }
  }
}

async function markGone(transaction: Writing, file: number): Promise<void> {
  const layers = transaction.objectStore('layers')
  const { lengthBytes } = (await layers.get(file))!
  await layers.put({ lengthBytes, state: 'gone' }, file)
}

function noLayer(name: string): BoxLiteError {
  return new BoxLiteError('not_found', `There is no layer ${name}`, { facts: { layer: name } })
}
