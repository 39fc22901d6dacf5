// Heads of frozen layers, kept from operation to operation, so that a snapshot on a long chain does not read the whole chain
// again. Such a head changes by merging alone, which keeps the layer's size and only shortens its chain: what is remembered
// names the same disk, at most through more layers than it has by now; the core reads anew what is refused for that, and what
// it has to be sure of. What lies below what says which of those it will want.

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
  readonly #below = new Map<string, string>()

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
    dropOldest(this.#heads)
  }

  /** Notes which layer was found below another one. */
  link(layer: string, below: string): void {
    this.#below.delete(layer)
    this.#below.set(layer, below)
    dropOldest(this.#below)
  }

  /** A layer, and those that were found below it when they were last looked at. They may be others by now. */
  chain(layer: string): string[] {
    const names = new Set<string>()
    for (let name: string | undefined = layer; name !== undefined && !names.has(name); name = this.#below.get(name)) names.add(name)
    return [...names]
  }
}

function dropOldest(map: Map<string, unknown>): void {
  for (const oldest of map.keys()) {
    if (map.size <= LIMIT) break
    map.delete(oldest)
  }
}
