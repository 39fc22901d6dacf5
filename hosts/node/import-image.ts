// Makes an image of a directory or a tar: in a box whose disk is the guest's empty file system, by the guest's own kernel and agent.
// So owners, modes, links and devices are the guest's to make, need no rights here, and no name in a tar reaches this machine's files.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createGunzip } from 'node:zlib'
import { checkAborted } from '../../src/aborted.ts'
import { readTarEntries } from '../../src/archive/tar-entry-reader.ts'
import { plainOrZstd } from '../../src/archive/zstd-source.ts'
import type { BoxHost } from '../../src/box-host.ts'
import { BoxLite } from '../../src/boxlite.ts'
import { convertToImage, convertToStream } from '../../src/disk/convert.ts'
import { BoxLiteError } from '../../src/error.ts'
import type { ImageSource } from '../../src/guest.ts'
import type { ImageOptions } from '../../src/images.ts'
import { nodeHostFiles } from './copy/host-files.ts'
import { fileCall } from './file-call.ts'
import { createNodeFileSystem } from './fs.ts'
import { guestCache, type GuestAssets } from './guest-assets.ts'
import { stopWhole } from './stop-whole.ts'

/** Most that an image may hold, in bytes of files and in files: a small archive can say that it is large. */
const IMAGE_LIMIT_BYTES = 64 * 2 ** 30
const IMAGE_LIMIT_FILES = 4_000_000

const GROUP_BYTES = 128 * 2 ** 20
const GROUP_FILES = 8192
const BLOCK_BYTES = 4096
/** For the journal, the tables and the room that a file system wants to work in. */
const OVERHEAD = 1.15
const OVERHEAD_BYTES = 64 * 2 ** 20
/** What a box needs to unpack; v86 takes no less than 96. */
const MEMORY_MIB = 256
/** The guest writes out what it holds before it ends, to a disk that may be slow. */
const STOP_LIMIT_MS = 10 * 60_000
const IMAGE_FILE = 'image.qcow2'

type Tar = () => AsyncIterable<Uint8Array>

/**
 * Makes an image. Throws `not_found`, `corrupt` for a damaged tar, `invalid_argument` for one that names places outside of itself, `limit`
 * for one that is too large, and what starting a box throws.
 */
export async function importImage(
  host: BoxHost,
  assets: GuestAssets,
  reference: string,
  { path }: { readonly path: string },
  { signal, onProgress }: ImageOptions,
): Promise<ImageSource> {
  const tell = (doneSteps: number, step: string): void => {
    checkAborted(signal, 'The making of the image')
    onProgress?.({ stage: 'build', step, doneSteps, totalSteps: 4 })
  }
  tell(0, 'reading what the image shall hold')
  const tar = await tarOf(path)
  const sizeBytes = await measure(tar(), path)
  const work = join(guestCache(), 'work')
  await fileCall('make', work, mkdir(work, { recursive: true }))
  const directory = await fileCall('make', work, mkdtemp(join(work, 'import-')))
  try {
    tell(1, 'starting a box on an empty disk')
    const image = await makeInBox(host, assets, tar, join(directory, 'home'), sizeBytes, directory, tell)
    return { reference, ...image, open: () => openOnce(directory) }
  } catch (error) {
    await rm(directory, { recursive: true })
    throw error
  }
}

async function makeInBox(
  host: BoxHost,
  assets: GuestAssets,
  tar: Tar,
  homeDir: string,
  sizeBytes: number,
  directory: string,
  tell: (done: number, step: string) => void,
): Promise<Omit<ImageSource, 'open' | 'reference'>> {
  const lite = await BoxLite.open(host, { homeDir })
  try {
    const box = await lite.create({ disk: { path: assets.emptyDisk.path }, diskSizeGb: sizeBytes / 2 ** 30, memoryMib: MEMORY_MIB })
    await box.start()
    tell(2, 'unpacking')
    await box.files.copyIn(tar(), '/', { format: 'tar', ownership: true })
    await stopWhole(box, STOP_LIMIT_MS)
    tell(3, 'reading the disk')
    const disk = await box.disk()
    try {
      await writeImage(disk, directory)
      const digest = createHash('sha256')
      await convertToStream(disk, async (bytes) => void digest.update(bytes))
      return { digest: digest.digest('hex'), ...(await checksum(join(directory, IMAGE_FILE))) }
    } finally {
      await disk.close()
    }
  } finally {
    await lite.close()
    await rm(homeDir, { recursive: true })
  }
}

async function writeImage(disk: Parameters<typeof convertToImage>[0], directory: string): Promise<void> {
  const file = await createNodeFileSystem(directory).open(IMAGE_FILE, 'create')
  try {
    await convertToImage(disk, file)
  } finally {
    await file.close()
  }
}

async function checksum(path: string): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return { sha256: hash.digest('hex'), bytes }
}

/** Opens the image to be copied into a home; with its closing it is gone. */
async function openOnce(directory: string): Promise<Awaited<ReturnType<ImageSource['open']>>> {
  const file = await createNodeFileSystem(directory).open(IMAGE_FILE, 'read')
  return {
    read: (target, offset) => file.read(target, offset),
    write: (source, offset) => file.write(source, offset),
    size: () => file.size(),
    truncate: (size) => file.truncate(size),
    sync: () => file.sync(),
    async close() {
      await file.close()
      await rm(directory, { recursive: true })
    },
  }
}

/** A tar of what is at `path`, from its beginning each time. */
async function tarOf(path: string): Promise<Tar> {
  const found = await fileCall('open', path, stat(path))
  if (found.isDirectory()) {
    const nothing = (): void => {}
    return () => nodeHostFiles.pack(path, '.', { ownership: true, onSkipped: nothing, onBytes: nothing })
  }
  const handle = await fileCall('open', path, open(path))
  const magic = new Uint8Array(2)
  await handle.read(magic, 0, magic.length, 0)
  await handle.close()
  const gzipped = magic[0] === 0x1f && magic[1] === 0x8b
  return () => inflate(path, gzipped)
}

async function* inflate(path: string, gzipped: boolean): AsyncGenerator<Uint8Array, void, undefined> {
  const file = createReadStream(path)
  if (!gzipped) return yield* await plainOrZstd(file as AsyncIterable<Uint8Array>)
  const gunzip = createGunzip()
  // A file that cannot be read ends the inflating with the same error.
  file.on('error', (error) => gunzip.destroy(error)).pipe(gunzip)
  try {
    yield* gunzip as AsyncIterable<Uint8Array>
  } catch (cause) {
    if (!String((cause as NodeJS.ErrnoException).code).startsWith('Z_')) throw cause
    throw new BoxLiteError('corrupt', `${path} is a damaged gzip file`, { facts: { path }, cause })
  }
}

/** Reads a tar once, judges what it names, and says how large a disk it needs: whole block groups, with room for its files. */
async function measure(tar: AsyncIterable<Uint8Array>, path: string): Promise<number> {
  let bytes = 0
  let files = 0
  for await (const { name, kind, linkName, sizeBytes } of readTarEntries(tar)) {
    checkName(name, path)
    if (kind === 'hardlink') checkName(linkName, path)
    files++
    bytes += Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES
    if (bytes > IMAGE_LIMIT_BYTES || files > IMAGE_LIMIT_FILES) {
      throw new BoxLiteError('limit', `${path} holds more than an image may: 64 GiB in 4,000,000 files`, { facts: { path, files, bytes } })
    }
  }
  if (files === 0) throw new BoxLiteError('corrupt', `${path} holds no files`, { facts: { path } })
  const forBytes = Math.ceil(((bytes + files * BLOCK_BYTES) * OVERHEAD + OVERHEAD_BYTES) / GROUP_BYTES)
  const forFiles = Math.ceil((files * OVERHEAD) / GROUP_FILES)
  return Math.max(forBytes, forFiles) * GROUP_BYTES
}

/** The kernel of the box would keep such a name in the box; an image that has one was made to deceive. */
function checkName(name: string, path: string): void {
  if (!name.startsWith('/') && !name.split('/').includes('..')) return
  throw new BoxLiteError('invalid_argument', `${path} names '${name}', which is not inside of it`, {
    remedy: 'Make the tar with relative names: tar -C ROOT -cf IMAGE.tar .',
    facts: { path, name },
  })
}
