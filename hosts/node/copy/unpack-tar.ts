// Makes the files of a tar from a box in a directory of this machine. The tar is not trusted.

import { constants } from 'node:fs'
import { lchown, link, lutimes, open, symlink, type FileHandle } from 'node:fs/promises'
import { readTarEntries, type TarEntry } from '../../../src/archive/tar-entry-reader.ts'
import { damaged } from '../../../src/archive/tar-header.ts'
import { BoxLiteError } from '../../../src/error.ts'
import type { UnpackOptions } from '../../../src/files/host-files.ts'
import { fileCall } from '../file-call.ts'
import { HOLE_BYTES, isHole } from './data-extents.ts'
import { entryParts } from './entry-path.ts'
import { GatheredWrites } from './gathered-writes.ts'
import { fileTime, TargetTree, type Attributes } from './target-tree.ts'

/** What a box may send: it could send for ever. */
class Limits {
  readonly #most: Pick<UnpackOptions, 'maxEntries' | 'maxBytes'>
  #entries = 0
  #bytes = 0

  constructor(most: Pick<UnpackOptions, 'maxEntries' | 'maxBytes'>) {
    this.#most = most
  }

  countEntry(): void {
    if (++this.#entries > this.#most.maxEntries) throw tooMuch('maxEntries', this.#most.maxEntries, 'entries')
  }

  countBytes(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes > this.#most.maxBytes) throw tooMuch('maxBytes', this.#most.maxBytes, 'bytes of files')
  }
}

function tooMuch(option: string, limit: number, what: string): BoxLiteError {
  const remedy = `Copy less at once, or allow more with ${option}. What was copied stays.`
  return new BoxLiteError('limit', `The box sends more than ${limit} ${what}`, { remedy, facts: { [option]: limit } })
}

/** Unpacks; how many files, directories and links were made. */
export async function unpackTar(source: AsyncIterable<Uint8Array>, directory: string, options: UnpackOptions): Promise<number> {
  const tree = new TargetTree(directory)
  // Names of files that the tar has held: what a hard link may lead to.
  const files = new Set<string>()
  const limits = new Limits(options)
  const counted = {
    ...options,
    onBytes(bytes: number) {
      limits.countBytes(bytes)
      options.onBytes(bytes)
    },
  }
  let count = 0
  for await (const entry of readTarEntries(source)) {
    limits.countEntry()
    const parts = [...(options.name === '' ? [] : [options.name]), ...entryParts(entry.name, options.root)]
    if (await unpackEntry(tree, files, entry, parts, counted)) count++
  }
  await tree.finish()
  return count
}

async function unpackEntry(tree: TargetTree, files: Set<string>, entry: TarEntry, parts: string[], options: UnpackOptions): Promise<boolean> {
  const attributes: Attributes = {
    // As this program's, a file with a set-id bit would run as it.
    mode: entry.mode & (options.ownership ? 0o7777 : 0o1777),
    modifiedSeconds: entry.modifiedSeconds,
    owner: options.ownership ? { uid: entry.uid, gid: entry.gid } : null,
  }
  // What a decoder puts where bytes are no text.
  if (entry.name.includes('\uFFFD')) return skip(entry, 'Its name is not UTF-8.', options)
  if (entry.kind === 'directory') await tree.directory(parts, attributes)
  else if (entry.kind === 'symlink') {
    await makeSymlink(await tree.place(parts), entry.linkName, attributes)
    files.delete(parts.join('/'))
  } else if (entry.kind === 'file') {
    await writeFile(await tree.place(parts), entry, attributes, options)
    files.add(parts.join('/'))
  } else if (entry.kind === 'hardlink') {
    const first = [...(options.name === '' ? [] : [options.name]), ...entryParts(entry.linkName, options.root)]
    if (!files.has(first.join('/'))) throw damaged(`'${entry.name}' is a link to '${entry.linkName}', which it does not hold`, { name: entry.name })
    const [from, to] = [await tree.find(first), await tree.place(parts)]
    await fileCall('link', to, link(from, to))
    files.add(parts.join('/'))
  } else return skip(entry, 'It is neither a file nor a directory nor a link.', options)
  return true
}

function skip({ name }: TarEntry, reason: string, { onSkipped }: UnpackOptions): false {
  onSkipped({ path: name, reason })
  return false
}

async function makeSymlink(path: string, target: string, { owner, modifiedSeconds }: Attributes): Promise<void> {
  await fileCall('make', path, symlink(target, path))
  if (owner !== null) await fileCall('change', path, lchown(path, owner.uid, owner.gid))
  await fileCall('change', path, lutimes(path, fileTime(modifiedSeconds), fileTime(modifiedSeconds)))
}

async function writeFile(path: string, entry: TarEntry, attributes: Attributes, options: UnpackOptions): Promise<void> {
  // New, and not through a link that somebody puts there in this moment.
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  const file = await fileCall('make', path, open(path, flags, 0o600))
  const writes = new GatheredWrites(entry.sizeBytes, (bytes, offset) => writeAround(file, bytes, offset))
  try {
    for await (const { offset, bytes } of entry.pieces) {
      options.onBytes(bytes.length)
      await fileCall('write', path, writes.add(bytes, offset))
    }
    await fileCall('write', path, writes.end())
    await fileCall('write', path, file.truncate(entry.sizeBytes))
    if (attributes.owner !== null) await fileCall('change', path, file.chown(attributes.owner.uid, attributes.owner.gid))
    await fileCall('change', path, file.chmod(attributes.mode))
    await fileCall('change', path, file.utimes(fileTime(attributes.modifiedSeconds), fileTime(attributes.modifiedSeconds)))
  } finally {
    await writes.settled()
    await file.close()
  }
}

/** Writes the parts of `bytes` that are not blocks of zeros; the others become holes. */
async function writeAround(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const start = at
    while (at < bytes.length && !isHole(block(bytes, offset, at))) at += block(bytes, offset, at).length
    for (let written = start; written < at; ) {
      written += (await file.write(bytes, written, at - written, offset + written)).bytesWritten
    }
    while (at < bytes.length && isHole(block(bytes, offset, at))) at += block(bytes, offset, at).length
  }
}

/** The bytes from `at` to the end of their block in the file. */
function block(bytes: Uint8Array, offset: number, at: number): Uint8Array {
  return bytes.subarray(at, at + HOLE_BYTES - ((offset + at) % HOLE_BYTES))
}
