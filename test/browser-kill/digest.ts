// The content of a large, thinly written disk as one number.

import type { BoxDisk } from '../../src/box-disk.ts'
import type { Box } from '../../src/box.ts'
import { sha256 } from '../kill/work.mjs'

const READ_BYTES = 1024 * 1024
const BLOCK_BYTES = 64 * 1024

/** SHA-256 over the place and the SHA-256 of each block that is not all zeros, however the disk stores it. Closes the disk. */
export async function digestOf(disk: BoxDisk): Promise<string> {
  const blocks: string[] = []
  const buffer = new Uint8Array(READ_BYTES)
  for (let offset = 0; offset < disk.sizeBytes; offset += READ_BYTES) {
    const bytes = buffer.subarray(0, Math.min(READ_BYTES, disk.sizeBytes - offset))
    if (!(await holdsData(disk, offset, bytes.length))) continue
    await disk.read(offset, bytes)
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
      const block = bytes.subarray(at, at + BLOCK_BYTES)
      if (block.some((byte) => byte !== 0)) blocks.push(`${offset + at} ${await sha256(block)}`)
    }
  }
  await disk.close()
  return sha256(new TextEncoder().encode(blocks.join('\n')))
}

async function holdsData(disk: BoxDisk, offset: number, length: number): Promise<boolean> {
  for await (const { kind } of disk.extents(offset, length)) if (kind === 'data' || kind === 'compressed') return true
  return false
}

/** Of each snapshot of a box, by name. */
export async function snapshotDigests(box: Box): Promise<Record<string, string>> {
  const digests: Record<string, string> = {}
  for (const { name } of await box.snapshot.list()) digests[name] = await digestOf(await box.snapshot.disk(name))
  return digests
}
