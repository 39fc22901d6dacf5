// Zstandard clusters (RFC 8878). A frame is measured before the decoder sees it: its end in the input, so that what
// follows is ignored; its window, so that no header takes more memory than a cluster deserves; and what its blocks
// make, so that none takes more time.

import { Decompress } from 'fzstd'
import { BoxLiteError } from '../error.ts'
import { badCluster } from './bad-cluster.ts'
import { SequenceMeter, ZSTD_BLOCK_LIMIT_BYTES } from './zstd-sequences.ts'

const FRAME_MAGIC = 0xfd2fb528
const SKIPPABLE_MAGIC = 0x184d2a50

/** Largest window a frame may ask for: what every decoder is told to support (RFC 8878, 3.1.1.1.2). */
export const ZSTD_WINDOW_LIMIT_BYTES = 8 << 20

/** Where a frame ends, and whether it holds anything. */
export interface ZstdFrame {
  readonly endOffset: number
  readonly skippable: boolean
  /** Whether that is the frame's own end, or only behind the block that has more than was wanted. */
  readonly whole: boolean
}

/**
 * Fills `target` from the frames in `source`, one after the other, and ignores what follows the last one needed.
 * `corrupt` when they are short or not decodable. Answers false when the last frame holds more than that.
 */
export function inflateZstd(source: Uint8Array, target: Uint8Array): boolean {
  let filledBytes = 0
  let exact = true
  for (let at = 0; filledBytes < target.length; ) {
    const frame = measureFrame(source, at, target.length - filledBytes)
    if (!frame.skippable) {
      const decoder = new Decompress((piece) => {
        const wanted = target.length - filledBytes
        target.set(piece.length <= wanted ? piece : piece.subarray(0, wanted), filledBytes)
        filledBytes += Math.min(piece.length, wanted)
        if (piece.length > wanted) exact = false
      })
      try {
        decoder.push(source.subarray(at, frame.endOffset), true)
      } catch (cause) {
        // A frame that was cut behind what is wanted has no end that the decoder could find.
        if (!frame.whole && filledBytes === target.length) continue
        throw badCluster('zstd', 'its data is not Zstandard data', cause)
      }
    }
    at = frame.endOffset
  }
  return exact
}

/**
 * Walks the blocks of the frame at `at`. With `wantedBytes` it measures what they make, and walks no further than to the
 * block that makes more; then no block makes more than the format allows, as the JavaScript decoder would let it.
 * `corrupt` when the frame does not lie wholly in `source`, `limit` when its window is too large.
 */
export function measureFrame(source: Uint8Array, at: number, wantedBytes?: number): ZstdFrame {
  const view = new DataView(source.buffer, source.byteOffset, source.byteLength)
  const need = (endOffset: number): number => {
    if (endOffset > source.length) throw badCluster('zstd', 'it ends in the middle of a frame')
    return endOffset
  }
  need(at + 5)
  const magic = view.getUint32(at, true)
  if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
    need(at + 8)
    return { endOffset: need(at + 8 + view.getUint32(at + 4, true)), skippable: true, whole: true }
  }
  if (magic !== FRAME_MAGIC) throw badCluster('zstd', 'it does not start with a Zstandard frame')
  const { headerBytes, checksumBytes } = measureHeader(view, at, need)
  const meter = new SequenceMeter()
  let offset = need(at + headerBytes)
  let madeBytes = 0
  for (let last = false; !last; ) {
    const header = view.getUint16(need(offset + 3) - 3, true) | (view.getUint8(offset + 2) << 16)
    const type = (header >> 1) & 3
    const size = header >> 3
    last = (header & 1) === 1
    if (type === 3 || size > ZSTD_BLOCK_LIMIT_BYTES) throw badCluster('zstd', 'a block has the reserved type, or is too large')
    const start = offset + 3
    // A block of type 1 is one byte, repeated.
    offset = need(start + (type === 1 ? 1 : size))
    if (wantedBytes === undefined) continue
    const made = type === 2 ? meter.measure(source.subarray(start, offset)) : size
    if (made < 0) throw badCluster('zstd', 'a block is damaged')
    madeBytes += made
    if (madeBytes > wantedBytes && !last) return { endOffset: offset, skippable: false, whole: false }
  }
  return { endOffset: need(offset + checksumBytes), skippable: false, whole: true }
}

function measureHeader(view: DataView, at: number, need: (endOffset: number) => number): { headerBytes: number; checksumBytes: number } {
  const descriptor = view.getUint8(at + 4)
  const singleSegment = (descriptor >> 5) & 1
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0
  const sizeBytes = [singleSegment, 2, 4, 8][descriptor >> 6] ?? 0
  const windowBytes = 1 - singleSegment
  if (dictionaryBytes > 0) throw badCluster('zstd', 'it needs a dictionary')
  const headerBytes = 5 + windowBytes + sizeBytes
  need(at + headerBytes)
  let window = 0
  if (windowBytes === 1) {
    const base = 2 ** (10 + (view.getUint8(at + 5) >> 3))
    window = base + (base / 8) * (view.getUint8(at + 5) & 7)
  } else {
    for (let i = sizeBytes - 1; i >= 0; i--) window = window * 256 + view.getUint8(at + 5 + i)
    if (sizeBytes === 2) window += 256
  }
  if (window > ZSTD_WINDOW_LIMIT_BYTES) {
    throw new BoxLiteError('limit', `a compressed cluster asks for a window of ${window} bytes; at most ${ZSTD_WINDOW_LIMIT_BYTES} are taken`)
  }
  return { headerBytes, checksumBytes: (descriptor >> 2) & 1 ? 4 : 0 }
}
