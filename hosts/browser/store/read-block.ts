// Reads pages of a block.

import { BLOCK_PAGES, PAGE_BYTES, type ChunkKey, type ReadableTable } from './schema.ts'

type Bytes = Uint8Array<ArrayBuffer>

/**
 * The pages `first` to `last` of a block, by their number in it; where they are kept as one value with others, those too. Null: zeros.
 * What there is is asked in the same transaction: another tab may be writing the file.
 */
export async function readBlock(
  chunks: ReadableTable<'chunks'>,
  file: number,
  block: number,
  first: number,
  last: number,
): Promise<Map<number, Bytes | null>> {
  const key = (part: number): ChunkKey => [file, block, part]
  const parts = (await chunks.getAllKeys(IDBKeyRange.bound(key(0), key(BLOCK_PAGES)))).map(([, , part]) => part)
  const over = new Set(parts.map((part) => part - 1))
  const isWhole = over.delete(-1)
  const wanted = [...over].filter((page) => page >= first && page <= last)
  const [whole, pages] = await Promise.all([
    isWhole ? chunks.get(key(0)) : undefined,
    wanted.length === 0 ? [] : chunks.getAll(IDBKeyRange.bound(key(wanted[0]! + 1), key(wanted.at(-1)! + 1))),
  ])
  const found = new Map<number, Bytes | null>()
  if (whole === undefined) for (let page = first; page <= last; page++) found.set(page, null)
  else for (const [page, bytes] of pagesIn(whole as Bytes)) if (!over.has(page)) found.set(page, bytes)
  for (const [i, page] of wanted.entries()) found.set(page, padded(pages[i] as Bytes))
  return found
}

/** The pages of a whole block, each in memory of its own: one that stays cached shall not keep the others. */
function* pagesIn(whole: Bytes): Generator<[number, Bytes | null]> {
  for (let page = 0; page < BLOCK_PAGES; page++) {
    const start = page * PAGE_BYTES
    yield [page, padded(whole.slice(start, start + PAGE_BYTES))]
  }
}

/** A page in its full length; null where it has no bytes. */
function padded(bytes: Bytes): Bytes | null {
  if (bytes.length === PAGE_BYTES) return bytes
  if (bytes.length === 0) return null
  const page = new Uint8Array(PAGE_BYTES)
  page.set(bytes)
  return page
}
