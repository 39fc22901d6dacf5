// Cache Storage, where the guest's files stay: a file under its digest, wherever it came from, and each guest.json under its URL.

import { BoxLiteError, isBoxLiteError } from '../../src/error.ts'
import { filesOfGuest, parseGuestManifest } from '../../src/guest-manifest.ts'

const CACHE = 'boxlite-assets'
/** Nobody's host (RFC 2606): what is under it can be found here alone. */
const BY_DIGEST = 'https://assets.invalid/sha256/'

/** A file by its SHA-256, as it was kept; null: it was not. */
export async function keptFile(sha256: string): Promise<Blob | null> {
  const found = await (await caches.open(CACHE)).match(BY_DIGEST + sha256)
  return found === undefined ? null : found.blob()
}

export function keepFile(sha256: string, file: Blob): Promise<void> {
  return put(BY_DIGEST + sha256, file)
}

export async function forgetFile(sha256: string): Promise<void> {
  await (await caches.open(CACHE)).delete(BY_DIGEST + sha256)
}

/** The guest.json that came from this URL the last time. */
export async function keptManifest(url: string): Promise<string | null> {
  const found = await (await caches.open(CACHE)).match(url)
  return found === undefined ? null : found.text()
}

/** Keeps a guest.json, and forgets every file that none of those kept names. */
export async function keepManifest(url: string, text: string): Promise<void> {
  await put(url, new Blob([text], { type: 'application/json' }))
  const cache = await caches.open(CACHE)
  const keys = (await cache.keys()).map((request) => request.url)
  const manifests = await Promise.all(keys.filter((key) => !key.startsWith(BY_DIGEST)).map(keptManifest))
  const named = new Set(manifests.flatMap((manifest) => (manifest === null ? [] : digestsIn(manifest))))
  for (const key of keys) if (key.startsWith(BY_DIGEST) && !named.has(key.slice(BY_DIGEST.length))) await cache.delete(key)
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

async function put(key: string, body: Blob): Promise<void> {
  try {
    await (await caches.open(CACHE)).put(key, new Response(body))
  } catch (cause) {
    if (!(cause instanceof DOMException) || cause.name !== 'QuotaExceededError') throw cause
    throw new BoxLiteError('no_space', "There is no room for the guest's files in this browser's storage for the page", {
      remedy: 'Remove boxes or snapshots and prune, or free space on the disk, then try again.',
      cause,
    })
  }
}
