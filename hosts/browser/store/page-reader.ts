// Brings pages of a file from the database into memory, as many at once as are wanted or soon will be.

import type { BlockIndex, BlockParts } from './block-index.ts'
import type { Database } from './database.ts'
import type { PageCache } from './page-cache.ts'
import { readBlock } from './read-block.ts'
import { BLOCK_PAGES } from './schema.ts'

export class PageReader {
  readonly #database: Database
  readonly #cache: PageCache
  readonly #index: BlockIndex
  readonly #file: number
  readonly #opening: number
  readonly #name: string
  /** Blocks of which something is on its way. */
  readonly #loads = new Map<number, Promise<void>>()

  constructor(database: Database, cache: PageCache, index: BlockIndex, file: number, opening: number, name: string) {
    this.#database = database
    this.#cache = cache
    this.#index = index
    this.#file = file
    this.#opening = opening
    this.#name = name
  }

  /** A page's bytes; null for zeros. */
  async page(page: number): Promise<Uint8Array<ArrayBuffer> | null> {
    for (;;) {
      const found = this.#cache.get(this.#opening, page)
      if (found !== undefined) return found.bytes
      const parts = await this.#index.parts(blockOf(page))
      if (!holds(parts, page % BLOCK_PAGES)) return null
      await this.fetch(page, page)
    }
  }

  /** Brings what is missing of the pages `first` to `last` into memory, block beside block. */
  async fetch(first: number, last: number): Promise<void> {
    const fetches: Promise<void>[] = []
    for (let block = blockOf(first); block <= blockOf(last); block++) {
      const start = block * BLOCK_PAGES
      fetches.push(this.#fetchIn(block, Math.max(first - start, 0), Math.min(last - start, BLOCK_PAGES - 1)))
    }
    await Promise.all(fetches)
  }

  /** Like `fetch` of a whole block, for later. */
  readAhead(block: number): void {
    // Should it fail, whoever wants these bytes reads them again, and is told.
    if (!this.#loads.has(block)) this.#fetchIn(block, 0, BLOCK_PAGES - 1).catch(() => undefined)
  }

  /** `first` and `last` are numbers of pages in the block. */
  async #fetchIn(block: number, first: number, last: number): Promise<void> {
    const start = block * BLOCK_PAGES
    for (;;) {
      const parts = this.#index.known(block) ?? (await this.#index.parts(block))
      const isMissing = (page: number): boolean => holds(parts, page) && !this.#cache.has(this.#opening, start + page)
      let [from, to] = [first, last]
      while (from <= to && !isMissing(from)) from++
      while (to > from && !isMissing(to)) to--
      if (from > to) return
      const loading = this.#loads.get(block)
      if (loading === undefined) return this.#load(block, from, to)
      await loading
    }
  }

  async #load(block: number, first: number, last: number): Promise<void> {
    const load = this.#read(block, first, last)
    this.#loads.set(block, load)
    try {
      await load
    } finally {
      this.#loads.delete(block)
    }
  }

  async #read(block: number, first: number, last: number): Promise<void> {
    const pages = await this.#database.read(`read the layer ${this.#name}`, ['chunks'], (transaction) =>
      readBlock(transaction.objectStore('chunks'), this.#file, block, first, last),
    )
    const wanted = pages.get(first)!
    pages.delete(first)
    // The first of those that are wanted comes last: it is there when this resolves, however small the cache.
    for (const [page, bytes] of [...pages, [first, wanted] as const]) {
      const at = block * BLOCK_PAGES + page
      if (!this.#cache.has(this.#opening, at)) this.#cache.put(this.#opening, at, bytes)
    }
  }
}

const blockOf = (page: number): number => Math.floor(page / BLOCK_PAGES)

/** Whether a page has bytes in the database; `page` counts in its block. */
export function holds(parts: BlockParts, page: number): boolean {
  return parts.whole || parts.pages.has(page)
}
