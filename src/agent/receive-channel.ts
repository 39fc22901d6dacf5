// What the guest sends on one channel of a stream. It is read by pulling, and what is not read is not paid for: the credits come
// back to the guest when the bytes were passed on, so that a slow reader here slows the process there.

import { ByteQueue } from './byte-queue.ts'
import { deferred, type Deferred } from '../deferred.ts'
import { Violation } from './frame.ts'
import { Protocol } from './protocol.ts'

/** Credit goes back in pieces of at least so many bytes. */
const RETURN_BYTES = Protocol.WINDOW_BYTES / 4

export class ReceiveChannel {
  readonly #giveCredit: (bytes: number) => void
  readonly #queue = new ByteQueue()
  #credit: number = Protocol.WINDOW_BYTES
  #owed = 0
  #state: 'open' | 'ended' | 'failed' = 'open'
  #error: unknown
  #dropping = false
  #waiter: Deferred<Uint8Array | null> | null = null

  /** `giveCredit` tells the guest that it may send so many bytes more. */
  constructor(giveCredit: (bytes: number) => void) {
    this.#giveCredit = giveCredit
  }

  /** The next bytes, which are the caller's; null at the end. One call at a time. Rejects, after what had come, when the session ended. */
  read(): Promise<Uint8Array | null> {
    const chunk = this.#queue.shift()
    if (chunk !== null) {
      this.#passedOn(chunk.length)
      return Promise.resolve(chunk)
    }
    if (this.#state === 'ended') return Promise.resolve(null)
    if (this.#state === 'failed') return Promise.reject(this.#error)
    this.#waiter = deferred()
    return this.#waiter.promise
  }

  /** Drops what came and what will come, so that nobody waits for a reader. */
  discard(): void {
    this.#dropping = true
    this.#passedOn(this.#queue.length)
    this.#queue.clear()
  }

  /** For the session: bytes have come. */
  take(part: Uint8Array): void {
    if (this.#state !== 'open') throw new Violation('data after its end')
    this.#credit -= part.length
    if (this.#credit < 0) throw new Violation('more data than there was credit for')
    if (this.#dropping) this.#passedOn(part.length)
    else if (this.#waiter === null) this.#queue.push(part)
    else {
      this.#passedOn(part.length)
      this.#settle((waiter) => waiter.resolve(part))
    }
  }

  /** For the session: no more bytes will come. */
  end(): void {
    if (this.#state !== 'open') return
    this.#state = 'ended'
    this.#settle((waiter) => waiter.resolve(null))
  }

  /** For the session: it ended before the channel did. */
  fail(error: unknown): void {
    if (this.#state !== 'open') return
    this.#state = 'failed'
    this.#error = error
    this.#settle((waiter) => waiter.reject(error))
  }

  #settle(how: (waiter: Deferred<Uint8Array | null>) => void): void {
    const waiter = this.#waiter
    this.#waiter = null
    if (waiter !== null) how(waiter)
  }

  #passedOn(bytes: number): void {
    this.#owed += bytes
    if (this.#state !== 'open' || this.#owed < RETURN_BYTES) return
    this.#credit += this.#owed
    this.#giveCredit(this.#owed)
    this.#owed = 0
  }
}
