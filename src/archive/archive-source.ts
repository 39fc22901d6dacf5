// Where an archive is read from.

import { unlessAborted } from '../aborted.ts'
import type { BoxHost } from '../box-host.ts'
import type { ByteSource } from '../byte-source.ts'
import { isUrl, openBytes, type BytesGiven } from '../bytes-given.ts'
import { BoxLiteError } from '../error.ts'
import type { LayerFile } from '../host.ts'

/** An archive: a file of this machine by its path or `file:` URL, where it has files; or bytes from anywhere. A URL is fetched. */
export type ArchiveSource = string | BytesGiven

export interface OpenArchive {
  readonly totalBytes: number | null
  readonly chunks: AsyncGenerator<Uint8Array, void, undefined>
}

const CHUNK_BYTES = 256 * 1024

/** Opens an archive. `unsupported` for a path where there are no files, `not_found` for one where nothing is. Waiting for it ends by `signal`. */
export async function openArchive(host: BoxHost, source: ArchiveSource, signal: AbortSignal | undefined): Promise<OpenArchive> {
  if (typeof source === 'string') return openFile(host, source)
  if (isUrl(source) && source.protocol === 'file:') return openFile(host, host.files?.pathOf(source.href) ?? source.href)
  const { source: bytes, totalBytes } = await openBytes(source, signal)
  return { totalBytes, chunks: chunksOf(bytes, signal) }
}

/** What a source gives; one that gives nothing for long is left when the caller has ended the call. */
async function* chunksOf(source: ByteSource, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  const next = (): Promise<Uint8Array | null> => unlessAborted(source.next(), signal)
  try {
    for (let chunk = await next(); chunk !== null; chunk = await next()) yield chunk
  } finally {
    source.stop()
  }
}

async function openFile(host: BoxHost, path: string): Promise<OpenArchive> {
  if (host.openFile === undefined) {
    throw new BoxLiteError('unsupported', 'There are no files by path here', { remedy: 'Give a File, a URL or a stream.', facts: { path } })
  }
  const file = await host.openFile(path)
  return { totalBytes: await file.size(), chunks: readChunks(file) }
}

async function* readChunks(file: LayerFile): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for (let at = 0; ; ) {
      const chunk = new Uint8Array(CHUNK_BYTES)
      const count = await file.read(chunk, at)
      if (count === 0) return
      yield chunk.subarray(0, count)
      at += count
    }
  } finally {
    await file.close()
  }
}
