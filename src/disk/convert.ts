// Converts a disk to another form: raw, a stream, or an image of our own form. What reads as zeros is never
// written, so that the copy is sparse.

import { BoxLiteError } from '../error.ts'
import type { LayerFile } from '../host.ts'
import { BulkImage, CLUSTER_BYTES } from './bulk-image.ts'
import type { Codec } from './codec.ts'
import { atOnce, inOrder } from './pipeline.ts'
import { CHUNK_BYTES, ChunkBuffers, type DiskSource, type DiskWorkOptions, dataChunks, isZero, type Range, readRange } from './source.ts'

/** Granularity in which zeros are left out of raw files, in bytes: qemu-img's, and the block size of most file systems. */
const SPARSE_BYTES = 4096

export interface ConvertToImageOptions extends DiskWorkOptions {
  /** Deflates every cluster that gets smaller by it. Needs a codec that can. */
  readonly compress?: Codec
}

/** Writes the content of `source` into `target`, which must be empty. Not durable before the caller syncs it. */
export async function convertToRaw(source: DiskSource, target: LayerFile, options: DiskWorkOptions = {}): Promise<void> {
  const existing = await target.size()
  if (existing !== 0) throw new BoxLiteError('invalid_state', 'A conversion needs an empty file', { facts: { fileBytes: existing } })
  await target.truncate(source.sizeBytes)
  const buffers = new ChunkBuffers()
  await atOnce(dataChunks(source, options), async (chunk) => {
    const bytes = await readRange(source, chunk, buffers.take(chunk.length))
    for (const { offset, length } of dataRuns(bytes, SPARSE_BYTES)) {
      await target.write(bytes.subarray(offset, offset + length), chunk.offset + offset)
    }
    buffers.give(bytes)
  })
  options.onProgress?.(1)
}

/** Hands the content of `source` to `write`, in order and whole, zeros too, one piece after the other. */
export async function convertToStream(
  source: DiskSource,
  write: (bytes: Uint8Array) => Promise<void>,
  options: DiskWorkOptions = {},
): Promise<void> {
  const zeros = new Uint8Array(CHUNK_BYTES)
  let written = 0
  const fillTo = async (offset: number): Promise<void> => {
    while (written < offset) {
      const piece = zeros.subarray(0, Math.min(CHUNK_BYTES, offset - written))
      await write(piece)
      written += piece.length
    }
  }
  await inOrder(
    dataChunks(source, options),
    async (chunk) => ({ offset: chunk.offset, bytes: await readRange(source, chunk) }),
    async ({ offset, bytes }) => {
      await fillTo(offset)
      await write(bytes)
      written += bytes.length
    },
  )
  await fillTo(source.sizeBytes)
  options.onProgress?.(1)
}

/**
 * Writes the content of `source` as an image of our own form without a backing file into `target`, which must be empty.
 * The size is rounded up to a multiple of 512 bytes. Not durable before the caller syncs it.
 */
export async function convertToImage(source: DiskSource, target: LayerFile, options: ConvertToImageOptions = {}): Promise<void> {
  const deflate = options.compress?.deflate
  if (options.compress !== undefined && deflate === undefined) {
    throw new BoxLiteError('unsupported', 'This host cannot compress clusters', { remedy: 'Convert without compression.' })
  }
  const image = await BulkImage.begin(target, { sizeBytes: Math.ceil(source.sizeBytes / 512) * 512 })
  const buffers = new ChunkBuffers()
  await inOrder(
    dataChunks(source, options),
    async (chunk) => {
      const bytes = await readRange(source, chunk, buffers.take(chunk.length))
      return { bytes, clusters: await prepareClusters(bytes, chunk, deflate) }
    },
    async ({ bytes, clusters }) => {
      await writeClusters(image, target, clusters)
      buffers.give(bytes)
    },
  )
  await image.end()
  options.onProgress?.(1)
}

/** A cluster of the disk that is not all zeros. */
interface Cluster {
  readonly guestOffset: number
  readonly bytes: Uint8Array
  readonly isCompressed: boolean
}

async function prepareClusters(bytes: Uint8Array<ArrayBuffer>, chunk: Range, deflate: Codec['deflate']): Promise<readonly Cluster[]> {
  const clusters: Promise<Cluster>[] = []
  for (let at = 0; at < bytes.length; at += CLUSTER_BYTES) {
    const end = Math.min(at + CLUSTER_BYTES, bytes.length)
    if (isZero(bytes, at, end)) continue
    clusters.push(prepareCluster(chunk.offset + at, bytes.subarray(at, end), deflate))
  }
  return await Promise.all(clusters)
}

async function prepareCluster(guestOffset: number, bytes: Uint8Array, deflate: Codec['deflate']): Promise<Cluster> {
  if (deflate === undefined) return { guestOffset, bytes, isCompressed: false }
  let whole = bytes
  if (bytes.length < CLUSTER_BYTES) {
    whole = new Uint8Array(CLUSTER_BYTES)
    whole.set(bytes)
  }
  const deflated = await deflate(whole)
  return deflated === null ? { guestOffset, bytes, isCompressed: false } : { guestOffset, bytes: deflated, isCompressed: true }
}

/** Places the clusters of one chunk and writes them; neighbours in the file are written at once. */
async function writeClusters(image: BulkImage, target: LayerFile, clusters: readonly Cluster[]): Promise<void> {
  const writes: Promise<void>[] = []
  let run: Uint8Array[] = []
  let start = 0
  let end = 0
  for (const { guestOffset, bytes, isCompressed } of clusters) {
    const offset = await image.place(guestOffset, isCompressed ? bytes.length : 0)
    if (offset !== end) {
      if (run.length > 0) writes.push(target.write(joined(run), start))
      run = []
      start = offset
    }
    run.push(bytes)
    end = offset + bytes.length
  }
  if (run.length > 0) writes.push(target.write(joined(run), start))
  await Promise.all(writes)
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  // Neighbours in memory as well: the clusters of one chunk that were not compressed.
  if (parts.every((part, i) => i === 0 || part.byteOffset === parts[i - 1]!.byteOffset + parts[i - 1]!.length) && isOneBuffer(parts)) {
    return new Uint8Array(first!.buffer, first!.byteOffset, length)
  }
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

function isOneBuffer(parts: readonly Uint8Array[]): boolean {
  return parts.every((part) => part.buffer === parts[0]!.buffer)
}

/** The runs of `bytes` that are not zero, in blocks of `granularity` bytes. */
function* dataRuns(bytes: Uint8Array<ArrayBuffer>, granularity: number): Generator<Range> {
  let start = -1
  for (let at = 0; at < bytes.length; at += granularity) {
    const zero = isZero(bytes, at, Math.min(at + granularity, bytes.length))
    if (zero && start >= 0) yield { offset: start, length: at - start }
    if (zero) start = -1
    else if (start < 0) start = at
  }
  if (start >= 0) yield { offset: start, length: bytes.length - start }
}
