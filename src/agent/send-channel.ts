// What the host sends on one stream: pieces that wait for credit and for their turn, then the end.

import { deferred, type Deferred } from '../deferred.ts'
import { Violation } from './frame.ts'
import { Protocol } from './protocol.ts'

interface Piece {
  readonly bytes: Uint8Array
  readonly taken: Deferred<void>
}

const MAX_CREDIT_BYTES = 2 ** 40

export class SendChannel {
  readonly #wake: () => void
  readonly #pieces: Piece[] = []
  /** Bytes of the first piece that are on their way. */
  #sent = 0
  #credit: number = Protocol.WINDOW_BYTES
  #ending: Deferred<void> | null = null
  #closed: { readonly error: unknown } | null = null

  /** `wake` is called when there is something to take. */
  constructor(wake: () => void) {
    this.#wake = wake
  }

  /** Resolves when all bytes are on their way, before which they must not change. Rejects when the stream is over. */
  write(bytes: Uint8Array): Promise<void> {
    if (this.#closed !== null) return rejected(this.#closed.error)
    if (this.#ending !== null) throw new Error('bytes were written after the end')
    if (bytes.length === 0) return Promise.resolve()
    const taken = deferred<void>()
    this.#pieces.push({ bytes, taken })
    this.#wake()
    return taken.promise
  }

  /** Says that no more bytes come. Resolves when that is on its way. */
  end(): Promise<void> {
    if (this.#closed !== null) return rejected(this.#closed.error)
    if (this.#ending === null) {
      this.#ending = deferred()
      this.#wake()
    }
    return this.#ending.promise
  }

  /** For the session: the guest takes so many bytes more. */
  addCredit(bytes: number): void {
    this.#credit += bytes
    if (this.#credit > MAX_CREDIT_BYTES) throw new Violation('more credit than anybody can use')
    if (this.#pieces.length > 0) this.#wake()
  }

  /** For the session: the stream is over, nothing is taken any more. */
  close(error: unknown): void {
    if (this.#closed !== null) return
    this.#closed = { error }
    for (const { taken } of this.#pieces.splice(0)) taken.reject(error)
    this.#ending?.reject(error)
  }

  /** For the outbox: the next bytes, at most `limit`; `end` where the end is to be said; null where nothing can be sent now. */
  take(limit: number): Uint8Array | 'end' | null {
    if (this.#closed !== null) return null
    const piece = this.#pieces[0]
    if (piece === undefined) return this.#takeEnd()
    const bytes = piece.bytes.subarray(this.#sent, this.#sent + Math.min(limit, this.#credit))
    if (bytes.length === 0) return null
    this.#credit -= bytes.length
    this.#sent += bytes.length
    if (this.#sent === piece.bytes.length) {
      this.#pieces.shift()
      this.#sent = 0
      piece.taken.resolve()
    }
    return bytes
  }

  #takeEnd(): 'end' | null {
    if (this.#ending === null) return null
    this.#ending.resolve()
    // Said once: from now on there is nothing more.
    this.#closed = { error: new Error('bytes were written after the end') }
    return 'end'
  }
}

function rejected(reason: unknown): Promise<never> {
  const refused = deferred<never>()
  refused.reject(reason)
  return refused.promise
}
