// Who may open a stream now: the agent has a limit, and callers beyond it wait for their turn.

import { aborted } from '../aborted.ts'
import { deferred, type Deferred } from '../deferred.ts'

export class Slots {
  #free: number
  readonly #waiting: Deferred<void>[] = []
  #error: unknown

  constructor(count: number) {
    this.#free = count
  }

  /** Resolves when the caller has a slot, first come first served. Rejects with `aborted`, and when the session ended. */
  async take(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) throw aborted(signal)
    if (this.#error !== undefined) throw this.#error
    if (this.#free > 0) {
      this.#free--
      return
    }
    const turn = deferred<void>()
    const abort = (): void => {
      const place = this.#waiting.indexOf(turn)
      if (place < 0) return
      this.#waiting.splice(place, 1)
      turn.reject(aborted(signal))
    }
    this.#waiting.push(turn)
    signal?.addEventListener('abort', abort)
    try {
      await turn.promise
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  giveBack(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free++
    else next.resolve()
  }

  fail(error: unknown): void {
    this.#error = error
    for (const turn of this.#waiting.splice(0)) turn.reject(error)
  }
}
