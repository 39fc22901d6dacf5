// Work that several callers wait for: done once, told to each of them, and ended when the last of them has ended the own call.

import { unlessAborted } from './aborted.ts'
import { callListener } from './call-listener.ts'

/** What one of the callers gives. */
export interface Share<P> {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: P) => void) | undefined
}

/** What the work itself is given. */
export interface Whole<P> {
  /** Aborted when nobody waits any more. */
  readonly signal: AbortSignal
  readonly onProgress: (progress: P) => void
}

interface Running<T, P> {
  readonly result: Promise<T>
  readonly listeners: Set<Share<P>>
  readonly controller: AbortController
}

export class SharedWork<T, P> {
  readonly #running = new Map<string, Running<T, P>>()

  /** Joins the work that is under way by that name, else begins it. `aborted` by the caller's own signal alone. */
  async join(name: string, share: Share<P>, work: (whole: Whole<P>) => Promise<T>): Promise<T> {
    // A caller of its own, also where two give the same functions.
    const mine = { ...share }
    const running = this.#running.get(name) ?? this.#begin(name, mine, work)
    const { result, listeners, controller } = running
    listeners.add(mine)
    try {
      return await unlessAborted(result, share.signal)
    } finally {
      listeners.delete(mine)
      if (listeners.size === 0) {
        this.#forget(name, running)
        controller.abort()
      }
    }
  }

  /** Resolves when nothing is under way any more; how it ended is told to those who wait for it. */
  async over(): Promise<void> {
    await Promise.allSettled(Array.from(this.#running.values(), ({ result }) => result))
  }

  #begin(name: string, first: Share<P>, work: (whole: Whole<P>) => Promise<T>): Running<T, P> {
    const listeners = new Set([first])
    const controller = new AbortController()
    const onProgress = (progress: P): void => {
      for (const { onProgress: tell } of [...listeners]) if (tell !== undefined) callListener(tell, progress)
    }
    const running = { result: work({ signal: controller.signal, onProgress }), listeners, controller }
    this.#running.set(name, running)
    // Those who wait are told how it ended; whoever comes now begins anew.
    running.result.catch(() => {}).finally(() => this.#forget(name, running))
    return running
  }

  #forget(name: string, running: Running<T, P>): void {
    if (this.#running.get(name) === running) this.#running.delete(name)
  }
}
