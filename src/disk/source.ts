// What conversions and comparisons read.

import { checkAborted } from '../aborted.ts'
import type { Disk } from './disk.ts'

/** The reading half of a disk. */
export type DiskSource = Pick<Disk, 'sizeBytes' | 'read' | 'extents'>

/** How long work on a disk is watched, and ended early. */
export interface DiskWorkOptions {
  readonly signal?: AbortSignal | undefined
  /** Called now and then with how much is done, 0 to 1. */
  readonly onProgress?: ((done: number) => void) | undefined
}

/** A range of a disk, in bytes. */
export interface Range {
  readonly offset: number
  readonly length: number
}

/** How much of a disk is read at once: a whole number of clusters of every size, but for the end of the disk. */
export const CHUNK_BYTES = 2 << 20

/** The chunks of a disk that hold any data, in order. The rest reads as zeros. */
export async function* dataChunks(source: DiskSource, options: DiskWorkOptions = {}): AsyncGenerator<Range> {
  let done = 0
  for await (const extent of source.extents(0, source.sizeBytes)) {
    if (extent.kind === 'zero' || extent.kind === 'unallocated') continue
    const end = extent.offset + extent.length
    for (let offset = Math.max(done, chunkStart(extent.offset)); offset < end; offset = done) {
      checkAborted(options.signal)
      done = Math.min(chunkStart(offset) + CHUNK_BYTES, source.sizeBytes)
      yield { offset, length: done - offset }
      options.onProgress?.(done / source.sizeBytes)
    }
  }
  checkAborted(options.signal)
}

function chunkStart(offset: number): number {
  return offset - (offset % CHUNK_BYTES)
}

/** Reads a range into new bytes, or into `bytes`, which are as long. */
export async function readRange(source: DiskSource, { offset, length }: Range, bytes = new Uint8Array(length)): Promise<Uint8Array<ArrayBuffer>> {
  await source.read(offset, bytes)
  return bytes
}

/** Buffers of a chunk each, used again and again: fresh memory costs more than the copy into it. */
export class ChunkBuffers {
  readonly #free: Uint8Array<ArrayBuffer>[] = []

  /** A buffer of `length` bytes, at most a chunk, that starts its ArrayBuffer and holds anything. */
  take(length: number): Uint8Array<ArrayBuffer> {
    const buffer = this.#free.pop() ?? new Uint8Array(CHUNK_BYTES)
    return buffer.subarray(0, length)
  }

  /** Gives a buffer back that nobody uses any more. */
  give(bytes: Uint8Array<ArrayBuffer>): void {
    this.#free.push(new Uint8Array(bytes.buffer))
  }
}

/** Whether all of `bytes`, which start their ArrayBuffer, is zero from `start`, a multiple of 4, to `end`. */
export function isZero(bytes: Uint8Array<ArrayBuffer>, start: number, end: number): boolean {
  const words = new Int32Array(bytes.buffer, start, (end - start) >> 2)
  const whole = words.length & ~7
  let i = 0
  for (; i < whole; i += 8) {
    const low = words[i]! | words[i + 1]! | words[i + 2]! | words[i + 3]!
    const high = words[i + 4]! | words[i + 5]! | words[i + 6]! | words[i + 7]!
    if ((low | high) !== 0) return false
  }
  for (; i < words.length; i++) if (words[i] !== 0) return false
  for (let at = start + words.length * 4; at < end; at++) if (bytes[at] !== 0) return false
  return true
}
