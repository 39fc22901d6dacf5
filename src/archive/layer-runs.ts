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

type ClusterState = Run['kind'] | 'absent'

/** What of a chain an archived layer is made of. */
export interface LayerSpan {
  readonly disk: Disk
  /** How many layers, from the top, the archived layer stands for. */
  readonly depth: number
  /** Whether nothing is below them: then zeros need not be said. */
  readonly bottom: boolean
  /** Whether the image is raw: then every cluster is read, and one that is all zeros is left out. */
  readonly raw: boolean
}

/**
 * The runs of a span, in ascending order and as long as can be. A cluster that the span holds only in part (images with other
 * cluster sizes) is data as a whole, as seen from the span's top.
 */
export async function* layerRuns(span: LayerSpan): AsyncGenerator<Run, void, undefined> {
  let run: Run | null = null
  for await (const next of span.raw ? scannedClusters(span.disk) : mappedClusters(span)) {
    if (run !== null && next.kind === run.kind && run.offset + run.length === next.offset) {
      run = { kind: run.kind, offset: run.offset, length: run.length + next.length }
      continue
    }
    if (run !== null) yield run
    run = next
  }
  if (run !== null) yield run
}

async function* mappedClusters(span: LayerSpan): AsyncGenerator<Run, void, undefined> {
  const { disk } = span
  // The states seen in the cluster that no extent has filled yet.
  let seen = new Set<ClusterState>()
  for await (const extent of disk.extents(0, disk.sizeBytes)) {
    const state = stateOf(extent, span)
    const end = extent.offset + extent.length
    for (let at = extent.offset; at < end; ) {
      const whole = at % CLUSTER_BYTES === 0 ? end - at - ((end - at) % CLUSTER_BYTES) : 0
      if (whole > 0) {
        if (state !== 'absent') yield { kind: state, offset: at, length: whole }
        at += whole
        continue
      }
      const start = at - (at % CLUSTER_BYTES)
      const clusterEnd = Math.min(start + CLUSTER_BYTES, disk.sizeBytes)
      seen.add(state)
      at = Math.min(end, clusterEnd)
      if (at < clusterEnd) continue
      const kind = seen.size > 1 ? 'data' : state
      if (kind !== 'absent') yield { kind, offset: start, length: clusterEnd - start }
      seen = new Set()
    }
  }
}

function stateOf({ kind, depth }: Extent, span: LayerSpan): ClusterState {
  if (kind === 'unallocated' || depth >= span.depth) return 'absent'
  if (kind !== 'zero') return 'data'
  return span.bottom ? 'absent' : 'zero'
}

async function* scannedClusters(disk: Disk): AsyncGenerator<Run, void, undefined> {
  const buffer = new Uint8Array(16 * CLUSTER_BYTES)
  for (let offset = 0; offset < disk.sizeBytes; offset += buffer.length) {
    const part = buffer.subarray(0, Math.min(buffer.length, disk.sizeBytes - offset))
    await disk.read(offset, part)
    for (let at = 0; at < part.length; at += CLUSTER_BYTES) {
      const cluster = part.subarray(at, at + CLUSTER_BYTES)
      if (!isZero(cluster)) yield { kind: 'data', offset: offset + at, length: cluster.length }
    }
  }
}

function isZero(bytes: Uint8Array): boolean {
  const words = new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length >> 3)
  return words.every((word) => word === 0n) && bytes.subarray(words.length << 3).every((byte) => byte === 0)
}
