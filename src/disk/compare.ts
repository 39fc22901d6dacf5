// Compares the content of two disks.

import { checkAborted } from '../aborted.ts'
import { inOrder } from './pipeline.ts'
import { CHUNK_BYTES, ChunkBuffers, type DiskSource, type DiskWorkOptions, dataChunks, type Range } from './source.ts'

/** How two disks compare. */
export interface Comparison {
  /** Where the content first differs, in bytes; null where it does not. Behind the shorter disk's end it is compared with zeros. */
  readonly firstDifference: number | null
  /** Whether the sizes are equal. Disks of one content that differ in size differ in zeros at the end only. */
  readonly sameSize: boolean
}

/** Compares `a` with `b` to the first difference. */
export async function compareDisks(a: DiskSource, b: DiskSource, options: DiskWorkOptions = {}): Promise<Comparison> {
  const sameSize = a.sizeBytes === b.sizeBytes
  const larger = Math.max(a.sizeBytes, b.sizeBytes)
  const found: { firstDifference: number | null } = { firstDifference: null }
  const buffers = new ChunkBuffers()
  const chunks = untilFound(eitherChunks(dataChunks(a), dataChunks(b)), found, larger, options)
  await inOrder(
    chunks,
    async (offset) => {
      const [left, right] = await Promise.all([readPadded(a, offset, buffers), readPadded(b, offset, buffers)])
      return { offset, left, right }
    },
    async ({ offset, left, right }) => {
      const at = found.firstDifference === null ? firstDifference(left, right) : -1
      if (at >= 0) found.firstDifference = offset + at
      buffers.give(left)
      buffers.give(right)
    },
  )
  options.onProgress?.(1)
  return { firstDifference: found.firstDifference, sameSize }
}

async function* untilFound(
  chunks: AsyncIterable<number>,
  found: { readonly firstDifference: number | null },
  larger: number,
  options: DiskWorkOptions,
): AsyncGenerator<number> {
  for await (const offset of chunks) {
    checkAborted(options.signal)
    if (found.firstDifference !== null) return
    yield offset
    options.onProgress?.(Math.min(1, (offset + CHUNK_BYTES) / larger))
  }
  checkAborted(options.signal)
}

/** The starts of the chunks that hold data in `a` or in `b`, in order. */
async function* eitherChunks(a: AsyncGenerator<Range>, b: AsyncGenerator<Range>): AsyncGenerator<number> {
  let left = await a.next()
  let right = await b.next()
  while (left.done !== true || right.done !== true) {
    const leftAt = left.done === true ? Infinity : left.value.offset
    const rightAt = right.done === true ? Infinity : right.value.offset
    yield Math.min(leftAt, rightAt)
    if (leftAt <= rightAt) left = await a.next()
    if (rightAt <= leftAt) right = await b.next()
  }
}

/** One chunk from `offset` on, zeros behind the end of the disk. */
async function readPadded(source: DiskSource, offset: number, buffers: ChunkBuffers): Promise<Uint8Array<ArrayBuffer>> {
  const length = Math.max(0, Math.min(CHUNK_BYTES, source.sizeBytes - offset))
  const bytes = buffers.take(CHUNK_BYTES)
  if (length > 0) await source.read(offset, bytes.subarray(0, length))
  return bytes.fill(0, length)
}

/** Where two chunks first differ, or -1. */
function firstDifference(left: Uint8Array<ArrayBuffer>, right: Uint8Array<ArrayBuffer>): number {
  const leftWords = new Int32Array(left.buffer)
  const rightWords = new Int32Array(right.buffer)
  for (let i = 0; i < leftWords.length; i++) {
    if (leftWords[i] === rightWords[i]) continue
    let at = i * 4
    while (left[at] === right[at]) at++
    return at
  }
  return -1
}
