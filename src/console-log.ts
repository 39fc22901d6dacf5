// What a guest's console said, as far as it is kept.

/** Bytes that are kept, at least; a boot says some 20 KiB. */
const KEPT_BYTES = 256 * 1024
/** In blocks of their own, whatever pieces they come in: a guest that says one byte at a time takes no more. */
const BLOCK_BYTES = 4096
/** What an error or an exit carries of it. */
const TAIL_LINES = 40
const TAIL_BYTES = 4096

export class ConsoleLog {
  /** All full, but the last. */
  readonly #blocks: Uint8Array[] = []
  /** Where the first block begins in all that was ever said, and where that ends. */
  #start = 0
  #end = 0
  #isOver = false
  #waiting: (() => void)[] = []

  append(bytes: Uint8Array): void {
    for (let taken = 0; taken < bytes.length; ) {
      const at = this.#end % BLOCK_BYTES
      if (at === 0) this.#blocks.push(new Uint8Array(BLOCK_BYTES))
      const part = bytes.subarray(taken, taken + BLOCK_BYTES - at)
      this.#blocks.at(-1)!.set(part, at)
      taken += part.length
      this.#end += part.length
      if (this.#end - this.#start < KEPT_BYTES + BLOCK_BYTES) continue
      this.#blocks.shift()
      this.#start += BLOCK_BYTES
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
    const decoder = new TextDecoder()
    let text = ''
    for (let at = Math.max(this.#start, this.#end - TAIL_BYTES); at < this.#end; ) {
      const bytes = this.#from(at)
      text += decoder.decode(bytes, { stream: true })
      at += bytes.length
    }
    const lines = (text + decoder.decode()).replaceAll('\r', '').trimEnd().split('\n')
    return lines.slice(-TAIL_LINES).join('\n')
  }

  /** What was said, oldest first; with `follow` until the end. A reader that is too slow misses what is not kept any more. */
  async *read(follow: boolean): AsyncGenerator<Uint8Array> {
    for (let next = this.#start; ; ) {
      while (next < this.#end) {
        next = Math.max(next, this.#start)
        const bytes = this.#from(next)
        next += bytes.length
        yield bytes
      }
      if (!follow || this.#isOver) return
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** What there is of one block from a place on. */
  #from(at: number): Uint8Array {
    const offset = at % BLOCK_BYTES
    return this.#blocks[(at - this.#start - offset) / BLOCK_BYTES]!.slice(offset, Math.min(BLOCK_BYTES, offset + this.#end - at))
  }

  #wake(): void {
    for (const each of this.#waiting.splice(0)) each()
  }
}
