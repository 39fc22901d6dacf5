// A sparse byte object in memory, in pages: a large disk costs what was written to it.

import { BoxLiteError } from '../error.ts'
import type { LayerFile } from '../host.ts'

const PAGE_BYTES = 64 * 1024

/** What every open file of one name has in common. A page that is absent reads as zeros. */
export interface MemoryContent {
  readonly pages: Map<number, Uint8Array>
  lengthBytes: number
}

export class MemoryFile implements LayerFile {
  readonly #content: MemoryContent
  readonly #writable: boolean
  #open = true

  constructor(content: MemoryContent, writable: boolean) {
    this.#content = content
    this.#writable = writable
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    this.#check(false)
    const length = Math.max(0, Math.min(target.length, this.#content.lengthBytes - offset))
    for (const part of pagesOf(offset, length)) {
      const page = this.#content.pages.get(part.page)
      const into = target.subarray(part.at, part.at + part.length)
      if (page === undefined) into.fill(0)
      else into.set(page.subarray(part.start, part.start + part.length))
    }
    return length
  }

  async write(source: Uint8Array, offset: number): Promise<void> {
    this.#check(true)
    for (const part of pagesOf(offset, source.length)) {
      let page = this.#content.pages.get(part.page)
      if (page === undefined) this.#content.pages.set(part.page, (page = new Uint8Array(PAGE_BYTES)))
      page.set(source.subarray(part.at, part.at + part.length), part.start)
    }
    if (source.length > 0) this.#content.lengthBytes = Math.max(this.#content.lengthBytes, offset + source.length)
  }

  async truncate(length: number): Promise<void> {
    this.#check(true)
    this.#clear(length, Math.max(0, this.#content.lengthBytes - length))
    this.#content.lengthBytes = length
  }

  async punchHole(offset: number, length: number): Promise<void> {
    this.#check(true)
    this.#clear(offset, Math.max(0, Math.min(length, this.#content.lengthBytes - offset)))
  }

  async size(): Promise<number> {
    this.#check(false)
    return this.#content.lengthBytes
  }

  async sync(): Promise<void> {
    this.#check(false)
  }

  async close(): Promise<void> {
    this.#open = false
  }

  #clear(offset: number, length: number): void {
    for (const part of pagesOf(offset, length)) {
      if (part.length === PAGE_BYTES) this.#content.pages.delete(part.page)
      else this.#content.pages.get(part.page)?.fill(0, part.start, part.start + part.length)
    }
  }

  #check(writes: boolean): void {
    if (!this.#open) throw new BoxLiteError('invalid_state', 'This file is closed')
    if (writes && !this.#writable) throw new BoxLiteError('invalid_state', 'This file is open for reading only')
  }
}

/** Cuts a range at page boundaries: `at` counts from the range's start, `start` from the page's. */
function* pagesOf(offset: number, length: number): Generator<{ page: number; start: number; at: number; length: number }> {
  for (let at = 0; at < length; ) {
    const page = Math.floor((offset + at) / PAGE_BYTES)
    const start = offset + at - page * PAGE_BYTES
    const size = Math.min(PAGE_BYTES - start, length - at)
    yield { page, start, at, length: size }
    at += size
  }
}
