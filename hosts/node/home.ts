// Where a home is, and the store in it.

import { randomBytes } from 'node:crypto'
import { mkdir, open, realpath } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
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
  const first = await fileCall('make', path, mkdir(path, { recursive: true, mode: 0o700 }))
  if (first !== undefined && process.platform !== 'win32') {
    for (let made = path; made.length >= first.length; made = dirname(made)) await fileCall('sync', dirname(made), syncDirectory(dirname(made)))
  }
  return fileCall('open', path, realpath(path))
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
