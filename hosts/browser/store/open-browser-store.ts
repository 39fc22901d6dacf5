// Opens a home of this site.

import { BoxLiteError } from '../../../src/error.ts'
import { randomHex } from '../random-hex.ts'
import { BrowserStore } from './browser-store.ts'
import { Database } from './database.ts'
import { noteHome } from './known-homes.ts'

export interface OpenStoreOptions {
  /** How long to wait for tabs that hold the database back, in milliseconds; by default 10 s. */
  readonly openMs?: number
}

/**
 * Opens the home of a name, or makes it; undefined: this site's own. In a page or a worker. Where the home was there once and its
 * database was deleted since, an empty one is made, and `lost` says so until the next open.
 *
 * Rejects with `unsupported` where a newer boxlite made it or the page may not keep anything, with `busy` where another tab keeps it
 * from being opened.
 */
export async function openBrowserStore(homeDir?: string, { openMs }: OpenStoreOptions = {}): Promise<BrowserStore> {
  checkPlatform()
  const database = new Database(databaseName(homeDir), null, openMs)
  try {
    const home = (await database.home()) ?? (await database.makeHome({ id: randomHex(16), madeAt: Date.now() }))
    const known = await noteHome(database.name, home)
    return new BrowserStore(database, known === null || known.id === home.id ? null : new Date(known.madeAt))
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Web Locks are there in secure contexts alone. */
function checkPlatform(): void {
  if ('indexedDB' in globalThis && 'locks' in navigator) return
  throw new BoxLiteError('unsupported', 'This page cannot keep boxes: the browser gives it no storage or no locks', {
    remedy: 'Serve the page over https or from localhost.',
  })
}

/** Refuses a home whose name cannot be part of a database's. */
function databaseName(homeDir: string | undefined): string {
  if (homeDir === undefined) return 'boxlite'
  if (/^\P{Surrogate}{1,128}$/u.test(homeDir)) return `boxlite:${homeDir}`
  throw new BoxLiteError('invalid_argument', 'A home in a browser is named by 1 to 128 characters', { facts: { homeDir } })
}
