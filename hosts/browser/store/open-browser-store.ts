// Opens a home of this site.

import { BrowserStore, databaseName } from './browser-store.ts'
import { Database } from './database.ts'

/** Opens the home of a name, or makes it; undefined: this site's own. In a page or a worker. */
export async function openBrowserStore(homeDir?: string): Promise<BrowserStore> {
  const database = new Database(databaseName(homeDir))
  const id = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
  await database.open({ id, madeAt: Date.now() })
  return new BrowserStore(database)
}
