// The bytes of a file, immutable: pages that are interned (equal bytes, one object) in a sparse
// map. A million crash images share a few thousand pages, and comparing two contents exactly is
// comparing page objects.

import { hashWords, mix } from './hash.ts'

export const PAGE_BYTES = 4096
export const SECTOR_BYTES = 512

/** At most 4,096 bytes without their trailing zeros; a page of zeros has no object. */
export interface Page {
  readonly bytes: Uint8Array
  /** The same bytes, padded to words. */
  readonly words: Int32Array
  readonly low: number
  readonly high: number
  /** Tells pages apart in tables; no other meaning. */
  readonly number: number
}

const pool = new Map<number, Page[]>()
let pages = 0
const scratch = new Uint8Array(PAGE_BYTES)
const scratchWords = new Int32Array(scratch.buffer)

/** The one page with these bytes, or null for zeros. Does not keep `bytes`. */
export function internPage(bytes: Uint8Array): Page | null {
  scratch.set(bytes)
  scratch.fill(0, bytes.length)
  return internScratch()
}

function internScratch(): Page | null {
  let words = PAGE_BYTES / 4
  while (words > 0 && scratchWords[words - 1] === 0) words--
  if (words === 0) return null
  const hash = hashWords(scratchWords, words)
  let same = pool.get(hash.low)
  if (same === undefined) {
    same = []
    pool.set(hash.low, same)
  }
  for (const page of same) if (page.high === hash.high && equalsScratch(page.words, words)) return page
  let length = words * 4
  while (scratch[length - 1] === 0) length--
  const page: Page = { bytes: scratch.slice(0, length), words: scratchWords.slice(0, words), low: hash.low, high: hash.high, number: pages++ }
  same.push(page)
  return page
}

function equalsScratch(page: Int32Array, words: number): boolean {
  if (page.length !== words) return false
  for (let i = 0; i < words; i++) if (page[i] !== scratchWords[i]) return false
  return true
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** What patching a page gave, by old page and place: one write is tried on many variants of a file. */
export type PatchMemo = Map<number, Map<number, Page | null>>

/** A file's length and pages. Pages beyond the length may be there (data written, size lost); `clip` drops them. */
export class Content {
  static readonly EMPTY: Content = new Content(0, new Map(), 0, 0)

  readonly length: number
  readonly pages: ReadonlyMap<number, Page>
  /** Of the pages alone. */
  readonly #low: number
  readonly #high: number
  /** A hash of all of it. */
  readonly low: number
  readonly high: number
  #clipped: Content | undefined
  /** What a reader made of these bytes (oracle.ts): reading the same content twice is waste. */
  parsed: unknown = undefined

  private constructor(length: number, pages: ReadonlyMap<number, Page>, low: number, high: number) {
    this.length = length
    this.pages = pages
    this.#low = low
    this.#high = high
    this.low = mix(low, length)
    this.high = mix(high, length)
  }

  static of(bytes: Uint8Array): Content {
    return Content.EMPTY.write(0, bytes).resize(bytes.length)
  }

  equals(other: Content): boolean {
    if (this === other) return true
    if (this.length !== other.length || this.pages.size !== other.pages.size) return false
    for (const [index, page] of this.pages) if (other.pages.get(index) !== page) return false
    return true
  }

  /** With the part of `bytes` from `from` to `to` at `offset + from`; the length stays. */
  write(offset: number, bytes: Uint8Array, from = 0, to = bytes.length, memo?: PatchMemo): Content {
    if (from === to) return this
    const pages = new Map(this.pages)
    let low = this.#low
    let high = this.#high
    for (let at = from; at < to; ) {
      const index = Math.floor((offset + at) / PAGE_BYTES)
      const inPage = (offset + at) % PAGE_BYTES
      const take = Math.min(PAGE_BYTES - inPage, to - at)
      const old = pages.get(index)
      const fresh = memo === undefined ? patch(old, inPage, bytes, at, take) : patchOnce(memo, old, inPage, bytes, at, take)
      if (old !== undefined) {
        low = (low - mix(index, old.low)) | 0
        high = (high - mix(index, old.high)) | 0
      }
      if (fresh === null) pages.delete(index)
      else {
        pages.set(index, fresh)
        low = (low + mix(index, fresh.low)) | 0
        high = (high + mix(index, fresh.high)) | 0
      }
      at += take
    }
    return new Content(this.length, pages, low, high)
  }

  /** Another length: what is cut off is gone, what is new reads as zeros or as data written there before. */
  resize(length: number): Content {
    if (length === this.length) return this
    const base = length < this.length ? this.#cut(length) : this
    return new Content(length, base.pages, base.#low, base.#high)
  }

  /** Without bytes beyond the length, as a disk gives it back. */
  clip(): Content {
    this.#clipped ??= this.#cut(this.length)
    return this.#clipped
  }

  /** Fills `target` from `offset`; returns how many bytes there were. */
  read(target: Uint8Array, offset: number): number {
    const length = Math.max(0, Math.min(target.length, this.length - offset))
    for (let at = 0; at < length; ) {
      const inPage = (offset + at) % PAGE_BYTES
      const take = Math.min(PAGE_BYTES - inPage, length - at)
      const page = this.pages.get(Math.floor((offset + at) / PAGE_BYTES))
      target.fill(0, at, at + take)
      if (page !== undefined && page.bytes.length > inPage) target.set(page.bytes.subarray(inPage, Math.min(page.bytes.length, inPage + take)), at)
      at += take
    }
    return length
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.length)
    this.read(all, 0)
    return all
  }

  #cut(length: number): Content {
    let cut: Content | undefined
    const last = Math.floor(length / PAGE_BYTES)
    for (const index of this.pages.keys()) {
      const from = index === last ? length % PAGE_BYTES : 0
      if (index < last || (index === last && this.pages.get(index)!.bytes.length <= from)) continue
      cut = (cut ?? this).write(index * PAGE_BYTES + from, new Uint8Array(PAGE_BYTES - from))
    }
    return cut ?? this
  }
}

function patch(old: Page | undefined, inPage: number, bytes: Uint8Array, at: number, take: number): Page | null {
  if (take < PAGE_BYTES) {
    scratch.fill(0)
    if (old !== undefined) scratch.set(old.bytes)
  }
  scratch.set(at === 0 && take === bytes.length ? bytes : bytes.subarray(at, at + take), inPage)
  return internScratch()
}

function patchOnce(memo: PatchMemo, old: Page | undefined, inPage: number, bytes: Uint8Array, at: number, take: number): Page | null {
  const whole = take === PAGE_BYTES || old === undefined ? -1 : old.number
  let places = memo.get(whole)
  if (places === undefined) {
    places = new Map()
    memo.set(whole, places)
  }
  // `inPage` follows from `at`, as the write has one offset.
  const place = at * (PAGE_BYTES + 1) + take
  let fresh = places.get(place)
  if (fresh === undefined) {
    fresh = patch(old, inPage, bytes, at, take)
    places.set(place, fresh)
  }
  return fresh
}
