// Reads compressed clusters: the core has located them, the codec inflates them.

import type { Codec } from './codec.ts'
import { InflatedClusters } from './inflated-clusters.ts'
import type { MappedExtent, OpenLayer } from './open-layer.ts'

/** Clusters that lie side by side in a file are read together, up to this. */
const READ_TOGETHER_BYTES = 1 << 20

/** Guest bytes of one compressed cluster, and where they are wanted. */
export interface CompressedPart {
  readonly layer: OpenLayer
  readonly extent: MappedExtent
  readonly target: Uint8Array
}

export class CompressedClusters {
  readonly #codec: Codec
  readonly #inflated = new InflatedClusters()

  constructor(codec: Codec) {
    this.#codec = codec
  }

  /** Fills the target of every part. */
  async read(parts: readonly CompressedPart[]): Promise<void> {
    const whole: CompressedPart[] = []
    const jobs: Promise<void>[] = []
    for (const part of parts) {
      if (part.extent.length === part.layer.clusterBytes) whole.push(part)
      else jobs.push(this.#readPiece(part))
    }
    for (const span of spans(whole)) jobs.push(this.#readSpan(span))
    await Promise.all(jobs)
  }

  /** A piece of a cluster: its other pieces are likely to be read next. */
  async #readPiece({ layer, extent, target }: CompressedPart): Promise<void> {
    const { depth, hostOffset, hostBytes, offset, length } = extent
    const cluster = await this.#inflated.get(depth, hostOffset, async () => {
      const inflated = new Uint8Array(layer.clusterBytes)
      await this.#codec.inflate(layer.method, await load(layer, hostOffset, hostBytes), inflated)
      return inflated
    })
    const within = offset % layer.clusterBytes
    target.set(cluster.subarray(within, within + length))
  }

  async #readSpan(span: readonly CompressedPart[]): Promise<void> {
    const { layer, extent } = span[0]!
    const start = extent.hostOffset
    const source = await load(layer, start, endOf(span.at(-1)!) - start)
    await Promise.all(
      span.map(async ({ extent: { hostOffset, hostBytes }, target }) => {
        await this.#codec.inflate(layer.method, source.subarray(hostOffset - start, hostOffset - start + hostBytes), target)
      }),
    )
  }
}

/** The parts by where they are in their files, cut into runs that can be read in one piece. The guest's order is often another. */
function spans(parts: readonly CompressedPart[]): CompressedPart[][] {
  const sorted = parts.toSorted((a, b) => a.extent.depth - b.extent.depth || a.extent.hostOffset - b.extent.hostOffset)
  const found: CompressedPart[][] = []
  for (const part of sorted) {
    const span = found.at(-1)
    const [first] = span ?? []
    // Sizes are in whole sectors, so neighbours share a part of one.
    const isNear = first?.layer === part.layer && part.extent.hostOffset <= endOf(span!.at(-1)!)
    if (isNear && endOf(part) - first.extent.hostOffset <= READ_TOGETHER_BYTES) span!.push(part)
    else found.push([part])
  }
  return found
}

function endOf({ extent }: CompressedPart): number {
  return extent.hostOffset + extent.hostBytes
}

/** A range of the file, or as much of it as there is. */
async function load(layer: OpenLayer, offset: number, length: number): Promise<Uint8Array> {
  const source = new Uint8Array(length)
  return source.subarray(0, await layer.file.read(source, offset))
}
