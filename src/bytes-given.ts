// Bytes that a caller names or gives, from wherever they come: what is copied into a box, and archives.

import { byteSource, type ByteSource } from './byte-source.ts'
import { BoxLiteError } from './error.ts'

/** A URL is fetched. */
export type BytesGiven = URL | Blob | Uint8Array | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>

export interface OpenedBytes {
  readonly source: ByteSource
  /** Null where nobody knows. */
  readonly totalBytes: number | null
  /** Of the file that they are from, where they are from one. */
  readonly name: string | null
}

/** Opens them; `not_found` and `io` for a URL that gives none. */
export async function openBytes(given: BytesGiven, signal: AbortSignal | undefined): Promise<OpenedBytes> {
  if (isUrl(given)) return fetched(given, signal)
  if (isBlob(given)) return { source: byteSource(given.stream()), totalBytes: given.size, name: nameOf(given) }
  return { source: byteSource(given), totalBytes: given instanceof Uint8Array ? given.length : null, name: null }
}

export function isUrl(given: object): given is URL {
  return 'href' in given && 'protocol' in given
}

async function fetched(url: URL, signal: AbortSignal | undefined): Promise<OpenedBytes> {
  const name = url.pathname.split('/').at(-1) || null
  try {
    const response = await fetch(url.href, signal === undefined ? {} : { signal })
    if (response.ok) return { source: byteSource(response.body ?? new Uint8Array(0)), totalBytes: null, name }
    throw new BoxLiteError(response.status === 404 ? 'not_found' : 'io', `${url.href} answered ${response.status}`, {
      facts: { url: url.href, status: response.status },
    })
  } catch (error) {
    if (error instanceof BoxLiteError) throw error
    if (signal?.aborted === true) throw new BoxLiteError('aborted', 'The call was aborted', { cause: error })
    throw new BoxLiteError('io', `${url.href} cannot be fetched`, { cause: error, facts: { url: url.href } })
  }
}

function isBlob(source: object): source is Blob {
  return 'stream' in source && 'size' in source
}

/** A `File` has a name. */
function nameOf(blob: Blob & { readonly name?: unknown }): string | null {
  return typeof blob.name === 'string' && blob.name !== '' ? blob.name : null
}
