// Which box has which name. A box keeps its name for life, so a record is read for it once: asking again costs one
// listing, in a home of ten thousand boxes too.

import type { Store } from './host.ts'
import { RECORD_SUFFIX } from './store/names.ts'

export class NameIndex {
  readonly #store: Store
  readonly #read: (id: string) => Promise<unknown>
  readonly #names = new Map<string, string | null>()

  /** `read` reads a box's record and notes its name here. */
  constructor(store: Store, read: (id: string) => Promise<unknown>) {
    this.#store = store
    this.#read = read
  }

  /**
   * The id of the box whose name is exactly `name`, or null. A record that cannot be understood has no name; one that
   * cannot be read now might have it, so its error is thrown where no other has.
   */
  async find(name: string): Promise<string | null> {
    const ids = await listBoxes(this.#store)
    const unread: unknown[] = []
    for (const id of ids) {
      if (this.#names.has(id)) continue
      try {
        await this.#read(id)
      } catch (error) {
        unread.push(error)
      }
    }
    const present = new Set(ids)
    for (const [id, known] of this.#names) {
      if (!present.has(id)) this.#names.delete(id)
      else if (known === name) return id
    }
    if (unread.length > 0) throw unread[0]
    return null
  }

  /** The name of a box whose record was read here before; null where it has none, or nobody read it. */
  nameOf(id: string): string | null {
    return this.#names.get(id) ?? null
  }

  /** Remembers a name that the caller has read. */
  note(id: string, name: string | null): void {
    this.#names.set(id, name)
  }
}

/** The ids of all boxes there are records of. */
export async function listBoxes(store: Store): Promise<readonly string[]> {
  const names = await store.list('boxes')
  return names.filter((name) => /^[0-9a-f]{32}\.json$/.test(name)).map((name) => name.slice(0, -RECORD_SUFFIX.length))
}
