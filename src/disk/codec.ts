// Compressed clusters: located by the core, inflated by the platform.

import { badCluster } from './bad-cluster.ts'
import { inflateZstd } from './zstd.ts'

/** The compression types of the qcow2 specification: 0 is raw deflate (RFC 1951, no zlib header), 1 is Zstandard. */
export type CompressionMethod = 'deflate' | 'zstd'

/** What a platform brings to read (and, where it can, to write) compressed clusters. */
export interface Codec {
  /**
   * Inflates one cluster: fills `target` exactly and ignores whatever follows the cluster's last byte (the qcow2
   * entry gives the length in whole sectors). Rejects with `corrupt` when the data is short or not decodable.
   * Answers whether the data ended where the cluster did: false when it would have gone on.
   */
  inflate(method: CompressionMethod, source: Uint8Array, target: Uint8Array): Promise<boolean>
  /**
   * Raw deflate with a window of 4 KiB (QEMU inflates with windowBits -12), or null when that is not smaller.
   * Absent where the host cannot choose the window.
   */
  deflate?(source: Uint8Array): Promise<Uint8Array | null>
}

/** The codec that every host has: DecompressionStream for deflate, JavaScript for zstd. */
export const portableCodec: Codec = {
  async inflate(method, source, target) {
    return method === 'zstd' ? inflateZstd(source, target) : await inflateDeflate(source, target)
  },
}

/** `codec` for images of strangers: data that goes on after the cluster's last byte is refused as `corrupt`, too. */
export function strictCodec(codec: Codec): Codec {
  return {
    ...codec,
    async inflate(method, source, target) {
      const isExact = await codec.inflate(method, source, target)
      if (!isExact) throw badCluster(method, `it goes on after its ${target.length} bytes`)
      return isExact
    },
  }
}

// A platform may hand out pieces this small; those we know of use 16 KiB and 64 KiB.
const LEAST_PIECE_BYTES = 1024

/**
 * DecompressionStream fails on bytes after the end of the data, and failing drops the pieces that nobody asked for
 * yet. So every piece the cluster can have is asked for before the first byte goes in.
 */
async function inflateDeflate(source: Uint8Array, target: Uint8Array): Promise<boolean> {
  const stream = new DecompressionStream('deflate-raw')
  const writer = stream.writable.getWriter()
  const reader = stream.readable.getReader()
  const pieces = Array.from({ length: Math.ceil(target.length / LEAST_PIECE_BYTES) + 2 }, () => reader.read())
  // What becomes of the rest of the stream after the cluster's last byte is none of our business.
  const fed = [writer.write(source), writer.close()]
  void Promise.allSettled([...pieces, ...fed])
  let filledBytes = 0
  let exact = true
  try {
    for (const piece of pieces) {
      const { done, value } = await piece
      if (done) break
      const wanted = target.length - filledBytes
      target.set(value.length <= wanted ? value : value.subarray(0, wanted), filledBytes)
      filledBytes += Math.min(value.length, wanted)
      if (value.length > wanted) exact = false
      if (!exact) break
    }
  } catch (cause) {
    if (filledBytes < target.length) throw badCluster('deflate', 'its data is not deflate data', cause)
  } finally {
    void Promise.allSettled([reader.cancel(), writer.abort()])
  }
  if (filledBytes < target.length) throw badCluster('deflate', `it ends after ${filledBytes} of ${target.length} bytes`)
  return exact
}
