// A file that appears whole or not at all: written under a temporary name beside its place, synced, then published.

import { randomBytes } from 'node:crypto'
import { link, open, realpath, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { BoxLiteError } from '../../../src/error.ts'
import type { LayerFile } from '../../../src/host.ts'
import { createNodeFileSystem } from '../fs.ts'
import { fileCall } from '../file-call.ts'
import { refuseInsideHome } from './home-guard.ts'

export interface NewFileOptions {
  /** Replaces a regular file that has the name, and nothing else. */
  readonly overwrite: boolean
  /** By default true: the file and its name are durable at the end. */
  readonly sync?: boolean
  readonly signal: AbortSignal
}

/**
 * Makes the file `path` with what `fill` writes; durable when it resolves, but for `sync: false`. After an error or an abort nothing is left.
 * `already_exists` where something has the name and must not be overwritten; `invalid_argument` inside a home.
 */
export async function writeNewFile(path: string, options: NewFileOptions, fill: (file: LayerFile) => Promise<void>): Promise<void> {
  const directory = await fileCall('make', path, realpath(dirname(path)))
  await refuseInsideHome(directory)
  const files = createNodeFileSystem(directory)
  const name = basename(path)
  const kind = await files.kind(name)
  if (kind !== null && !options.overwrite) throw taken(path)
  if (kind !== null && kind !== 'file') throw notAFile(path)
  const temporary = `.boxlite-${randomBytes(8).toString('hex')}.tmp`
  const file = await files.open(temporary, 'create')
  try {
    try {
      await fill(file)
      options.signal.throwIfAborted()
      if (options.sync !== false) await file.sync()
    } finally {
      await file.close()
    }
    await fileCall('make', path, publish(join(directory, temporary), join(directory, name), options.overwrite))
    if (options.sync !== false) await files.syncDirectory('')
  } catch (error) {
    // The error that brought us here is the one to tell; after a publication there is no temporary file any more.
    await unlink(join(directory, temporary)).catch(() => undefined)
    throw error
  } finally {
    await files.close()
  }
}

async function publish(temporary: string, path: string, overwrite: boolean): Promise<void> {
  if (!overwrite) {
    try {
      // A link, unlike a rename, never replaces what got the name in the meantime.
      await link(temporary, path)
      return await unlink(temporary)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EEXIST') throw taken(path)
      // A file system without hard links: the name is taken first, then replaced.
      if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'ENOSYS') throw error
      await (await open(path, 'wx')).close()
    }
  }
  await rename(temporary, path)
}

function notAFile(path: string): BoxLiteError {
  return new BoxLiteError('invalid_argument', `${path} is not a regular file, and is not replaced`, { remedy: 'Name another file.', facts: { path } })
}

function taken(path: string): BoxLiteError {
  return new BoxLiteError('already_exists', `${path} exists already`, {
    remedy: 'Name another file, or say --overwrite to replace it.',
    facts: { path },
  })
}
