// What the probe found, kept until something changes that it depends on: the boot, the program, the user, the probe itself.

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

const VERSION = 1

/** Where a user's cache is. */
export function cacheDirectory(): string {
  const own = process.env['XDG_CACHE_HOME']
  if (own !== undefined && own !== '') return join(own, 'boxlite')
  return process.platform === 'darwin' ? join(homedir(), 'Library', 'Caches', 'boxlite') : join(homedir(), '.cache', 'boxlite')
}

/** How to judge what a cache holds, and what may go there. */
export interface Judge<T> {
  isValue(value: unknown): value is T
  isWorthKeeping(value: T): boolean
}

/** What `find` found for `key`, from the file where it says so; else found anew, and written there. */
export async function cached<T>(path: string, key: string, { isValue, isWorthKeeping }: Judge<T>, find: () => Promise<T>): Promise<T> {
  const known = await readEntry(path)
  if (known?.version === VERSION && known.key === key && isValue(known.value)) return known.value
  const value = await find()
  if (isWorthKeeping(value)) await writeEntry(path, JSON.stringify({ version: VERSION, key, value }))
  return value
}

/** A file that is absent, or holds anything else, says nothing. */
async function readEntry(path: string): Promise<{ version?: unknown; key?: unknown; value?: unknown } | null> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    return typeof value === 'object' && value !== null ? value : null
  } catch {
    return null
  }
}

async function writeEntry(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await writeFile(temporary, text, { mode: 0o600 })
    await rename(temporary, path)
  } catch {
    // Without a cache the next program probes again; nothing else is lost.
  }
}
