// What a guest's console said, as far as it is kept.

/** Bytes that are kept, at least; a boot says some 20 KiB. */
const KEPT_BYTES = 256 * 1024
/** What an error or an exit carries of it. */
const TAIL_LINES = 40
const TAIL_BYTES = 4096

export class ConsoleLog {
  #chunks: Uint8Array[] = []
  #bytes = 0
  /** Chunks that are not kept any more. */
  #dropped = 0
  #isOver = false
  #waiting: (() => void)[] = []

  append(bytes: Uint8Array): void {
    this.#chunks.push(bytes)
    this.#bytes += bytes.length
    while (this.#bytes - this.#chunks[0]!.length >= KEPT_BYTES) {
      this.#bytes -= this.#chunks.shift()!.length
      this.#dropped++
    }
    this.#wake()
  }

  /** Nothing more will come. */
  end(): void {
    this.#isOver = true
    this.#wake()
  }

  /** The last lines, as text. */
  tail(): string {
    const last: Uint8Array[] = []
    let bytes = 0
    for (let i = this.#chunks.length - 1; i >= 0 && bytes < TAIL_BYTES; i--) {
      last.unshift(this.#chunks[i]!)
      bytes += this.#chunks[i]!.length
    }
    const all = new Uint8Array(bytes)
    let at = 0
    for (const chunk of last) {
      all.set(chunk, at)
      at += chunk.length
    }
    const lines = new TextDecoder().decode(all.subarray(Math.max(0, bytes - TAIL_BYTES))).replaceAll('\r', '').trimEnd().split('\n')
    return lines.slice(-TAIL_LINES).join('\n')
  }

  /** The chunks, oldest first; with `follow` until the end. A reader that is too slow misses what is not kept any more. */
  async *read(follow: boolean): AsyncGenerator<Uint8Array> {
    for (let next = this.#dropped; ; ) {
      while (next < this.#dropped + this.#chunks.length) {
        next = Math.max(next, this.#dropped)
        yield this.#chunks[next++ - this.#dropped]!
      }
      if (!follow || this.#isOver) return
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  #wake(): void {
    for (const each of this.#waiting.splice(0)) each()
  }
}
