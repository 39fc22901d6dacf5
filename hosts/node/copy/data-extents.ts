// Where a file has bytes, found by reading it: Node has no way to ask for its holes.

import type { FileHandle } from 'node:fs/promises'
import { PIECES_LIMIT, type Extent } from '../../../src/archive/tar-parts.ts'

/** Holes are looked for in steps of this many bytes, the block of most file systems. */
export const HOLE_BYTES = 4096

const READ_BYTES = 1024 * 1024
const zeros = Buffer.alloc(HOLE_BYTES)

/** Whether there is nothing but zeros in `bytes`, at most `HOLE_BYTES` of them. */
export function isHole(bytes: Uint8Array): boolean {
  return zeros.compare(bytes, 0, bytes.length, 0, bytes.length) === 0
}

/** The parts of a file that are not zeros; null where it has no holes, or more than a tar may list. */
export async function dataExtents(file: FileHandle, sizeBytes: number): Promise<Extent[] | null> {
  const extents: { offset: number; length: number }[] = []
  const buffer = Buffer.alloc(READ_BYTES)
  for (let start = 0; start < sizeBytes; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(READ_BYTES, sizeBytes - start), start)
    if (bytesRead === 0) break
    for (let at = 0; at < bytesRead; at += HOLE_BYTES) {
      const block = buffer.subarray(at, Math.min(at + HOLE_BYTES, bytesRead))
      if (isHole(block)) continue
      const last = extents.at(-1)
      const offset = start + at
      if (last !== undefined && last.offset + last.length === offset) last.length += block.length
      else if (extents.push({ offset, length: block.length }) > PIECES_LIMIT) return null
    }
    start += bytesRead
  }
  return extents[0]?.length === sizeBytes ? null : extents
}
