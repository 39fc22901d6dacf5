// Chunks that wait to be read, first in, first out.

/** Chunks shorter than this are gathered in blocks of this many bytes, so that a flood of tiny ones costs little more than its bytes. */
const BLOCK_BYTES = 4096

export class ByteQueue {
  #chunks: Uint8Array[] = []
  /** The block at the queue's end that small chunks are gathered in, and how much of it is used. */
  #block: Uint8Array | null = null
  #used = 0
  #length = 0

  /** Bytes in the queue. */
  get length(): number {
    return this.#length
  }

  /** Takes a chunk. One that is a small part of its buffer is copied, so as not to keep the whole buffer alive. */
  push(chunk: Uint8Array): void {
    this.#length += chunk.length
    if (chunk.length >= BLOCK_BYTES) {
      this.#closeBlock()
      this.#chunks.push(chunk.length * 2 < chunk.buffer.byteLength ? chunk.slice() : chunk)
      return
    }
    if (this.#block !== null && this.#used + chunk.length > BLOCK_BYTES) this.#closeBlock()
    this.#block ??= new Uint8Array(BLOCK_BYTES)
    this.#block.set(chunk, this.#used)
    this.#used += chunk.length
  }

  /** The next bytes, or null where there are none. */
  shift(): Uint8Array | null {
    if (this.#chunks.length === 0) this.#closeBlock()
    const chunk = this.#chunks.shift()
    if (chunk === undefined) return null
    this.#length -= chunk.length
    return chunk
  }

  clear(): void {
    this.#chunks = []
    this.#block = null
    this.#used = 0
    this.#length = 0
  }

  #closeBlock(): void {
    if (this.#block === null) return
    this.#chunks.push(this.#block.subarray(0, this.#used))
    this.#block = null
    this.#used = 0
  }
}
