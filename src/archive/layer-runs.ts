// What one archived layer holds: runs of whole clusters, data or zeros, relative to the layer below.

import type { Disk, Extent } from '../disk/disk.ts'

/** Granularity of an archived layer, in bytes: the cluster of the images that an import makes. */
export const CLUSTER_BYTES = 64 * 1024

/** A run of whole clusters (the disk's last one may be cut short). */
export interface Run {
  readonly kind: 'data' | 'zero'
  readonly offset: number
  readonly length: number
}

/** What an extent says of its clusters. `unknown`: a raw image says nothing, and they have to be read. */
type ClusterState = Run['kind'] | 'absent' | 'unknown'

/** What of a chain an archived layer is made of. */
export interface LayerSpan {
  readonly disk: Disk
  /** How many layers, from the top, the archived layer stands for. */
  readonly depth: number
  /** Whether nothing is below them: then zeros need not be said. */
  readonly bottom: boolean
  /** The depth of a raw image among them, which is the lowest: of it, clusters that are all zeros are left out. */
  readonly rawDepth: number | null
}

/** How much of a raw image is read at once, in bytes. */
const SCAN_BYTES = 16 * CLUSTER_BYTES

/**
 * The runs of a span, in ascending order and as long as can be. A cluster that the span holds only in part (images with other
 * cluster sizes) is data as a whole, as seen from the span's top.
 */
export async function* layerRuns(span: LayerSpan): AsyncGenerator<Run, void, undefined> {
  let run: Run | null = null
  for await (const next of clusterRuns(span)) {
    if (run !== null && next.kind === run.kind && run.offset + run.length === next.offset) {
      run = { kind: run.kind, offset: run.offset, length: run.length + next.length }
      continue
    }
    if (run !== null) yield run
    run = next
  }
  if (run !== null) yield run
}

async function* clusterRuns(span: LayerSpan): AsyncGenerator<Run, void, undefined> {
  const { disk } = span
  // The states seen in the cluster that no extent has filled yet.
  let seen = new Set<ClusterState>()
  for await (const extent of disk.extents(0, disk.sizeBytes)) {
    const state = stateOf(extent, span)
    const end = extent.offset + extent.length
    for (let at = extent.offset; at < end; ) {
      const whole = at % CLUSTER_BYTES === 0 ? end - at - ((end - at) % CLUSTER_BYTES) : 0
      if (whole > 0) {
        yield* runsOf(disk, state, at, whole)
        at += whole
        continue
      }
      const start = at - (at % CLUSTER_BYTES)
      const clusterEnd = Math.min(start + CLUSTER_BYTES, disk.sizeBytes)
      seen.add(state)
      at = Math.min(end, clusterEnd)
      if (at < clusterEnd) continue
      yield* runsOf(disk, seen.size > 1 ? 'data' : state, start, clusterEnd - start)
      seen = new Set()
    }
  }
}

function stateOf({ kind, depth }: Extent, span: LayerSpan): ClusterState {
  if (kind === 'unallocated' || depth >= span.depth) return 'absent'
  if (kind === 'zero') return span.bottom ? 'absent' : 'zero'
  return depth === span.rawDepth ? 'unknown' : 'data'
}

/** The runs in a range of whole clusters of one state. */
async function* runsOf(disk: Disk, state: ClusterState, offset: number, length: number): AsyncGenerator<Run, void, undefined> {
  if (state === 'unknown') yield* scannedRuns(disk, offset, length)
  else if (state !== 'absent') yield { kind: state, offset, length }
}

async function* scannedRuns(disk: Disk, offset: number, length: number): AsyncGenerator<Run, void, undefined> {
  const buffer = new Uint8Array(Math.min(SCAN_BYTES, length))
  for (let start = offset; start < offset + length; start += buffer.length) {
    const part = buffer.subarray(0, Math.min(buffer.length, offset + length - start))
    await disk.read(start, part)
    for (let at = 0; at < part.length; at += CLUSTER_BYTES) {
      const cluster = part.subarray(at, at + CLUSTER_BYTES)
      if (!isZero(cluster)) yield { kind: 'data', offset: start + at, length: cluster.length }
    }
  }
}

function isZero(bytes: Uint8Array): boolean {
  const words = new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length >> 3)
  return words.every((word) => word === 0n) && bytes.subarray(words.length << 3).every((byte) => byte === 0)
}
