// Which requests of a disk may be on their way together. The guest's requests overlap rarely, but where they do, the
// later one must see what the earlier one did: of two that touch the same bytes, and of which one writes, the second
// begins when the first has ended.

import { deferred } from '../../src/deferred.ts'

interface Entry {
  readonly start: number
  readonly end: number
  readonly isWrite: boolean
  readonly done: Promise<void>
}

/** A request that was let in. */
export interface Turn {
  /** Resolves when it may begin; null: at once. */
  readonly ready: Promise<unknown> | null
  end(): void
}

export class RequestOrder {
  readonly #active = new Set<Entry>()
  #waiting: (() => void)[] = []

  /** Lets in a request for the bytes from `start` to `end`. A flush reads everything: it waits for every write. */
  enter(start: number, end: number, isWrite: boolean): Turn {
    const before: Promise<void>[] = []
    for (const entry of this.#active) {
      if ((isWrite || entry.isWrite) && entry.start < end && start < entry.end) before.push(entry.done)
    }
    const { promise: done, resolve } = deferred<void>()
    const entry: Entry = { start, end, isWrite, done }
    this.#active.add(entry)
    return {
      ready: before.length === 0 ? null : Promise.all(before),
      end: () => {
        this.#active.delete(entry)
        resolve()
        if (this.#active.size > 0) return
        for (const each of this.#waiting.splice(0)) each()
      },
    }
  }

  /** Resolves when no request is on its way. */
  async idle(): Promise<void> {
    if (this.#active.size > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}
