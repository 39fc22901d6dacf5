// Which chunks of a file there are, as far as it was looked at: what is not there is zeros, and costs no transaction.

import type { Database } from './database.ts'

/** What a block is made of. A page that is named lies over the whole block. */
export interface BlockParts {
  whole: boolean
  readonly pages: Set<number>
}

/** Blocks that are looked up at once. */
const REGION_BLOCKS = 64

export class BlockIndex {
  readonly #database: Database
  readonly #file: number
  readonly #blocks = new Map<number, BlockParts>()
  readonly #regions = new Map<number, Promise<void>>()
  readonly #known = new Set<number>()
  #isEmpty: boolean

  /** `isEmpty`: the file is new, and nothing is looked up. */
  constructor(database: Database, file: number, isEmpty: boolean) {
    this.#database = database
    this.#file = file
    this.#isEmpty = isEmpty
  }

  /** The parts of a block, where they are known. */
  known(block: number): BlockParts | undefined {
    if (!this.#isEmpty && !this.#known.has(Math.floor(block / REGION_BLOCKS))) return undefined
    let parts = this.#blocks.get(block)
    if (parts === undefined) this.#blocks.set(block, (parts = { whole: false, pages: new Set() }))
    return parts
  }

  async parts(block: number): Promise<BlockParts> {
    for (;;) {
      const parts = this.known(block)
      if (parts !== undefined) return parts
      await this.#look(Math.floor(block / REGION_BLOCKS))
    }
  }

  /** Forgets everything, after a transaction whose outcome is not what was noted here. */
  clear(): void {
    this.#isEmpty = false
    this.#blocks.clear()
    this.#known.clear()
  }

  #look(region: number): Promise<void> {
    let looking = this.#regions.get(region)
    if (looking === undefined) {
      looking = this.#load(region).finally(() => this.#regions.delete(region))
      this.#regions.set(region, looking)
    }
    return looking
  }

  async #load(region: number): Promise<void> {
    const first = region * REGION_BLOCKS
    const range = IDBKeyRange.bound([this.#file, first, 0], [this.#file, first + REGION_BLOCKS, 0], false, true)
    const keys = await this.#database.read('look up chunks', ['chunks'], (transaction) => transaction.objectStore('chunks').getAllKeys(range))
    this.#known.add(region)
    for (const [, block, part] of keys) {
      const parts = this.known(block)!
      if (part === 0) parts.whole = true
      else parts.pages.add(part - 1)
    }
  }
}
