// Messages over the boundary: a sequence of fields whose order both sides know. A number is an f64, bytes and
// text are a u32 length and that many bytes, all little-endian and unaligned. Text is UTF-8.

import { decodeText, encodeText } from '../core/text.ts'

/** Builds a message; reused from message to message. */
export class MessageWriter {
  #bytes = new Uint8Array(1024)
  #view = new DataView(this.#bytes.buffer)
  #length = 0

  /** The message so far; valid until the next write. */
  get message(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  clear(): this {
    this.#length = 0
    return this
  }

  number(value: number): this {
    const at = this.#grow(8)
    this.#view.setFloat64(at, value, true)
    return this
  }

  bytes(value: Uint8Array): this {
    const at = this.#grow(4 + value.length)
    this.#view.setUint32(at, value.length, true)
    this.#bytes.set(value, at + 4)
    return this
  }

  text(value: string): this {
    return this.bytes(encodeText(value))
  }

  /** Text that may be absent: a number 0 or 1 and then the text. */
  optionalText(value: string | null): this {
    return value === null ? this.number(0) : this.number(1).text(value)
  }

  #grow(byteLength: number): number {
    const at = this.#length
    this.#length += byteLength
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length))
      larger.set(this.#bytes)
      this.#bytes = larger
      this.#view = new DataView(larger.buffer)
    }
    return at
  }
}

/** Reads a message, field by field. What it gives out is a copy. */
export class MessageReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at: number

  constructor(memory: Uint8Array, at: number) {
    this.#bytes = memory
    this.#view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength)
    this.#at = at
  }

  number(): number {
    const value = this.#view.getFloat64(this.#at, true)
    this.#at += 8
    return value
  }

  bytes(): Uint8Array {
    const length = this.#view.getUint32(this.#at, true)
    const start = this.#at + 4
    this.#at = start + length
    return this.#bytes.slice(start, this.#at)
  }

  text(): string {
    return decodeText(this.bytes())
  }
}
