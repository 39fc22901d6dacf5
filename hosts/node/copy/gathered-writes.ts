// Writes of a file in few and large pieces: what comes from a box comes in many small ones, and each write goes by way of a thread of
// the pool. While one is written the next is gathered.

const GATHERED_BYTES = 256 * 1024

export class GatheredWrites {
  readonly #write: (bytes: Uint8Array, offset: number) => Promise<void>
  readonly #pieceBytes: number
  #bytes: Buffer
  #spare: Buffer | null = null
  #offset = 0
  #length = 0
  #underWay: Promise<void> = Promise.resolve()

  /** `write` is given bytes that do not change before it resolves. `sizeBytes` is the length of the file. */
  constructor(sizeBytes: number, write: (bytes: Uint8Array, offset: number) => Promise<void>) {
    this.#write = write
    this.#pieceBytes = Math.max(1, Math.min(GATHERED_BYTES, sizeBytes))
    this.#bytes = Buffer.allocUnsafeSlow(this.#pieceBytes)
  }

  /** Takes bytes of the file. Rejects with what an earlier write failed with. */
  async add(bytes: Uint8Array, offset: number): Promise<void> {
    if (offset !== this.#offset + this.#length) await this.#pass()
    for (let at = 0; at < bytes.length; ) {
      if (this.#length === 0) this.#offset = offset + at
      const part = bytes.subarray(at, at + this.#pieceBytes - this.#length)
      this.#bytes.set(part, this.#length)
      this.#length += part.length
      at += part.length
      if (this.#length === this.#pieceBytes) await this.#pass()
    }
  }

  /** Resolves when all is written; rejects with what a write failed with. */
  async end(): Promise<void> {
    await this.#pass()
    await this.#underWay
  }

  /** Resolves when nothing is being written any more, whatever became of it. */
  async settled(): Promise<void> {
    await this.#underWay.catch(() => undefined)
  }

  async #pass(): Promise<void> {
    if (this.#length === 0) return
    await this.#underWay
    const bytes = this.#bytes
    const writing = this.#write(bytes.subarray(0, this.#length), this.#offset)
    // Whoever adds next, or ends, is told.
    writing.catch(() => undefined)
    this.#underWay = writing
    this.#length = 0
    // The one before is written: its buffer is free.
    this.#bytes = this.#spare ?? Buffer.allocUnsafeSlow(this.#pieceBytes)
    this.#spare = bytes
  }
}
