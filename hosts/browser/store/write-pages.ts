// Writes changed pages of a file: a block with many as one value, else page by page.

import type { BlockIndex, BlockParts } from './block-index.ts'
import { BLOCK_BYTES, BLOCK_PAGES, PAGE_BYTES, type ChunkKey, type WritableTable } from './schema.ts'

/**
 * From so many changed pages on a block is written as one value, where its other pages are at hand: that takes as long as these pages one
 * by one, and is read three times as quickly.
 */
const WHOLE_PAGES = 16
const NOTHING = new Uint8Array(0)

/**
 * Writes `pages`, whose blocks the index knows; it is told what they are made of now. `at` gives the bytes of a page that is in memory,
 * as all of these are; null for zeros.
 */
export async function writePages(
  chunks: WritableTable<'chunks'>,
  file: number,
  pages: ReadonlySet<number>,
  at: (page: number) => Uint8Array | null | undefined,
  index: BlockIndex,
): Promise<void> {
  const requests: Promise<unknown>[] = []
  for (const [block, changed] of byBlock(pages)) {
    const first = block * BLOCK_PAGES
    new BlockWriter(chunks, requests, file, block, index.known(block)!).write(changed, (page) => at(first + page))
  }
  await Promise.all(requests)
}

/** The pages of each block, by their number in it. */
function byBlock(pages: Iterable<number>): Map<number, number[]> {
  const blocks = new Map<number, number[]>()
  for (const page of pages) {
    const block = Math.floor(page / BLOCK_PAGES)
    const inside = page % BLOCK_PAGES
    const list = blocks.get(block)
    if (list === undefined) blocks.set(block, [inside])
    else list.push(inside)
  }
  return blocks
}

class BlockWriter {
  readonly #chunks: WritableTable<'chunks'>
  readonly #requests: Promise<unknown>[]
  readonly #file: number
  readonly #block: number
  readonly #parts: BlockParts

  constructor(chunks: WritableTable<'chunks'>, requests: Promise<unknown>[], file: number, block: number, parts: BlockParts) {
    this.#chunks = chunks
    this.#requests = requests
    this.#file = file
    this.#block = block
    this.#parts = parts
  }

  write(changed: readonly number[], at: (page: number) => Uint8Array | null | undefined): void {
    const isAtHand = (page: number): boolean => at(page) !== undefined || !(this.#parts.whole || this.#parts.pages.has(page))
    const filled = changed.filter((page) => at(page) !== null).length
    const all = Array.from({ length: BLOCK_PAGES }, (_, page) => page)
    if (filled >= WHOLE_PAGES && all.every(isAtHand)) this.#writeWhole(all.map((page) => at(page) ?? null))
    else if (changed.length === BLOCK_PAGES && filled === 0) this.#remove(0, BLOCK_PAGES)
    else for (const page of changed) this.#writePage(page, at(page) ?? null)
  }

  #writeWhole(pages: readonly (Uint8Array | null)[]): void {
    const last = pages.findLastIndex((bytes) => bytes !== null)
    const whole = new Uint8Array(last === BLOCK_PAGES - 1 ? BLOCK_BYTES : (last + 1) * PAGE_BYTES)
    for (const [page, bytes] of pages.entries()) if (bytes !== null) whole.set(bytes, page * PAGE_BYTES)
    if (this.#parts.pages.size > 0) this.#remove(1, BLOCK_PAGES)
    this.#put(0, whole)
    this.#parts.whole = true
    // The head of a file is read often, and by itself.
    if (this.#block === 0) this.#writePage(0, pages[0]!)
  }

  #writePage(page: number, bytes: Uint8Array | null): void {
    // What is stored is a copy of the page alone: a clone of a view takes all that it is a view on with it.
    if (bytes !== null) this.#put(page + 1, bytes.slice())
    else if (this.#parts.whole) this.#put(page + 1, NOTHING)
    else if (this.#parts.pages.has(page)) this.#remove(page + 1, page + 1)
    if (bytes !== null || this.#parts.whole) this.#parts.pages.add(page)
  }

  #put(part: number, bytes: Uint8Array): void {
    this.#requests.push(this.#chunks.put(bytes, [this.#file, this.#block, part]))
  }

  #remove(from: number, to: number): void {
    const key = (part: number): ChunkKey => [this.#file, this.#block, part]
    this.#requests.push(this.#chunks.delete(IDBKeyRange.bound(key(from), key(to))))
    if (from === 0) this.#parts.whole = false
    for (let part = from; part <= to; part++) this.#parts.pages.delete(part - 1)
  }
}
