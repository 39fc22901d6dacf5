// The beginning of a layer, in the transaction that found it.

import type { FileHead } from '../../../src/host.ts'
import { readBlock } from './read-block.ts'
import { BLOCK_BYTES, BLOCK_PAGES, PAGE_BYTES, type ReadableTable } from './schema.ts'

export async function readHead(chunks: ReadableTable<'chunks'>, file: number, fileBytes: number, lengthBytes: number): Promise<FileHead> {
  const bytes = new Uint8Array(Math.min(lengthBytes, fileBytes))
  const first = bytes.length <= PAGE_BYTES ? await chunks.get([file, 0, 1]) : undefined
  if (first !== undefined) return headOf(first, fileBytes, lengthBytes)
  for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
    const last = Math.min(BLOCK_PAGES, Math.ceil((bytes.length - start) / PAGE_BYTES)) - 1
    for (const [page, found] of await readBlock(chunks, file, start / BLOCK_BYTES, 0, last)) {
      const at = start + page * PAGE_BYTES
      if (found !== null && at < bytes.length) bytes.set(found.subarray(0, bytes.length - at), at)
    }
  }
  return { bytes, fileBytes }
}

/** The head of a file whose first page is known: nearly always that is all that is wanted. A file has that page by itself. */
export function headOf(first: Uint8Array, fileBytes: number, lengthBytes: number): FileHead {
  const bytes = new Uint8Array(Math.min(lengthBytes, fileBytes))
  bytes.set(first.subarray(0, bytes.length))
  return { bytes, fileBytes }
}
