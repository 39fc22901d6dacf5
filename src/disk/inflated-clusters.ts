// The compressed clusters inflated last, for readers that take them in small pieces.

const LIMIT_BYTES = 4 << 20

export class InflatedClusters {
  /** In the order in which they came. `bytes` is 0 while a cluster is being inflated. */
  readonly #clusters = new Map<string, { readonly content: Promise<Uint8Array>; bytes: number }>()
  #bytes = 0

  /** The cluster at `hostOffset` of layer `depth`, inflated by `load` where it is not kept. A failed load is not kept. */
  async get(depth: number, hostOffset: number, load: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const key = `${depth}:${hostOffset}`
    const kept = this.#clusters.get(key)
    if (kept !== undefined) return await kept.content
    const entry = { content: load(), bytes: 0 }
    this.#clusters.set(key, entry)
    try {
      const cluster = await entry.content
      entry.bytes = cluster.length
      this.#bytes += cluster.length
      this.#evict()
      return cluster
    } catch (error) {
      this.#clusters.delete(key)
      throw error
    }
  }

  /** Lets go of the oldest until the rest is within the limit. */
  #evict(): void {
    for (const [key, { bytes }] of this.#clusters) {
      if (this.#bytes <= LIMIT_BYTES) return
      if (bytes === 0) continue
      this.#clusters.delete(key)
      this.#bytes -= bytes
    }
  }
}
