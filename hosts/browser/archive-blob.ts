// Archives as what a page can offer for download.

import { streamOf } from '../../src/files/stream-of.ts'

/** Chunks are joined into a blob when there are so many bytes of them; a browser moves blobs of this size out of the page's memory. */
const PART_BYTES = 8 * 1024 * 1024

/** What `box.export()` gives as one blob, of which the page's memory holds a part at a time. */
export async function archiveBlob(archive: AsyncIterable<Uint8Array>): Promise<Blob> {
  const parts: Blob[] = []
  let chunks: BlobPart[] = []
  let chunkBytes = 0
  const join = (): void => {
    parts.push(new Blob(chunks))
    chunks = []
    chunkBytes = 0
  }
  for await (const chunk of archive) {
    chunks.push(chunk as Uint8Array<ArrayBuffer>)
    chunkBytes += chunk.length
    if (chunkBytes >= PART_BYTES) join()
  }
  join()
  return new Blob(parts)
}

/** What `box.export()` gives as a stream, at the pace of whoever reads it: for a `Response`, or a file that the person has chosen. */
export function archiveStream(archive: AsyncGenerator<Uint8Array, void, undefined>): ReadableStream<Uint8Array> {
  return streamOf(archive)
}
