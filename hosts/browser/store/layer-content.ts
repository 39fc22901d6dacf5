// The bytes of a layer's file, shared by all who have it open here: pages in memory over chunks in the database.
//
// Writes stay in memory until a sync, or until there are many. They go to the database all at once, in one transaction: so
// what the database holds is always what the file was at some moment, and writes need no order among themselves.

import { BlockIndex } from './block-index.ts'
import type { Database, Fence } from './database.ts'
import type { PageCache } from './page-cache.ts'
import { holds, PageReader } from './page-reader.ts'
import { BLOCK_BYTES, BLOCK_PAGES, PAGE_BYTES, type LayerRow, type WritableTable } from './schema.ts'
import { writePages } from './write-pages.ts'

/** So many changed pages are written without waiting for a sync: 4 MiB. Writers wait at twice as many. */
const SPILL_PAGES = 256

export class LayerContent {
  readonly file: number
  readonly name: string
  /** What has to hold whenever something is written. */
  fences: readonly Fence[] = []
  #lengthBytes: number
  readonly #database: Database
  readonly #cache: PageCache
  /** What its pages are known by in the cache. */
  readonly #opening: number
  readonly #index: BlockIndex
  readonly #reader: PageReader
  /** Not synced yet. */
  #isNew: boolean
  #isLengthChanged = false
  #changed = new Set<number>()
  #flight: Promise<void> | null = null
  #failure: { readonly error: unknown } | null = null
  #lastReadEnd = -1

  constructor(database: Database, cache: PageCache, file: number, row: LayerRow, isEmpty: boolean) {
    this.#database = database
    this.#cache = cache
    this.#opening = cache.newOpening()
    this.file = file
    this.name = row.name ?? ''
    this.#lengthBytes = row.lengthBytes
    this.#isNew = row.state === 'new'
    this.#index = new BlockIndex(database, file, isEmpty)
    this.#reader = new PageReader(database, cache, this.#index, file, this.#opening, this.name)
  }

  get lengthBytes(): number {
    return this.#lengthBytes
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    const length = Math.max(0, Math.min(target.length, this.#lengthBytes - offset))
    if (length === 0) return 0
    // Who reads on from where he was is likely to go on.
    const isSequential = offset === this.#lastReadEnd
    this.#lastReadEnd = offset + length
    const [first, last] = [pageAt(offset), pageAt(offset + length - 1)]
    const next = blockOf(last) + 1
    if (isSequential && next * BLOCK_BYTES < this.#lengthBytes) this.#reader.readAhead(next)
    await this.#reader.fetch(first, isSequential ? next * BLOCK_PAGES - 1 : last)
    for (const part of pagesOf(offset, length)) {
      const cached = this.#cache.get(this.#opening, part.page)
      const bytes = cached === undefined ? await this.#reader.page(part.page) : cached.bytes
      const into = target.subarray(part.at, part.at + part.length)
      if (bytes === null) into.fill(0)
      else into.set(bytes.subarray(part.start, part.start + part.length))
    }
    return length
  }

  async write(source: Uint8Array, offset: number): Promise<void> {
    this.#check()
    for (const part of pagesOf(offset, source.length)) {
      // Known before it changes, so that a flush need not wait for anything.
      if (this.#index.known(blockOf(part.page)) === undefined) await this.#index.parts(blockOf(part.page))
      const bytes = source.subarray(part.at, part.at + part.length)
      if (part.length === PAGE_BYTES) this.#change(part.page, copyUnlessZero(bytes))
      else await this.#writeInto(part.page, bytes, part.start)
      if (offset + part.at + part.length > this.#lengthBytes) this.#setLength(offset + part.at + part.length)
    }
    await this.#spill()
  }

  async truncate(length: number): Promise<void> {
    this.#check()
    await this.#clear(length, this.#lengthBytes - length)
    if (length !== this.#lengthBytes) this.#setLength(length)
  }

  async punchHole(offset: number, length: number): Promise<void> {
    this.#check()
    await this.#clear(offset, Math.min(length, this.#lengthBytes - offset))
  }

  /** Resolves when everything that was written before is durable. */
  async sync(): Promise<void> {
    while (this.#flight !== null) await this.#flight
    this.#check()
    if (this.#isChanged || this.#isNew) await this.#flush('kept')
  }

  /** Hands what was written to the database, for whoever opens the file next, and lets go of memory. */
  async close(): Promise<void> {
    try {
      while (this.#flight !== null) await this.#flight
      // Whoever wrote or synced was told of a failure.
      if (this.#failure === null && this.#isChanged) await this.#flush(this.#state)
    } finally {
      this.#cache.forget(this.#opening)
    }
  }

  get #isChanged(): boolean {
    return this.#changed.size > 0 || this.#isLengthChanged
  }

  get #state(): LayerRow['state'] {
    return this.#isNew ? 'new' : 'kept'
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure.error
  }

  #setLength(length: number): void {
    this.#lengthBytes = length
    this.#isLengthChanged = true
  }

  async #writeInto(page: number, source: Uint8Array, start: number): Promise<void> {
    const before = await this.#reader.page(page)
    // What is there now counts, and may have become zeros meanwhile.
    const cached = this.#cache.get(this.#opening, page)
    const bytes = (cached === undefined ? before : cached.bytes) ?? new Uint8Array(PAGE_BYTES)
    bytes.set(source, start)
    this.#change(page, bytes)
  }

  #change(page: number, bytes: Uint8Array<ArrayBuffer> | null): void {
    const cached = this.#cache.get(this.#opening, page) ?? this.#cache.put(this.#opening, page, bytes)
    cached.bytes = bytes
    if (this.#changed.has(page)) return
    this.#changed.add(page)
    cached.pins++
  }

  /** Makes a range read as zeros. What is not there is not looked at. */
  async #clear(offset: number, length: number): Promise<void> {
    for (let at = offset; at < offset + length; ) {
      const block = Math.floor(at / BLOCK_BYTES)
      const end = Math.min(offset + length, (block + 1) * BLOCK_BYTES)
      const parts = await this.#index.parts(block)
      for (const part of pagesOf(at, end - at)) {
        const cached = this.#cache.get(this.#opening, part.page)
        if (cached === undefined ? !holds(parts, part.page % BLOCK_PAGES) : cached.bytes === null) continue
        if (part.length === PAGE_BYTES) this.#change(part.page, null)
        else await this.#writeInto(part.page, new Uint8Array(part.length), part.start)
      }
      at = end
    }
  }

  async #spill(): Promise<void> {
    while (this.#flight !== null && this.#changed.size >= SPILL_PAGES) await this.#flight
    this.#check()
    if (this.#changed.size < SPILL_PAGES) return
    // Whoever writes next, or syncs, is told where it fails.
    this.#flush(this.#state).catch(() => undefined)
  }

  #flush(state: LayerRow['state']): Promise<void> {
    const flight = this.#commit(state)
    this.#flight = flight
      .catch(() => undefined)
      .then(() => {
        this.#flight = null
      })
    return flight
  }

  async #commit(state: LayerRow['state']): Promise<void> {
    let pages: ReadonlySet<number> = new Set()
    try {
      await this.#database.write(`write the layer ${this.name}`, ['layers', 'chunks'], this.fences, async (transaction) => {
        // Taken in the step in which the requests are made: what is written now belongs to one moment.
        pages = this.#changed
        this.#changed = new Set()
        const lengthBytes = this.#isLengthChanged || state !== this.#state ? this.#lengthBytes : null
        this.#isLengthChanged = false
        this.#isNew = state === 'new'
        await Promise.all([
          lengthBytes !== null && noteLength(transaction.objectStore('layers'), this.file, lengthBytes, state),
          writePages(transaction.objectStore('chunks'), this.file, pages, (page) => this.#cache.get(this.#opening, page)?.bytes, this.#index),
        ])
      })
    } catch (error) {
      // The pages stay in memory, so that what is read is what was written; the database has what it had before.
      this.#failure = { error }
      this.#index.clear()
      throw error
    }
    for (const page of pages) this.#cache.get(this.#opening, page)!.pins--
  }
}

/** The row keeps its name, or stays without one, whatever happened to that since the file was opened. */
async function noteLength(layers: WritableTable<'layers'>, file: number, lengthBytes: number, state: LayerRow['state']): Promise<void> {
  const row = (await layers.get(file))!
  await layers.put({ ...row, lengthBytes, state: row.state === 'gone' ? 'gone' : state }, file)
}

/** A copy of a page's bytes; null where all are zero, which takes no space. */
function copyUnlessZero(bytes: Uint8Array): Uint8Array<ArrayBuffer> | null {
  const copy = bytes.slice()
  const words = new Uint32Array(copy.buffer)
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return copy
  return null
}

const pageAt = (offset: number): number => Math.floor(offset / PAGE_BYTES)
const blockOf = (page: number): number => Math.floor(page / BLOCK_PAGES)

/** Cuts a range at page boundaries: `at` counts from the range's start, `start` from the page's. */
function* pagesOf(offset: number, length: number): Generator<{ page: number; start: number; at: number; length: number }> {
  for (let at = 0; at < length; ) {
    const page = pageAt(offset + at)
    const start = offset + at - page * PAGE_BYTES
    const size = Math.min(PAGE_BYTES - start, length - at)
    yield { page, start, at, length: size }
    at += size
  }
}
