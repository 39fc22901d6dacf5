// What happens to one thing, one after another.

import { unlessAborted } from './aborted.ts'
import { deferred } from './deferred.ts'

/** Turns by name: whoever enters waits for all who entered before. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>()

  /** Waits for all earlier turns of that name and keeps later ones waiting until the function that this answers is called. */
  async enter(name: string, signal?: AbortSignal): Promise<() => void> {
    const before = this.#last.get(name)
    const { promise: turn, resolve: leave } = deferred<void>()
    const mine = before === undefined ? turn : before.then(() => turn)
    this.#last.set(name, mine)
    void mine.then(() => {
      if (this.#last.get(name) === mine) this.#last.delete(name)
    })
    try {
      if (before !== undefined) await unlessAborted(before, signal)
    } catch (error) {
      // Whoever comes next still waits for those before.
      leave()
      throw error
    }
    return leave
  }

  /** Resolves when the turns that are under way or waited for are over. */
  async over(): Promise<void> {
    await Promise.all(this.#last.values())
  }
}
