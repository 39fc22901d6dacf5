// Cache Storage, where the guest's files stay: a file under its digest, wherever it came from, and each guest.json under its URL.

import { isBoxLiteError } from '../../src/error.ts'
import { filesOfGuest, parseGuestManifest } from '../../src/guest-manifest.ts'
import { databaseError } from './store/database-error.ts'

const CACHE = 'boxlite-assets'
/** Nobody's host (RFC 2606): what is under it can be found here alone. */
const BY_DIGEST = 'https://assets.invalid/sha256/'

/** A file by its SHA-256, as it was kept; null: it was not. */
export function keptFile(sha256: string): Promise<Blob | null> {
  return within('look up', async (cache) => (await cache.match(BY_DIGEST + sha256))?.blob() ?? null)
}

export function keepFile(sha256: string, file: Blob): Promise<void> {
  return within('keep', (cache) => cache.put(BY_DIGEST + sha256, new Response(file)))
}

/** The guest.json that came from this URL the last time. */
export function keptManifest(url: string): Promise<string | null> {
  return within('look up', async (cache) => (await cache.match(url))?.text() ?? null)
}

/** Keeps a guest.json, and forgets every file that none of those kept names. */
export function keepManifest(url: string, text: string): Promise<void> {
  return within('keep', async (cache) => {
    await cache.put(url, new Response(text))
    const keys = (await cache.keys()).map((request) => request.url)
    const manifests = await Promise.all(keys.filter((key) => !key.startsWith(BY_DIGEST)).map(keptManifest))
    const named = new Set(manifests.flatMap((manifest) => (manifest === null ? [] : digestsIn(manifest))))
    for (const key of keys) if (key.startsWith(BY_DIGEST) && !named.has(key.slice(BY_DIGEST.length))) await cache.delete(key)
  })
}

function digestsIn(manifest: string): string[] {
  try {
    return filesOfGuest(parseGuestManifest(manifest)).map(({ sha256 }) => sha256)
  } catch (error) {
    // One that another release of this package kept, and that this one can do nothing with.
    if (isBoxLiteError(error)) return []
    throw error
  }
}

/** `no_space` where the site may not use more, `io` for whatever else the browser says. */
async function within<T>(action: string, work: (cache: Cache) => Promise<T>): Promise<T> {
  try {
    return await work(await caches.open(CACHE))
  } catch (error) {
    throw databaseError(error, `${action} the guest's files`)
  }
}
