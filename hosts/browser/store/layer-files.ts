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
import { headOf, readHead } from './read-head.ts'
import { BLOCK_BYTES, PAGE_BYTES, type LayerRow, type ReadableTable, type Reading, type WritableTable } from './schema.ts'
import type { TabLock, TabLocks } from './tab-locks.ts'

/** Blocks that are removed in one transaction. */
const REMOVED_BLOCKS = 64

interface OpenContent {
  readonly content: LayerContent
  /** Keeps the file's bytes. */
  readonly lock: TabLock
  handles: number
  /** Under way since the last handle was closed. */
  closing: Promise<void> | null
}

interface FoundLayer {
  readonly file: number
  readonly row: LayerRow
}

export class LayerFiles {
  readonly #database: Database
  readonly #locks: TabLocks
  readonly #cache: PageCache
  readonly #open = new Map<number, OpenContent>()
  /** The numbers that files had when their heads were last read, by name. */
  readonly #numbers = new Map<string, number>()
  #isClosed = false

  constructor(database: Database, locks: TabLocks, cache: PageCache = new PageCache()) {
    this.#database = database
    this.#locks = locks
    this.#cache = cache
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
    const open = (await this.#hold({ file, row }, true)) ?? absent(name)
    return this.#handle(file, open, true, fences)
  }

  async open(name: string, mode: 'read' | 'write', fences: readonly Fence[]): Promise<LayerFile> {
    for (;;) {
      const found = (await this.#lookUp(name)) ?? absent(name)
      let open = this.#open.get(found.file)
      // How that goes is told to whoever closes it.
      if (open !== undefined && open.closing !== null) await open.closing.catch(() => undefined)
      else {
        open ??= (await this.#hold(found, false)) ?? undefined
        // It may be that all others let go of it a moment ago.
        if (open !== undefined && open.closing === null) return this.#handle(found.file, open, mode === 'write', fences)
      }
    }
  }

  async readHead(name: string, lengthBytes: number): Promise<FileHead> {
    const head = (await this.readHeads([name], lengthBytes)).get(name)
    if (head !== undefined) return head
    const file = await this.open(name, 'read', [])
    try {
      const bytes = new Uint8Array(lengthBytes)
      return { bytes: bytes.subarray(0, await file.read(bytes, 0)), fileBytes: await file.size() }
    } finally {
      await file.close()
    }
  }

  /** The heads of layers, in one transaction; without those that are not there, or are open here: these may have bytes that the database has not. */
  async readHeads(names: readonly string[], lengthBytes: number): Promise<Map<string, FileHead>> {
    const heads = await this.#database.read('look at layers', ['layers', 'chunks'], (transaction) =>
      Promise.all(names.map((name) => this.#headIn(transaction, name, lengthBytes))),
    )
    return new Map(names.flatMap((name, i) => (heads[i] ? [[name, heads[i]]] : [])))
  }

  async #headIn(transaction: Reading, name: string, lengthBytes: number): Promise<FileHead | null> {
    const [layers, chunks] = [transaction.objectStore('layers'), transaction.objectStore('chunks')]
    // Asked for at once, by the number that the name had when it was last looked up: most often it still has.
    const guess = this.#numbers.get(name) ?? 0
    const [row, first] = await Promise.all([layers.get(guess), lengthBytes > PAGE_BYTES ? undefined : chunks.get([guess, 0, 1])])
    const found = row?.name === name ? { file: guess, row } : await findLayer(layers, name)
    if (found === null || this.#open.has(found.file)) return null
    this.#numbers.set(name, found.file)
    const { lengthBytes: fileBytes } = found.row
    if (first !== undefined && found.file === guess) return headOf(first, fileBytes, lengthBytes)
    return readHead(chunks, found.file, fileBytes, lengthBytes)
  }

  async publish(temporary: string, name: string): Promise<void> {
    const replaced = await this.#database.write(`publish the layer ${name}`, ['layers'], [], async (transaction) => {
      const layers = transaction.objectStore('layers')
      const [found, old] = await Promise.all([findLayer(layers, temporary), findLayer(layers, name)])
      const { file, row } = found ?? absent(temporary)
      if (old !== null) await markGone(layers, old)
      await layers.put({ ...row, name }, file)
      return old?.file
    })
    // It is published whatever becomes of the old one, which is removed at the next open else.
    if (replaced !== undefined) await this.#sweep(replaced).catch(() => undefined)
  }

  /** Takes no room, of which there may be none, unless someone has the layer open. */
  async remove(name: string): Promise<void> {
    this.#numbers.delete(name)
    const found = await this.#lookUp(name)
    if (found === null || (await this.#sweep(found.file))) return
    await this.#database.write(`remove the layer ${name}`, ['layers'], [], async (transaction) => {
      const layers = transaction.objectStore('layers')
      const now = await findLayer(layers, name)
      if (now !== null) await markGone(layers, now)
    })
  }

  /** Removes what tabs that have ended since had open. */
  async sweep(): Promise<void> {
    const gone = await this.#database.read('list layers', ['layers'], async (transaction) => {
      const layers = transaction.objectStore('layers')
      const [files, rows] = await Promise.all([layers.getAllKeys(), layers.getAll()])
      return files.filter((_, i) => rows[i]!.state === 'gone')
    })
    for (const file of gone) await this.#sweep(file)
  }

  /** Ends what is being swept. */
  close(): void {
    this.#isClosed = true
  }

  #lookUp(name: string): Promise<FoundLayer | null> {
    return this.#database.read(`look up the layer ${name}`, ['layers'], (transaction) => findLayer(transaction.objectStore('layers'), name))
  }

  #row(file: number): Promise<LayerRow | undefined> {
    return this.#database.read('look for a layer', ['layers'], (transaction) => transaction.objectStore('layers').get(file))
  }

  /** Keeps the bytes of a file from now on; null where it is gone already. */
  async #hold({ file, row }: FoundLayer, isEmpty: boolean): Promise<OpenContent | null> {
    const lock = await this.#locks.request(`file:${file}`, { mode: 'shared', ifAvailable: true })
    if (lock === null) return null
    try {
      const now = isEmpty ? row : await this.#row(file)
      // While lock and row came, it may have been opened here, or removed elsewhere.
      const known = this.#open.get(file)
      if (known === undefined && now !== undefined && now.state !== 'gone') {
        const content = new LayerContent(this.#database, this.#cache, file, now, isEmpty)
        const open: OpenContent = { content, lock, handles: 0, closing: null }
        this.#open.set(file, open)
        return open
      }
      await lock.release()
      return known?.closing === null ? known : null
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  #handle(file: number, open: OpenContent, writable: boolean, fences: readonly Fence[]): LayerFile {
    if (writable) open.content.fences = fences
    open.handles++
    return new BrowserFile(open.content, writable, async () => {
      if (--open.handles === 0) await (open.closing = this.#letGo(file, open))
    })
  }

  async #letGo(file: number, { content, lock }: OpenContent): Promise<void> {
    try {
      await content.close()
    } finally {
      this.#open.delete(file)
      await lock.release()
    }
  }

  /** Removes a file, its row last; false where someone has it open. Of one that has lost its name, who opens the home next does it then. */
  async #sweep(file: number): Promise<boolean> {
    const lock = await this.#locks.request(`file:${file}`, { ifAvailable: true })
    if (lock === null) return false
    try {
      const row = await this.#row(file)
      for (let block = Math.max(1, Math.ceil((row?.lengthBytes ?? 0) / BLOCK_BYTES)); block > 0; block -= REMOVED_BLOCKS) {
        if (this.#isClosed) break
        await this.#removeFrom(file, Math.max(0, block - REMOVED_BLOCKS))
      }
      return true
    } finally {
      await lock.release()
    }
  }

  /** Removes the chunks of a file from a block on; with the first of them the row. */
  async #removeFrom(file: number, block: number): Promise<void> {
    await this.#database.write('remove a layer', ['layers', 'chunks'], [], async (transaction) => {
      const range = IDBKeyRange.bound([file, block, 0], [file, Number.MAX_SAFE_INTEGER, 0])
      await transaction.objectStore('chunks').delete(range)
      if (block === 0) await transaction.objectStore('layers').delete(file)
    })
  }
}

async function findLayer(layers: ReadableTable<'layers'> | WritableTable<'layers'>, name: string): Promise<FoundLayer | null> {
  const index = layers.index('name')
  const [file, row] = await Promise.all([index.getKey(name), index.get(name)])
  return file === undefined || row === undefined ? null : { file, row }
}

async function markGone(layers: WritableTable<'layers'>, { file, row }: FoundLayer): Promise<void> {
  await layers.put({ lengthBytes: row.lengthBytes, state: 'gone' }, file)
}

function absent(name: string): never {
  throw new BoxLiteError('not_found', `There is no layer ${name}`, { facts: { layer: name } })
}
