// What happens to a box, told to whoever listens.

import { callListener } from './call-listener.ts'
import type { MachineExit } from './engine.ts'
import type { BoxStateName } from './lifecycle.ts'
import type { Finding } from './operation/operation.ts'

/** What happened to a box. */
export type BoxEvent =
  | { readonly kind: 'state'; readonly boxId: string; readonly state: BoxStateName; readonly previous: BoxStateName }
  /** Its machine ended, for whatever reason. */
  | { readonly kind: 'ended'; readonly boxId: string; readonly exit: MachineExit }
  /** Something that an operation noticed: a guest that did not freeze in time. */
  | { readonly kind: 'finding'; readonly boxId: string; readonly finding: Finding }
  | { readonly kind: 'removed'; readonly boxId: string }

export type BoxEventKind = BoxEvent['kind']

export type BoxEventOf<K extends BoxEventKind> = Extract<BoxEvent, { readonly kind: K }>

/** Most events that wait for a slow reader; older ones are dropped. */
const WAITING_LIMIT = 1000

type Listener = (event: BoxEvent) => void

/** The listeners of one box. */
export class BoxEvents {
  readonly #listeners = new Set<Listener>()

  /** Calls `listener` for each event of a kind until the function that this returns is called. What it throws is thrown apart. */
  on<K extends BoxEventKind>(kind: K, listener: (event: BoxEventOf<K>) => void): () => void {
    const wrapped: Listener = (event) => {
      if (event.kind === kind) listener(event as BoxEventOf<K>)
    }
    this.#listeners.add(wrapped)
    return () => this.#listeners.delete(wrapped)
  }

  emit(event: BoxEvent): void {
    for (const listener of [...this.#listeners]) callListener(listener, event)
  }

  /** Every event from now on, until the caller leaves the loop. Whoever reads too slowly misses the oldest. */
  stream(): AsyncIterableIterator<BoxEvent> {
    const waiting: BoxEvent[] = []
    let ended = false
    let wake: (() => void) | null = null
    const listener: Listener = (event) => {
      if (waiting.push(event) > WAITING_LIMIT) waiting.shift()
      wake?.()
    }
    const end = (): void => {
      ended = true
      this.#listeners.delete(listener)
      wake?.()
    }
    this.#listeners.add(listener)
    return {
      async next() {
        while (waiting.length === 0 && !ended) await new Promise<void>((resolve) => (wake = resolve))
        const value = waiting.shift()
        if (value === undefined) return { done: true, value: undefined }
        if (value.kind === 'removed') end()
        return { done: false, value }
      },
      async return() {
        waiting.length = 0
        end()
        return { done: true, value: undefined }
      },
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }
}
