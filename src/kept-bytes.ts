// Bytes that come in pieces, kept as one array up to a limit.

const FIRST_BYTES = 1024

export class KeptBytes {
  readonly #limit: number
  #buffer = new Uint8Array(0)
  #length = 0
  #overflowed = false

  constructor(limitBytes: number) {
    this.#limit = limitBytes
  }

  /** Whether there was more than could be kept. */
  get overflowed(): boolean {
    return this.#overflowed
  }

  add(bytes: Uint8Array): void {
    const kept = bytes.subarray(0, this.#limit - this.#length)
    if (kept.length < bytes.length) this.#overflowed = true
    if (this.#length + kept.length > this.#buffer.length) this.#grow(this.#length + kept.length)
    this.#buffer.set(kept, this.#length)
    this.#length += kept.length
  }

  /** A copy of what was kept. */
  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#length)
  }

  /** What was kept as text; a character that the limit cut in two is left out. */
  text(): string {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    return decoder.decode(this.#buffer.subarray(0, this.#length), { stream: this.#overflowed })
  }

  #grow(lengthBytes: number): void {
    const grown = new Uint8Array(Math.min(this.#limit, Math.max(FIRST_BYTES, lengthBytes, 2 * this.#buffer.length)))
    grown.set(this.#buffer.subarray(0, this.#length))
    this.#buffer = grown
  }
}
