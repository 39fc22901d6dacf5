// What can be copied into a box, told apart: a path of the host, or bytes that come from anywhere.

import { byteSource, type ByteSource } from '../byte-source.ts'
import { BoxLiteError } from '../error.ts'
import type { HostFiles, HostPath } from './host-files.ts'

/** A path of the host, where it has files; or bytes. A `file:` URL is a path; others are fetched. */
export type CopySource = string | URL | Blob | Uint8Array | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>

export type OpenedSource =
  | { readonly kind: 'path'; readonly host: HostFiles; readonly found: HostPath; readonly content: boolean }
  | { readonly kind: 'bytes'; readonly source: ByteSource; readonly totalBytes: number | null; readonly name: string | null }

/** Opens a source. `unsupported` for a path where there are no files, `not_found` for one where nothing is. */
export async function openCopySource(source: CopySource, host: HostFiles | null, signal: AbortSignal | undefined): Promise<OpenedSource> {
  if (typeof source === 'string') return openPath(source, withFiles(host))
  if (isUrl(source)) {
    if (source.protocol !== 'file:') return fetched(source, signal)
    const files = withFiles(host)
    return openPath(files.pathOf(source.href), files)
  }
  if (isBlob(source)) return { kind: 'bytes', source: byteSource(source.stream()), totalBytes: source.size, name: nameOf(source) }
  return { kind: 'bytes', source: byteSource(source), totalBytes: source instanceof Uint8Array ? source.length : null, name: null }
}

/** The files of the host; `unsupported` where it has none. */
export function withFiles(host: HostFiles | null): HostFiles {
  if (host !== null) return host
  throw new BoxLiteError('unsupported', 'There are no files by path here', { remedy: 'Give bytes, a Blob, a URL or a stream.' })
}

async function openPath(path: string, host: HostFiles): Promise<OpenedSource> {
  const found = await host.look(path)
  if (found !== null) return { kind: 'path', host, found, content: host.meansContent(path) }
  throw new BoxLiteError('not_found', `There is nothing at '${path}'`, { remedy: 'Give a path of this machine that exists.', facts: { path } })
}

async function fetched(url: URL, signal: AbortSignal | undefined): Promise<OpenedSource> {
  const name = url.pathname.split('/').at(-1) || null
  try {
    const response = await fetch(url.href, signal === undefined ? {} : { signal })
    if (response.ok) return { kind: 'bytes', source: byteSource(response.body ?? new Uint8Array(0)), totalBytes: null, name }
    throw new BoxLiteError(response.status === 404 ? 'not_found' : 'io', `${url.href} answered ${response.status}`, {
      facts: { url: url.href, status: response.status },
    })
  } catch (error) {
    if (error instanceof BoxLiteError) throw error
    if (signal?.aborted === true) throw new BoxLiteError('aborted', 'The call was aborted', { cause: error })
    throw new BoxLiteError('io', `${url.href} cannot be fetched`, { cause: error, facts: { url: url.href } })
  }
}

function isUrl(source: object): source is URL {
  return 'href' in source && 'protocol' in source
}

function isBlob(source: object): source is Blob {
  return 'stream' in source && 'size' in source
}

/** A `File` has a name. */
function nameOf(blob: Blob & { readonly name?: unknown }): string | null {
  return typeof blob.name === 'string' && blob.name !== '' ? blob.name : null
}
