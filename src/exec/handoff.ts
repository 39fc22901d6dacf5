// Values from hand to hand: who gives waits until it was taken.

import { deferred, type Deferred } from '../deferred.ts'

interface Offer<T> {
  readonly value: T
  readonly taken: Deferred<void>
}

export class Handoff<T> {
  readonly #offers: Offer<T>[] = []
  #end: { readonly error: unknown } | 'ended' | null = null
  #taker: Deferred<T | null> | null = null
  #released = false
  #hurried = false

  /** Resolves when the value was taken, or nobody wants it any more. */
  give(value: T): Promise<void> {
    if (this.#released) return Promise.resolve()
    if (this.#taker !== null) {
      const taker = this.#taker
      this.#taker = null
      taker.resolve(value)
      return Promise.resolve()
    }
    const taken = deferred<void>()
    this.#offers.push({ value, taken })
    if (this.#hurried) taken.resolve()
    return taken.promise
  }

  /** The next value, or null when there are no more. One call at a time. */
  take(): Promise<T | null> {
    const offer = this.#offers.shift()
    if (offer !== undefined) {
      offer.taken.resolve()
      return Promise.resolve(offer.value)
    }
    if (this.#end === 'ended') return Promise.resolve(null)
    if (this.#end !== null) return Promise.reject(this.#end.error)
    this.#taker = deferred()
    return this.#taker.promise
  }

  /** No more values will come. */
  end(): void {
    this.#end ??= 'ended'
    this.#taker?.resolve(null)
    this.#taker = null
  }

  /** What was given can still be taken, then comes this error. */
  fail(reason: unknown): void {
    this.#end ??= { error: reason }
    this.#taker?.reject(reason)
    this.#taker = null
  }

  /** From now on nobody waits: what is given stays until it is taken. */
  hurry(): void {
    this.#hurried = true
    for (const { taken } of this.#offers) taken.resolve()
  }

  /** The taker has gone: what is given is dropped. */
  release(): void {
    this.#released = true
    for (const { taken } of this.#offers.splice(0)) taken.resolve()
  }
}
