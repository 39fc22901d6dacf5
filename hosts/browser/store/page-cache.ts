// The pages of open files that are in memory, the least used going first. A page with bytes that the database does not have yet stays.
//
// Each opening of a file has pages of its own: what was still on its way into memory when the file was closed is not what the next one
// reads, who may find that another tab, or a machine, has written the file meanwhile.

/** Most pages in memory, of all files of a store: 32 MiB. */
const CACHE_PAGES = 2048

export interface Page {
  /** Null: zeros. */
  bytes: Uint8Array<ArrayBuffer> | null
  /** How often it is on its way to the database, or about to be. */
  pins: number
}

const keyOf = (opening: number, page: number): number => opening * 2 ** 32 + page

export class PageCache {
  readonly #pages = new Map<number, Page>()
  readonly #limit: number
  #openings = 0

  constructor(limit: number = CACHE_PAGES) {
    this.#limit = limit
  }

  /** How many pages are in memory. */
  get size(): number {
    return this.#pages.size
  }

  /** A number for a file that is opened: none had it before. */
  newOpening(): number {
    return this.#openings++
  }

  get(opening: number, page: number): Page | undefined {
    const key = keyOf(opening, page)
    const found = this.#pages.get(key)
    if (found === undefined) return undefined
    this.#pages.delete(key)
    this.#pages.set(key, found)
    return found
  }

  has(opening: number, page: number): boolean {
    return this.#pages.has(keyOf(opening, page))
  }

  /** Lets others go where there are too many, and adds a page: it is there until the next one is added. */
  put(opening: number, page: number, bytes: Page['bytes']): Page {
    if (this.#pages.size >= this.#limit) this.#shrink()
    const added: Page = { bytes, pins: 0 }
    this.#pages.set(keyOf(opening, page), added)
    return added
  }

  /** Drops what is left of an opening that is over. */
  forget(opening: number): void {
    for (const key of this.#pages.keys()) if (Math.floor(key / 2 ** 32) === opening) this.#pages.delete(key)
  }

  #shrink(): void {
    // One pass frees some, so that a full cache is not walked for every page.
    let surplus = this.#pages.size - Math.floor(this.#limit * 0.95)
    for (const [key, page] of this.#pages) {
      if (surplus <= 0) return
      if (page.pins > 0) continue
      this.#pages.delete(key)
      surplus--
    }
  }
}
