// Where a home is, and the store in it.

import { randomBytes } from 'node:crypto'
import { mkdir, open, realpath, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { BoxLiteError, isBoxLiteError } from '../../src/error.ts'
import type { Store } from '../../src/host.ts'
import { FileStore } from '../../src/store/file-store.ts'
import { openHome } from '../../src/store/home.ts'
import { fileCall } from './file-call.ts'
import { createNodeFileSystem } from './fs.ts'
import { createNodeLocks } from './lock.ts'

/** `homeDir` where one is given, else `BOXLITE_HOME`, else `~/.boxlite/store`; absolute. */
export function homeDirectory(homeDir?: string): string {
  return resolve(homeDir ?? (process.env['BOXLITE_HOME'] || join(homedir(), '.boxlite', 'store')))
}

/** Opens the home, or makes it where there is nothing yet; the directories above it too. */
export async function openNodeStore(homeDir?: string): Promise<Store> {
  const root = await makeRoot(homeDirectory(homeDir))
  const files = createNodeFileSystem(root)
  const nonce = randomBytes(8).toString('hex')
  try {
    await openHome(files, nonce)
  } catch (error) {
    await files.close()
    throw error
  }
  return new FileStore(files, await createNodeLocks(root), nonce)
}

/** Makes the directory and those above it, durably, and gives back its real path. */
async function makeRoot(path: string): Promise<string> {
  await makeDirectories(path)
  return fileCall('open', path, realpath(path))
}

/** Not the recursive call of `node:fs`, which never ends where a directory that is there says ENOENT (`/proc`). */
async function makeDirectories(path: string): Promise<void> {
  try {
    await makeDirectory(path)
  } catch (error) {
    if (!isBoxLiteError(error, 'not_found') || dirname(path) === path) throw error
    await makeDirectories(dirname(path))
    await makeDirectory(path)
  }
}

/** Makes one directory and makes that durable, unless it is there. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await fileCall('make', path, mkdir(path, { mode: 0o700 }))
  } catch (error) {
    if (!isBoxLiteError(error, 'already_exists')) throw error
    if ((await fileCall('open', path, stat(path))).isDirectory()) return
    throw new BoxLiteError('invalid_argument', `${path} is not a directory`, {
      remedy: 'Name an empty directory, or one that does not exist yet.',
      facts: { homeDir: path },
    })
  }
  if (process.platform !== 'win32') await fileCall('sync', dirname(path), syncDirectory(dirname(path)))
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
