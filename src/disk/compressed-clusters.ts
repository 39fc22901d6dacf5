// Reads compressed clusters: the core has located them, the codec inflates them.

import { ExtentKind } from './abi.ts'
import type { Codec } from './codec.ts'
import { InflatedClusters } from './inflated-clusters.ts'
import type { MappedExtent, OpenLayer } from './open-layer.ts'

/** Clusters that lie side by side are read together, up to this. */
const READ_TOGETHER_BYTES = 1 << 20

export class CompressedClusters {
  readonly #codec: Codec
  readonly #inflated = new InflatedClusters()

  constructor(codec: Codec) {
    this.#codec = codec
  }

  /** The extents from the `first` on, which is compressed and in `layer`, that can be read in one piece: whole, and side by side. */
  group(layer: OpenLayer, extents: readonly MappedExtent[], first: number): MappedExtent[] {
    const start = extents[first]!
    const group = [start]
    const isWhole = (extent: MappedExtent): boolean => extent.length === layer.clusterBytes
    let end = start.hostOffset + start.hostBytes
    for (let i = first + 1; i < extents.length && isWhole(start); i++) {
      const next = extents[i]!
      // Sizes are in whole sectors, so neighbours share a part of one.
      const isNear = next.hostOffset <= end && next.hostOffset > extents[i - 1]!.hostOffset
      if (next.kind !== ExtentKind.COMPRESSED || next.depth !== start.depth || !isWhole(next) || !isNear) break
      end = next.hostOffset + next.hostBytes
      if (end - start.hostOffset > READ_TOGETHER_BYTES) break
      group.push(next)
    }
    return group
  }

  /** Fills `target` with a group's guest bytes. */
  async read(layer: OpenLayer, group: readonly MappedExtent[], target: Uint8Array): Promise<void> {
    const first = group[0]!
    if (first.length < layer.clusterBytes) {
      const cluster = await this.#inflated.get(first.depth, first.hostOffset, async () => {
        const inflated = new Uint8Array(layer.clusterBytes)
        await this.#codec.inflate(layer.method, await load(layer, group), inflated)
        return inflated
      })
      const within = first.offset % layer.clusterBytes
      target.set(cluster.subarray(within, within + first.length))
      return
    }
    const source = await load(layer, group)
    await Promise.all(
      group.map(async ({ hostOffset, hostBytes, offset, length }) => {
        const at = hostOffset - first.hostOffset
        const into = target.subarray(offset - first.offset, offset - first.offset + length)
        await this.#codec.inflate(layer.method, source.subarray(at, at + hostBytes), into)
      }),
    )
  }
}

/** The bytes of the file from a group's first cluster to its last. */
async function load(layer: OpenLayer, group: readonly MappedExtent[]): Promise<Uint8Array> {
  const start = group[0]!.hostOffset
  const last = group[group.length - 1]!
  const source = new Uint8Array(last.hostOffset + last.hostBytes - start)
  return source.subarray(0, await layer.file.read(source, start))
}
