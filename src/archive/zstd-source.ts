// Archives that are compressed with Zstandard (RFC 8878), inflated as they come. The frames and blocks are walked here and
// handed on one block at a time, so that no header makes the decoder take more memory than ZSTD_WINDOW_LIMIT_BYTES.

import { Decompress } from 'fzstd'
import { ZSTD_WINDOW_LIMIT_BYTES } from '../disk/zstd.ts'
import { BoxLiteError } from '../error.ts'
import { ByteReader } from './byte-reader.ts'
import { damaged } from './tar-header.ts'

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd]
/** Magic, descriptor, window, dictionary id and content size, all at their longest. */
const HEADER_LIMIT_BYTES = 18
const BLOCK_LIMIT_BYTES = 128 * 1024

/** The bytes of `source`, inflated where they begin with the magic of Zstandard. */
export async function plainOrZstd(source: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const reader = new ByteReader(source)
  const head = new Uint8Array(MAGIC.length)
  await reader.readInto(head)
  return MAGIC.every((byte, at) => byte === head[at]) ? inflated(reader) : plain(head, reader)
}

async function* plain(head: Uint8Array, reader: ByteReader): AsyncGenerator<Uint8Array, void, undefined> {
  yield head
  for (let part = await reader.take(BLOCK_LIMIT_BYTES); part !== null; part = await reader.take(BLOCK_LIMIT_BYTES)) yield part
}

/** Inflates frame after frame; the first one's magic was read already. */
async function* inflated(reader: ByteReader): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    yield* inflatedFrame(reader)
    const first = await reader.take(1)
    if (first === null) return
    const magic = Uint8Array.of(...first, 0, 0, 0)
    await reader.readInto(magic.subarray(1))
    if (!MAGIC.every((byte, at) => byte === magic[at])) throw damaged('bytes follow the end of its compressed data')
  }
}

async function* inflatedFrame(reader: ByteReader): AsyncGenerator<Uint8Array, void, undefined> {
  const pieces: Uint8Array[] = []
  const decoder = new Decompress((piece) => pieces.push(piece))
  const { header, checksumBytes } = await readFrameHeader(reader)
  push(decoder, header, false)
  for (let last = false; !last; ) {
    const head = new Uint8Array(3)
    await reader.readInto(head)
    const bits = (head[0] as number) | ((head[1] as number) << 8) | ((head[2] as number) << 16)
    last = (bits & 1) === 1
    const [type, size] = [(bits >> 1) & 3, bits >> 3]
    if (type === 3 || size > BLOCK_LIMIT_BYTES) throw damaged('its compressed data has an impossible block')
    // A block of type 1 is one byte, repeated.
    const block = new Uint8Array(3 + (type === 1 ? 1 : size) + (last ? checksumBytes : 0))
    block.set(head)
    await reader.readInto(block.subarray(3))
    push(decoder, block, last)
    yield* pieces.splice(0)
  }
}

function push(decoder: Decompress, bytes: Uint8Array, last: boolean): void {
  try {
    decoder.push(bytes, last)
  } catch (cause) {
    throw new BoxLiteError('corrupt', 'the archive is damaged: its compressed data cannot be read', { cause })
  }
}

/** The header of a frame, its magic included, checked against the limits; and how many bytes of checksum end the frame. */
async function readFrameHeader(reader: ByteReader): Promise<{ header: Uint8Array; checksumBytes: number }> {
  const header = new Uint8Array(HEADER_LIMIT_BYTES)
  header.set(MAGIC)
  await reader.readInto(header.subarray(4, 5))
  const descriptor = header[4] as number
  const singleSegment = (descriptor >> 5) & 1
  if ((descriptor & 3) !== 0) throw damaged('its compressed data needs a dictionary')
  const sizeBytes = [singleSegment, 2, 4, 8][descriptor >> 6] as number
  const length = 5 + (1 - singleSegment) + sizeBytes
  await reader.readInto(header.subarray(5, length))
  if (windowOf(header, singleSegment === 1, sizeBytes) > ZSTD_WINDOW_LIMIT_BYTES) {
    throw new BoxLiteError('limit', `the archive's compression asks for a window of more than ${ZSTD_WINDOW_LIMIT_BYTES} bytes`, {
      remedy: 'Compress it again with a smaller window (zstd -19 or less, without --long).',
    })
  }
  return { header: header.slice(0, length), checksumBytes: (descriptor >> 2) & 1 ? 4 : 0 }
}

function windowOf(header: Uint8Array, singleSegment: boolean, sizeBytes: number): number {
  if (!singleSegment) {
    const base = 2 ** (10 + ((header[5] as number) >> 3))
    return base + (base / 8) * ((header[5] as number) & 7)
  }
  let size = 0
  for (let i = sizeBytes - 1; i >= 0; i--) size = size * 256 + (header[5 + i] as number)
  return sizeBytes === 2 ? size + 256 : size
}
