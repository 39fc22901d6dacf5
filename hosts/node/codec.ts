// Compressed clusters on Node: zlib in its thread pool, so that several clusters are inflated at once. A cluster that was
// pressed into next to nothing is inflated in less time than the way into the pool and back takes: it stays here.

import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import { badCluster } from '../../src/disk/bad-cluster.ts'
import { type Codec, portableCodec } from '../../src/disk/codec.ts'
import { measureFrame } from '../../src/disk/zstd.ts'

type ZstdDecompress = (source: Uint8Array, options: { maxOutputLength: number }, done: (error: Error | null, output: Buffer) => void) => void

/** Node's zstd, where this Node has one (22.15 and later). */
export const nativeZstd: ZstdDecompress | undefined = (zlib as { zstdDecompress?: ZstdDecompress }).zstdDecompress

/** A codec over node:zlib, and over `zstdDecompress` where one is given; without it zstd is read in JavaScript. */
export function createNodeCodec(zstdDecompress: ZstdDecompress | undefined = nativeZstd): Codec {
  return {
    async inflate(method, source, target) {
      if (method === 'deflate') return await inflateRaw(source, target)
      if (zstdDecompress === undefined) return await portableCodec.inflate('zstd', source, target)
      return await inflateZstd(zstdDecompress, source, target)
    },
    deflate,
  }
}

/** The codec of this Node. */
export const nodeCodec: Codec = createNodeCodec()

/** What is inflated on the spot, in bytes: some 30 µs of work, where the pool takes 60 µs more. */
const SMALL_SOURCE_BYTES = 4096
const SMALL_TARGET_BYTES = 65536

async function inflateRaw(source: Uint8Array, target: Uint8Array): Promise<boolean> {
  const options: zlib.ZlibOptions = {
    // One byte over the cluster, so that a whole cluster takes one call of zlib.
    chunkSize: target.length + 1,
    maxOutputLength: target.length,
    // Data that stops after the cluster without an end mark is whole, as for QEMU.
    finishFlush: zlib.constants.Z_SYNC_FLUSH,
  }
  const isSmall = source.length <= SMALL_SOURCE_BYTES && target.length <= SMALL_TARGET_BYTES
  let output: Buffer
  try {
    output = isSmall ? zlib.inflateRawSync(source, options) : await inflateInPool(source, options)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return await portableCodec.inflate('deflate', source, target)
    throw badCluster('deflate', 'its data is not deflate data', error)
  }
  if (output.length < target.length) throw badCluster('deflate', `it ends after ${output.length} of ${target.length} bytes`)
  target.set(output)
  return true
}

const inflateInPool = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.inflateRaw)

async function inflateZstd(zstdDecompress: ZstdDecompress, source: Uint8Array, target: Uint8Array): Promise<boolean> {
  let filledBytes = 0
  for (let at = 0; filledBytes < target.length; ) {
    const frame = measureFrame(source, at)
    if (!frame.skippable) {
      const output = await new Promise<Buffer | null>((resolve, reject) => {
        zstdDecompress(source.subarray(at, frame.endOffset), { maxOutputLength: target.length - filledBytes }, (error, bytes) => {
          if ((error as NodeJS.ErrnoException | null)?.code === 'ERR_BUFFER_TOO_LARGE') resolve(null)
          else if (error !== null) reject(badCluster('zstd', 'its data is not Zstandard data', error))
          else resolve(bytes)
        })
      })
      if (output === null) return await portableCodec.inflate('zstd', source, target)
      target.set(output, filledBytes)
      filledBytes += output.length
    }
    at = frame.endOffset
  }
  return true
}

/** QEMU's own parameters (block/qcow2-threads.c): default level, 4 KiB window, most memory. */
function deflate(source: Uint8Array): Promise<Uint8Array | null> {
  return new Promise((resolve, reject) => {
    zlib.deflateRaw(source, { windowBits: 12, memLevel: 9, chunkSize: Math.max(source.length, 64) }, (error, output) => {
      if (error !== null) reject(error)
      else resolve(output.length < source.length ? output : null)
    })
  })
}
