// 64-bit hashes as two 32-bit lanes (a JavaScript number holds 53 bits), a set of them, and a
// seeded generator. Nothing here is cryptographic: exact comparison of contents is by interned
// pages (content.ts); hashes only tell crash states apart when they are counted.

/** A 64-bit hash. */
export interface Hash {
  readonly low: number
  readonly high: number
}

/** Mixes two words into one; murmur3's finalizer, so that sums of mixed words do not cancel out. */
export function mix(a: number, b: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x7f4a7c15, 0xc2b2ae35)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) | 0
}

/** Hashes the first `count` words. */
export function hashWords(words: Int32Array, count: number): Hash {
  let low = 0x2f0b4a27 ^ count
  let high = 0x6c1e99d3 + count
  for (let i = 0; i < count; i++) {
    low = step(low, words[i]!, 0xcc9e2d51)
    high = step(high, words[i]!, 0x1b873593)
  }
  return { low: mix(low, high), high: mix(high, low ^ 0x5bd1e995) }
}

function step(hash: number, word: number, factor: number): number {
  let k = Math.imul(word, factor)
  k = Math.imul((k << 15) | (k >>> 17), 0x9e3779b1)
  const h = hash ^ k
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
}

const texts = new Map<string, Hash>()
const encoder = new TextEncoder()

/** The hash of a text; remembered, because few texts are asked for often. */
export function hashText(text: string): Hash {
  let hash = texts.get(text)
  if (hash === undefined) {
    if (texts.size > 200_000) texts.clear()
    const bytes = encoder.encode(text)
    const words = new Int32Array(Math.ceil(bytes.length / 4) + 1)
    new Uint8Array(words.buffer).set(bytes)
    words[words.length - 1] = bytes.length
    hash = hashWords(words, words.length)
    texts.set(text, hash)
  }
  return hash
}

/** A set of 64-bit hashes in flat memory: 8 bytes an entry, so that millions fit. */
export class HashSet {
  #slots: Int32Array
  #count = 0
  #hasZero = false

  constructor(slots = 1 << 16) {
    this.#slots = new Int32Array(slots * 2)
  }

  get size(): number {
    return this.#count + (this.#hasZero ? 1 : 0)
  }

  /** Adds a hash; false when it was there. */
  add(low: number, high: number): boolean {
    if (low === 0 && high === 0) {
      const isNew = !this.#hasZero
      this.#hasZero = true
      return isNew
    }
    if (this.#count * 3 > this.#slots.length) this.#grow()
    return this.#insert(low | 0, high | 0)
  }

  has(low: number, high: number): boolean {
    if (low === 0 && high === 0) return this.#hasZero
    const slot = this.#find(low | 0, high | 0)
    return this.#slots[slot * 2] !== 0 || this.#slots[slot * 2 + 1] !== 0
  }

  #insert(low: number, high: number): boolean {
    const slot = this.#find(low, high)
    if (this.#slots[slot * 2] !== 0 || this.#slots[slot * 2 + 1] !== 0) return false
    this.#slots[slot * 2] = low
    this.#slots[slot * 2 + 1] = high
    this.#count++
    return true
  }

  /** Where a hash is, or the free place where it belongs. */
  #find(low: number, high: number): number {
    const mask = this.#slots.length / 2 - 1
    for (let slot = (low ^ (high >>> 7)) & mask; ; slot = (slot + 1) & mask) {
      const haveLow = this.#slots[slot * 2]!
      const haveHigh = this.#slots[slot * 2 + 1]!
      if ((haveLow === low && haveHigh === high) || (haveLow === 0 && haveHigh === 0)) return slot
    }
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Int32Array(old.length * 2)
    this.#count = 0
    for (let i = 0; i < old.length; i += 2) if (old[i] !== 0 || old[i + 1] !== 0) this.#insert(old[i]!, old[i + 1]!)
  }
}

/** A seeded generator (mulberry32): the same seed, the same run. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** A whole number from 0 to `bound - 1`. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * bound)
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!
  }
}
