// Heads of frozen layers, kept from operation to operation, so that a snapshot on a long chain does not read the whole chain
// again. Such a head changes by merging alone, which keeps the layer's size and only shortens its chain: what is remembered
// names the same disk, at most through more layers than it has by now; the core reads anew what is refused for that, and what
// it has to be sure of.

import type { FileHead } from '../host.ts'

const LIMIT = 4096

interface Kept {
  readonly fileBytes: number
  readonly headBytes: number
  /** Without the zeros at its end, which are most of it. */
  readonly start: Uint8Array
}

/** Remembers at most 4,096 heads, the last ones used. */
export class HeadMemory {
  readonly #heads = new Map<string, Kept>()

  get(layer: string): FileHead | null {
    const kept = this.#heads.get(layer)
    if (!kept) return null
    this.#heads.delete(layer)
    this.#heads.set(layer, kept)
    const bytes = new Uint8Array(kept.headBytes)
    bytes.set(kept.start)
    return { fileBytes: kept.fileBytes, bytes }
  }

  forget(layer: string): void {
    this.#heads.delete(layer)
  }

  put(layer: string, { fileBytes, bytes }: FileHead): void {
    const end = bytes.findLastIndex((byte) => byte !== 0) + 1
    this.#heads.set(layer, { fileBytes, headBytes: bytes.length, start: bytes.slice(0, end) })
    for (const oldest of this.#heads.keys()) {
      if (this.#heads.size <= LIMIT) break
      this.#heads.delete(oldest)
    }
  }
}
