// Copying into a box, by the rules of cp: what goes to a directory that exists goes into it, under its own name.

import { u32Field } from '../agent/fields.ts'
import { StreamKind } from '../agent/protocol.ts'
import { byteSource, type ByteSource } from '../byte-source.ts'
import type { Connect } from '../connect.ts'
import { BoxLiteError, isBoxLiteError } from '../error.ts'
import { openCopySource, type CopySource, type OpenedSource } from './copy-source.ts'
import type { CopyInOptions, CopyReport, Skipped } from './file-options.ts'
import type { FileStat } from './file-stat.ts'
import { ask, send } from './guest-call.ts'
import { joinGuestPath, pathField, splitGuestPath } from './guest-path.ts'
import type { HostFiles } from './host-files.ts'
import { statOf } from './stat-of.ts'

const KEEP_OWNERS = 1

/** A place in the box that does not have to be taken yet. */
interface Destination {
  readonly directory: string
  readonly name: string
}

export async function copyIn(
  connect: Connect,
  host: HostFiles | null,
  source: CopySource,
  guestPath: string,
  options: CopyInOptions,
): Promise<CopyReport> {
  pathField(guestPath)
  const opened = await openCopySource(source, host, options.signal)
  try {
    const target = await look(connect, guestPath, options.signal)
    if (options.format === 'tar') return await unpackTar(connect, opened, guestPath, target, options)
    return opened.kind === 'path'
      ? await copyPath(connect, opened, guestPath, target, options)
      : await copyBytes(connect, opened, guestPath, target, options)
  } finally {
    if (opened.kind === 'bytes') opened.source.stop()
  }
}

async function copyPath(
  connect: Connect,
  { host, found, content }: OpenedSource & { readonly kind: 'path' },
  guestPath: string,
  target: FileStat | null,
  options: CopyInOptions,
): Promise<CopyReport> {
  const directory = found.kind === 'directory'
  if (directory && target !== null && target.kind !== 'directory') throw notADirectory(guestPath)
  const intoItself = directory && content
  if (intoItself && target === null) await ask(connect, { ...makeDirectory(guestPath), signal: options.signal })
  const to = intoItself ? { directory: guestPath, name: '.' } : destination(guestPath, target, found.name)
  const skipped: Skipped[] = []
  let doneBytes = 0
  const tar = host.pack(found.path, to.name, {
    ownership: options.ownership ?? false,
    onSkipped: (one) => skipped.push(one),
    onBytes: (bytes) => options.onProgress?.({ stage: 'copyIn', doneBytes: (doneBytes += bytes), totalBytes: null }),
  })
  const entries = await extract(connect, byteSource(tar), to.directory, options)
  return { entries, skipped }
}

async function copyBytes(
  connect: Connect,
  { source, totalBytes, name }: OpenedSource & { readonly kind: 'bytes' },
  guestPath: string,
  target: FileStat | null,
  options: CopyInOptions,
): Promise<CopyReport> {
  if (target?.kind === 'directory' && name === null) {
    const remedy = 'Give the path of the file that the bytes shall be.'
    throw new BoxLiteError('invalid_argument', `'${guestPath}' is a directory, and the bytes have no name`, { remedy, facts: { path: guestPath } })
  }
  const to = destination(guestPath, target, name ?? '')
  const path = joinGuestPath(to.directory, to.name)
  const fields = [pathField(path), ...(options.mode === undefined ? [] : [u32Field(2, options.mode)])]
  const call = { kind: StreamKind.WRITE_FILE, fields, what: `Writing '${path}' in the box`, path, signal: options.signal }
  await send(connect, call, counted(source, totalBytes, options))
  return { entries: 1, skipped: [] }
}

async function unpackTar(
  connect: Connect,
  opened: OpenedSource,
  guestPath: string,
  target: FileStat | null,
  options: CopyInOptions,
): Promise<CopyReport> {
  if (opened.kind === 'path') {
    const remedy = 'Give the bytes of the tar, such as a stream of its file.'
    throw new BoxLiteError('invalid_argument', 'A path cannot be copied as a tar', { remedy })
  }
  if (target?.kind !== 'directory') throw notADirectory(guestPath)
  const entries = await extract(connect, counted(opened.source, opened.totalBytes, options), guestPath, options)
  return { entries, skipped: [] }
}

async function extract(connect: Connect, tar: ByteSource, directory: string, { ownership, signal }: CopyInOptions): Promise<number> {
  const fields = [pathField(directory), u32Field(2, ownership === true ? KEEP_OWNERS : 0)]
  const call = { kind: StreamKind.EXTRACT, fields, what: `Copying into '${directory}' in the box`, path: directory, signal }
  return (await send(connect, call, tar)).u32(1)
}

/** Where something called `name` goes: into a directory that exists, else to the very path. */
function destination(guestPath: string, target: FileStat | null, name: string): Destination {
  if (target?.kind === 'directory') return { directory: guestPath, name }
  if (guestPath.endsWith('/')) throw notADirectory(guestPath)
  return splitGuestPath(guestPath)
}

async function look(connect: Connect, path: string, signal: AbortSignal | undefined): Promise<FileStat | null> {
  try {
    return await statOf(connect, path, true, signal)
  } catch (error) {
    if (isBoxLiteError(error, 'not_found')) return null
    throw error
  }
}

function makeDirectory(path: string): { kind: number; fields: ReturnType<typeof pathField>[]; what: string; path: string } {
  return { kind: StreamKind.MAKE_DIRECTORY, fields: [pathField(path)], what: `Making the directory '${path}' in the box`, path }
}

function notADirectory(path: string): BoxLiteError {
  return new BoxLiteError('invalid_argument', `'${path}' is not a directory in the box`, { remedy: 'Make it first.', facts: { path } })
}

/** A source that says how much of it was taken. */
function counted(source: ByteSource, totalBytes: number | null, { onProgress }: CopyInOptions): ByteSource {
  let doneBytes = 0
  return {
    async next() {
      const bytes = await source.next()
      if (bytes !== null) onProgress?.({ stage: 'copyIn', doneBytes: (doneBytes += bytes.length), totalBytes })
      return bytes
    },
    stop: () => source.stop(),
  }
}
