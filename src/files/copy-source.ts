// What can be copied into a box, told apart: a path of the host, or bytes that come from anywhere.

import { type BytesGiven, isUrl, openBytes, type OpenedBytes } from '../bytes-given.ts'
import { BoxLiteError } from '../error.ts'
import type { HostFiles, HostPath } from './host-files.ts'

/** A path of the host, where it has files; or bytes. A `file:` URL is a path; others are fetched. */
export type CopySource = string | BytesGiven

export type OpenedSource =
  | { readonly kind: 'path'; readonly host: HostFiles; readonly found: HostPath; readonly content: boolean }
  | ({ readonly kind: 'bytes' } & OpenedBytes)

/** Opens a source. `unsupported` for a path where there are no files, `not_found` for one where nothing is. */
export async function openCopySource(source: CopySource, host: HostFiles | null, signal: AbortSignal | undefined): Promise<OpenedSource> {
  if (typeof source === 'string') return openPath(source, withFiles(host))
  if (isUrl(source) && source.protocol === 'file:') {
    const files = withFiles(host)
    return openPath(files.pathOf(source.href), files)
  }
  return { kind: 'bytes', ...(await openBytes(source, signal)) }
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
