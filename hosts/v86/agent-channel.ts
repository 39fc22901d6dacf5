// The byte channel to the guest agent, the owner's side.

import { BoxLiteError } from '../../src/error.ts'
import type { ByteChannel } from '../../src/engine.ts'
import { CHANNEL_WINDOW_BYTES, type Endpoint, type FromThread, type ToThread } from './protocol.ts'

/** What was taken is told in portions, not for every few bytes. */
const PORTION_BYTES = CHANNEL_WINDOW_BYTES / 8

export class AgentChannel implements ByteChannel {
  readonly closed: Promise<void>
  readonly #endpoint: Endpoint<FromThread, ToThread>
  readonly #session: number
  #receiver: ((bytes: Uint8Array) => void) | null = null
  /** Chunks that came before there was a receiver. */
  #early: Uint8Array[] = []
  #untold = 0
  #onTheWay = 0
  #writers: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = []
  #isClosed = false
  #close: () => void = () => undefined

  constructor(endpoint: Endpoint<FromThread, ToThread>, session: number) {
    this.#endpoint = endpoint
    this.#session = session
    this.closed = new Promise((resolve) => (this.#close = resolve))
    endpoint.post({ kind: 'open', session })
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#isClosed) throw isClosed()
    if (bytes.length === 0) return
    // Not slice(), which for a Buffer is a view: what is transferred is gone here.
    const copy = new Uint8Array(bytes)
    this.#onTheWay += copy.length
    this.#endpoint.post({ kind: 'bytes', session: this.#session, bytes: copy }, [copy.buffer])
    if (this.#onTheWay < CHANNEL_WINDOW_BYTES) return
    await new Promise<void>((resolve, reject) => this.#writers.push({ resolve, reject }))
  }

  receive(receiver: (bytes: Uint8Array) => void): void {
    this.#receiver = receiver
    for (const bytes of this.#early.splice(0)) this.#give(receiver, bytes)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#endpoint.post({ kind: 'close', session: this.#session })
    this.end()
  }

  /** The machine has said this. */
  came(bytes: Uint8Array): void {
    if (this.#isClosed) return
    if (this.#receiver === null) this.#early.push(bytes)
    else this.#give(this.#receiver, bytes)
  }

  /** The guest has so many bytes of what was written. */
  taken(count: number): void {
    this.#onTheWay -= count
    if (this.#onTheWay >= CHANNEL_WINDOW_BYTES) return
    for (const { resolve } of this.#writers.splice(0)) resolve()
  }

  /** The machine is gone, or nobody listens any more. */
  end(): void {
    this.#isClosed = true
    for (const { reject } of this.#writers.splice(0)) reject(isClosed())
    this.#close()
  }

  #give(receiver: (bytes: Uint8Array) => void, bytes: Uint8Array): void {
    this.#untold += bytes.length
    receiver(bytes)
    if (this.#untold < PORTION_BYTES || this.#isClosed) return
    this.#endpoint.post({ kind: 'taken', session: this.#session, count: this.#untold })
    this.#untold = 0
  }
}

function isClosed(): BoxLiteError {
  return new BoxLiteError('io', 'The channel to the guest agent is closed')
}
