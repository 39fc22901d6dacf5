// What a machine's thread tells its owner of the agent's channel. A guest that sends much does so in many small steps, each of
// which would be a message: what comes in one go of the emulator goes in one.

import { joinBytes } from '../../src/join-bytes.ts'
import type { FromThread } from './protocol.ts'

/** More is not gathered before it is sent. */
const GATHERED_BYTES = 2 ** 18

export class ChannelSender {
  readonly #post: (message: FromThread, transfer?: readonly ArrayBuffer[]) => void
  #session = 0
  #parts: Uint8Array<ArrayBuffer>[] = []
  #bytes = 0
  #taken = 0
  #isDue = false

  constructor(post: (message: FromThread, transfer?: readonly ArrayBuffer[]) => void) {
    this.#post = post
  }

  /** Sends for another session; what is left of the one before is of no use to anyone. */
  begin(session: number): void {
    this.#session = session
    this.#parts = []
    this.#bytes = 0
    this.#taken = 0
  }

  /** The guest said this. */
  received(bytes: Uint8Array<ArrayBuffer>): void {
    this.#parts.push(bytes)
    this.#bytes += bytes.length
    if (this.#bytes >= GATHERED_BYTES) this.#flush()
    else this.#flushSoon()
  }

  /** The guest has so many bytes of what was sent to it. */
  delivered(count: number): void {
    this.#taken += count
    this.#flushSoon()
  }

  #flushSoon(): void {
    if (this.#isDue) return
    this.#isDue = true
    void Promise.resolve().then(() => {
      this.#isDue = false
      this.#flush()
    })
  }

  #flush(): void {
    const session = this.#session
    if (this.#taken > 0) this.#post({ kind: 'taken', session, count: this.#taken })
    this.#taken = 0
    if (this.#bytes === 0) return
    const bytes = this.#parts.length === 1 ? this.#parts[0]! : joinBytes(...this.#parts)
    this.#parts = []
    this.#bytes = 0
    this.#post({ kind: 'bytes', session, bytes }, [bytes.buffer])
  }
}
