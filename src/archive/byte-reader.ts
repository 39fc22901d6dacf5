// Reads a stream of chunks as bytes: exactly so many, or what there is.

import { BoxLiteError } from '../error.ts'

/** A reader over chunks of any size. It keeps one chunk and copies nothing but what it is asked for. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>
  #chunk: Uint8Array = new Uint8Array(0)

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** The next bytes, at least one and at most `limit`, as a view that is valid until the next call; null at the end. */
  async take(limit: number): Promise<Uint8Array | null> {
    while (this.#chunk.length === 0) {
      const next = await this.#source.next()
      if (next.done === true) return null
      this.#chunk = next.value
    }
    const part = this.#chunk.subarray(0, limit)
    this.#chunk = this.#chunk.subarray(part.length)
    return part
  }

  /** Fills `target`; `corrupt` where the stream ends before. */
  async readInto(target: Uint8Array): Promise<void> {
    for (let at = 0; at < target.length; ) {
      const part = await this.take(target.length - at)
      if (part === null) throw new BoxLiteError('corrupt', 'the archive ends too early', { facts: { missingBytes: target.length - at } })
      target.set(part, at)
      at += part.length
    }
  }

  /** Refuses bytes that follow with `corrupt`. */
  async expectEnd(): Promise<void> {
    if ((await this.take(1)) !== null) throw new BoxLiteError('corrupt', 'the archive has bytes after the end of a layer')
  }
}
