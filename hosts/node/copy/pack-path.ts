// A file or a directory of this machine as a tar: modes, times, links and holes as they are; nothing is followed beneath the path.

import { isUtf8 } from 'node:buffer'
import { constants, type BigIntStats } from 'node:fs'
import { lstat, open, readdir, readlink, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { TarEntryFacts, TarEntryKind } from '../../../src/archive/tar-entry.ts'
import { encodeTarEntry, endOfTar } from '../../../src/archive/tar-entry-writer.ts'
import { paddingAfter } from '../../../src/archive/tar-header.ts'
import type { Extent } from '../../../src/archive/tar-parts.ts'
import { BoxLiteError } from '../../../src/error.ts'
import type { PackOptions } from '../../../src/files/host-files.ts'
import { fileCall } from '../file-call.ts'
import { dataExtents } from './data-extents.ts'

const READ_BYTES = 256 * 1024
/** Times and inodes have more digits than a number. */
const exact = { bigint: true } as const

/** A file to pack: where it is, and what the tar calls it. */
interface Item {
  readonly path: string
  readonly name: string
}

/** A tar of what is at `path`, as `name`; with the name `.` only of what is in the directory. */
export async function* packPath(path: string, name: string, options: PackOptions): AsyncGenerator<Uint8Array, void, undefined> {
  // Files that were packed under another name, by device and inode.
  const packed = new Map<string, string>()
  const root = await fileCall('look at', path, stat(path, exact))
  yield* packItem({ path, name }, root, packed, options)
  yield endOfTar()
}

async function* packItem(item: Item, found: BigIntStats, packed: Map<string, string>, options: PackOptions): AsyncGenerator<Uint8Array> {
  if (found.isDirectory()) yield* packDirectory(item, found, packed, options)
  else if (found.isSymbolicLink()) yield encodeTarEntry(facts(item, 'symlink', found, options, await target(item.path)))
  else if (found.isFile()) yield* packFile(item, found, packed, options)
  else options.onSkipped({ path: item.path, reason: 'It is neither a file nor a directory nor a link.' })
}

async function* packDirectory(item: Item, found: BigIntStats, packed: Map<string, string>, options: PackOptions): AsyncGenerator<Uint8Array> {
  // The directory that content is copied into keeps what it is.
  if (item.name !== '.') yield encodeTarEntry(facts({ ...item, name: `${item.name}/` }, 'directory', found, options))
  const names = await fileCall('list', item.path, readdir(item.path, { encoding: 'buffer' }))
  for (const bytes of names.sort((a, b) => a.compare(b))) {
    const name = bytes.toString()
    const path = join(item.path, name)
    if (!isUtf8(bytes)) options.onSkipped({ path, reason: 'Its name is not UTF-8.' })
    else yield* packItem({ path, name: `${item.name}/${name}` }, await fileCall('look at', path, lstat(path, exact)), packed, options)
  }
}

async function* packFile(item: Item, found: BigIntStats, packed: Map<string, string>, options: PackOptions): AsyncGenerator<Uint8Array> {
  const identity = `${found.dev}:${found.ino}`
  const first = packed.get(identity)
  if (first !== undefined) {
    yield encodeTarEntry(facts(item, 'hardlink', found, options, first))
    return
  }
  if (found.nlink > 1n) packed.set(identity, item.name)
  // What was looked at is what is read: not a link, nor a pipe, that somebody has put in its place since.
  const file = await fileCall('open', item.path, open(item.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK))
  try {
    const opened = await fileCall('look at', item.path, file.stat(exact))
    if (opened.ino !== found.ino || opened.dev !== found.dev) throw changed(item.path)
    const sizeBytes = Number(opened.size)
    const entry = { ...facts(item, 'file', opened, options), sizeBytes }
    const sparse = Number(opened.blocks) * 512 < sizeBytes
    const extents = sparse ? await fileCall('read', item.path, dataExtents(file, sizeBytes)) : null
    yield encodeTarEntry(entry, extents)
    yield* content(item.path, file, extents ?? [{ offset: 0, length: sizeBytes }], options)
  } finally {
    await file.close()
  }
}

/** The bytes of the pieces, and the padding after them. */
async function* content(path: string, file: FileHandle, extents: readonly Extent[], options: PackOptions): AsyncGenerator<Uint8Array> {
  let storedBytes = 0
  for (const { offset, length } of extents) {
    for (let at = 0; at < length; ) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, length - at))
      const { bytesRead } = await fileCall('read', path, file.read(buffer, 0, buffer.length, offset + at))
      if (bytesRead === 0) throw changed(path)
      yield buffer.subarray(0, bytesRead)
      options.onBytes(bytesRead)
      at += bytesRead
    }
    storedBytes += length
  }
  yield new Uint8Array(paddingAfter(storedBytes))
}

function facts({ name }: Item, kind: TarEntryKind, found: BigIntStats, { ownership }: PackOptions, linkName: string = ''): TarEntryFacts {
  return {
    name,
    kind,
    // As root's, a program of somebody else with a set-id bit would be one of root's.
    mode: Number(found.mode) & (ownership ? 0o7777 : 0o1777),
    uid: ownership ? Number(found.uid) : 0,
    gid: ownership ? Number(found.gid) : 0,
    modifiedSeconds: Number(found.mtimeNs / 1000n) / 1e6,
    linkName,
    sizeBytes: 0,
    deviceMajor: 0,
    deviceMinor: 0,
  }
}

async function target(path: string): Promise<string> {
  const bytes = await fileCall('read', path, readlink(path, { encoding: 'buffer' }))
  if (isUtf8(bytes)) return bytes.toString()
  const remedy = 'Remove the link, or copy without it.'
  throw new BoxLiteError('unsupported', `${path} is a link to a name that is not UTF-8`, { remedy, facts: { path } })
}

function changed(path: string): BoxLiteError {
  return new BoxLiteError('busy', `${path} was changed while it was copied`, { remedy: 'Copy it when nobody writes to it.', facts: { path } })
}
