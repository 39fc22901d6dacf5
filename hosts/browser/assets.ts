// The guest's files, from the URL that they are served from. Each is fetched once, compared with its digest, and kept; guest.json
// alone is asked for again at each visit, and what was kept of it serves where there is no network.

import { byteSource, chunksOf } from '../../src/byte-source.ts'
import { callListener } from '../../src/call-listener.ts'
import { BoxLiteError, isBoxLiteError } from '../../src/error.ts'
import { type GuestFile, type GuestManifest, parseGuestManifest } from '../../src/guest-manifest.ts'
import type { AssetProgress } from '../../src/progress.ts'
import { SharedWork } from '../../src/shared-work.ts'
import { keepFile, keepManifest, keptFile, keptManifest } from './asset-cache.ts'

const MANIFEST = 'guest.json'
/** How long its few kilobytes may take, where a network that says nothing keeps a page from what it has. */
const MANIFEST_MS = 15_000
const SERVE = 'Serve the files of the package boxlite-guest-386 unchanged in one folder, and name its URL in BoxLite.open({ assets }).'
const AGAIN = 'Look at the network and the server, then try again.'

export class Assets {
  /** URL of the folder. */
  readonly location: string
  readonly #listeners = new Set<(progress: AssetProgress) => void>()
  #manifest: Promise<GuestManifest> | null = null
  /** Those that were read, by digest. */
  readonly #files = new Map<string, Blob>()
  readonly #coming = new SharedWork<Blob, never>()
  #doneBytes = 0
  #totalBytes = 0

  /** A string is resolved as a link of the page would be. `invalid_argument` for one that is no URL. */
  constructor(folder: URL | string) {
    try {
      const url = new URL(folder, globalThis.document?.baseURI ?? location.href)
      this.location = new URL(url.pathname.endsWith('/') ? '.' : `${url.pathname}/`, url).href
    } catch (cause) {
      throw new BoxLiteError('invalid_argument', `'${String(folder)}' is not the URL of a folder`, { remedy: SERVE, cause })
    }
  }

  /** Calls `listener` for every piece of a file that comes from the network, until the function that this returns is called. */
  listen(listener: (progress: AssetProgress) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** What guest.json says; asked for once, and again after it failed. */
  manifest(): Promise<GuestManifest> {
    this.#manifest ??= this.#readManifest()
    this.#manifest.catch(() => (this.#manifest = null))
    return this.#manifest
  }

  /**
   * The bytes of a file, which are those that its digest was made of. `io` where the network fails, `corrupt` where the server has
   * something else, `no_space` where it cannot be kept; whoever asks again after that has it tried again. `signal` ends the wait of this
   * caller with `aborted`, and the download where nobody else waits for it.
   */
  async read(file: GuestFile, signal?: AbortSignal): Promise<Blob> {
    const { sha256 } = file
    const here = this.#files.get(sha256)
    if (here !== undefined) return here
    const read = await this.#coming.join(sha256, { signal }, (whole) => this.#keptOrFetched(file, whole.signal))
    this.#files.set(sha256, read)
    return read
  }

  #keptOrFetched(file: GuestFile, signal: AbortSignal): Promise<Blob> {
    // One tab fetches it, the others find it.
    return navigator.locks.request(`boxlite:asset:${file.sha256}`, { signal }, async () => {
      const kept = await intact(file)
      if (kept !== null) return kept
      const fetched = await this.#fetch(file, signal)
      await keepFile(file.sha256, fetched)
      return fetched
    })
  }

  async #readManifest(): Promise<GuestManifest> {
    const url = this.location + MANIFEST
    let text
    let manifest
    try {
      text = await this.#manifestText(url)
      manifest = parseManifest(url, text)
    } catch (error) {
      // No network, a server in trouble, a page of somebody else's that answers for every path: what was kept is as good as it was.
      const kept = await keptManifest(url)
      if (kept === null) throw error
      return parseManifest(url, kept)
    }
    // Most visits find what was kept, and write nothing: they need no room.
    if ((await keptManifest(url)) !== text) await keepManifest(url, text)
    return manifest
  }

  async #manifestText(url: string): Promise<string> {
    const noGuest = (why: string, cause?: unknown): BoxLiteError =>
      new BoxLiteError('engine_unavailable', `There is no guest at ${this.location}: ${why}`, { remedy: SERVE, facts: { url }, cause })
    let response
    try {
      response = await fetch(url, { cache: 'no-cache', signal: AbortSignal.timeout(MANIFEST_MS) })
      if (response.ok) return await response.text()
    } catch (cause) {
      throw noGuest(String(cause), cause)
    }
    throw noGuest(`the server answered ${response.status}`)
  }

  async #fetch({ file, bytes, sha256 }: GuestFile, signal: AbortSignal): Promise<Blob> {
    const url = this.location + file
    this.#totalBytes += bytes
    let doneBytes = 0
    try {
      const parts: BlobPart[] = []
      for await (const part of pieces(url, signal)) {
        parts.push(part as Uint8Array<ArrayBuffer>)
        doneBytes += part.length
        if (doneBytes > bytes) throw wrong(url, `has more than ${bytes} bytes`)
        this.#doneBytes += part.length
        this.#tell(file)
      }
      if (doneBytes < bytes) throw wrong(url, `has ${doneBytes} bytes and not ${bytes}`)
      const whole = new Blob(parts)
      if ((await digestOf(whole)) !== sha256) throw wrong(url, 'has another checksum')
      return whole
    } catch (error) {
      this.#totalBytes -= bytes
      this.#doneBytes -= Math.min(doneBytes, bytes)
      throw error
    }
  }

  #tell(file: string): void {
    const progress = { stage: 'assets', file, doneBytes: this.#doneBytes, totalBytes: this.#totalBytes } as const
    for (const listener of this.#listeners) callListener(listener, progress)
  }
}

/** What a server sends under a URL; the browser's cache of an earlier answer, which may have been a wrong one, is not asked. */
async function* pieces(url: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    const response = await fetch(url, { cache: 'no-store', signal })
    if (!response.ok) throw failed(url, `the server answered ${response.status}`)
    yield* chunksOf(byteSource(response.body ?? new Uint8Array(0)))
  } catch (error) {
    if (isBoxLiteError(error)) throw error
    throw failed(url, String(error), error)
  }
}

/** A file as it was kept; null: it was not, or what is there is not it any more, and it has to come again. */
async function intact({ sha256 }: GuestFile): Promise<Blob | null> {
  try {
    const kept = await keptFile(sha256)
    return kept !== null && (await digestOf(kept)) === sha256 ? kept : null
  } catch {
    // It cannot be read. Where it cannot be kept either, that is told.
    return null
  }
}

async function digestOf(file: Blob): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function parseManifest(url: string, text: string): GuestManifest {
  try {
    return parseGuestManifest(text)
  } catch (error) {
    if (!isBoxLiteError(error)) throw error
    throw new BoxLiteError(error.code, `${url}: ${error.message}`, { remedy: SERVE, facts: { ...error.facts, url }, cause: error })
  }
}

function failed(url: string, why: string, cause?: unknown): BoxLiteError {
  return new BoxLiteError('io', `${url} did not come: ${why}`, { remedy: AGAIN, facts: { url }, ...(cause !== undefined && { cause }) })
}

function wrong(url: string, what: string): BoxLiteError {
  return new BoxLiteError('corrupt', `${url} is not the file that ${MANIFEST} beside it names: it ${what}`, { remedy: SERVE, facts: { url } })
}
