// Copies what a disk shows into another, empty one.

import type { Disk } from './disk/disk.ts'
import { BoxLiteError } from './error.ts'

export interface CopyProgress {
  readonly stage: 'copy'
  readonly doneBytes: number
  readonly totalBytes: number
}

export interface CopyOptions {
  /** Ends the copy with `aborted`. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: CopyProgress) => void
}

const CHUNK_BYTES = 1024 * 1024
const CLUSTER_BYTES = 64 * 1024

/** Copies `source` into `target`, which reads as zeros and is at least as large. Clusters of zeros take no space. */
export async function copyDisk(source: Disk, target: Disk, { signal, onProgress }: CopyOptions = {}): Promise<void> {
  const buffer = new Uint8Array(CHUNK_BYTES)
  const totalBytes = source.sizeBytes
  for await (const { offset, length, kind } of source.extents(0, totalBytes)) {
    if (kind === 'data' || kind === 'compressed') {
      for (let at = offset; at < offset + length; at += CHUNK_BYTES) {
        if (signal?.aborted) throw new BoxLiteError('aborted', 'The copy was aborted', { cause: signal.reason })
        const chunk = buffer.subarray(0, Math.min(CHUNK_BYTES, offset + length - at))
        await source.read(at, chunk)
        await writeData(target, at, chunk)
        onProgress?.({ stage: 'copy', doneBytes: at + chunk.length, totalBytes })
      }
    }
    onProgress?.({ stage: 'copy', doneBytes: offset + length, totalBytes })
  }
}

/** Writes the runs of clusters that are not all zeros. */
async function writeData(target: Disk, offset: number, chunk: Uint8Array): Promise<void> {
  let start = 0
  while (start < chunk.length) {
    const end = clusterEnd(offset, start, chunk.length)
    if (isZero(chunk.subarray(start, end))) {
      start = end
      continue
    }
    let stop = end
    while (stop < chunk.length && !isZero(chunk.subarray(stop, clusterEnd(offset, stop, chunk.length)))) {
      stop = clusterEnd(offset, stop, chunk.length)
    }
    await target.write(offset + start, chunk.subarray(start, stop))
    start = stop
  }
}

function clusterEnd(offset: number, at: number, length: number): number {
  return Math.min(length, at + CLUSTER_BYTES - ((offset + at) % CLUSTER_BYTES))
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}
