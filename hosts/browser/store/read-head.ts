// The beginning of a layer, in the transaction that found it.

import type { FileHead } from '../../../src/host.ts'
import { readBlock } from './read-block.ts'
import { BLOCK_BYTES, BLOCK_PAGES, PAGE_BYTES, type ReadableTable } from './schema.ts'

export async function readHead(chunks: ReadableTable<'chunks'>, file: number, fileBytes: number, lengthBytes: number): Promise<FileHead> {
  const bytes = new Uint8Array(Math.min(lengthBytes, fileBytes))
  // Nearly always the first page is all that is wanted, and it is never a part of a larger value.
  const first = bytes.length <= PAGE_BYTES ? await chunks.get([file, 0, 1]) : undefined
  if (first !== undefined) {
    bytes.set(first.subarray(0, bytes.length))
    return { bytes, fileBytes }
  }
  for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
    const last = Math.min(BLOCK_PAGES, Math.ceil((bytes.length - start) / PAGE_BYTES)) - 1
    for (const [page, found] of await readBlock(chunks, file, start / BLOCK_BYTES, 0, last)) {
      const at = start + page * PAGE_BYTES
      if (found !== null && at < bytes.length) bytes.set(found.subarray(0, bytes.length - at), at)
    }
  }
  return { bytes, fileBytes }
}
