// The images of a home: disks that boxes start as. An image is brought in when it is first used, and then belongs to the home.

import { BoxLiteError, isBoxLiteError } from './error.ts'
import type { Guest, ImageSource } from './guest.ts'
import { Sha256 } from './archive/sha256.ts'
import type { HomeAccess } from './home-access.ts'
import type { LayerFile } from './host.ts'
import type { ImageRecord } from './operation/record.ts'
import { RECORD_SUFFIX } from './store/names.ts'

/** An image that a disk can start as. */
export interface ImageInfo {
  /** What `create({ image })` calls it. */
  readonly reference: string
  /** 64 hexadecimal digits; null for one that could be built here and was not yet. */
  readonly digest: string | null
  /** Size of its disk; null where it is not in the home. */
  readonly virtualSizeBytes: number | null
  /** When it came into the home; null: it is not there yet. */
  readonly createdAt: Date | null
}

/** An image that is in the home. */
export interface HomeImage extends ImageInfo {
  readonly digest: string
  readonly virtualSizeBytes: number
  readonly createdAt: Date
}

/** How far the making or bringing in of an image is. */
export interface ImageProgress {
  /** `build`: it is made, step by step; `copy`: its bytes come into the home. */
  readonly stage: 'build' | 'copy'
  /** What is done just now; for a build. */
  readonly step: string | null
  readonly done: number
  /** Bytes of a copy, steps of a build; null where nobody knows. */
  readonly total: number | null
}

export interface ImageOptions {
  /** Ends the call with `aborted`; nothing half-made stays in the home. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: ImageProgress) => void
}

const COPY_CHUNK_BYTES = 1024 * 1024
/** Another process that brings in the same image is waited for so long, and looked at so often. */
const OTHER_LIMIT_MS = 60_000
const OTHER_LOOK_MS = 50

/** The images of a home, by name or by digest. */
export class Images {
  readonly #home: HomeAccess
  readonly #coming = new Map<string, Promise<HomeImage>>()

  constructor(home: HomeAccess) {
    this.#home = home
  }

  /** What is in the home, by name, and after it what could be brought in. */
  async list(): Promise<ImageInfo[]> {
    const here = (await this.#records()).map(imageOf)
    const known = new Set(here.map(({ reference }) => reference))
    const guest = await this.#guestOrNull()
    const more = (guest?.references ?? []).filter((reference) => !known.has(reference)).map((reference) => ({
      reference,
      digest: guest?.image(reference)?.digest ?? null,
      virtualSizeBytes: null,
      createdAt: null,
    }))
    return [...here.sort((a, b) => compare(a, b)), ...more.sort((a, b) => compare(a, b))]
  }

  /** The image of that digest, else the newest of that name, where it is in the home; else null. */
  async get(reference: string): Promise<HomeImage | null> {
    const record = await this.#find(reference)
    return record === null ? null : imageOf(record)
  }

  /** Forgets an image; boxes that were made of it live on. Its space comes back with `prune`, when no box stands on it. `not_found` for none. */
  async remove(reference: string): Promise<void> {
    const record = await this.#find(reference)
    if (record === null) throw imageNotFound(reference, [])
    await this.#home.during(() => this.#home.run({ kind: 'image.remove', imageId: record.id }))
  }

  /**
   * Brings an image of the guest into the home, and builds it first where that was not done yet; nothing where it is there. `not_found` where
   * there is none of the name, `engine_unavailable` for one that cannot be built here.
   */
  async add(reference: string, options: ImageOptions = {}): Promise<HomeImage> {
    return this.#home.during(() => this.bring(reference, options))
  }

  /**
   * Builds an image from one of the guest's recipes, where it was not yet, and brings it into the home. `not_found` where there is no such
   * recipe, `unsupported` where nothing can be built.
   */
  async build(reference: string, options: ImageOptions = {}): Promise<HomeImage> {
    return this.#made(reference, options, async () => {
      const guest = await this.#home.guest()
      return guest.image(reference) ?? (await need(guest.build, 'built')(reference, options))
    })
  }

  /** Makes an image of a directory or a tar of this machine; `already_exists` where an image has the name. */
  async import(reference: string, source: { readonly path: string }, options: ImageOptions = {}): Promise<HomeImage> {
    const taken = (await this.#find(reference)) !== null || ((await this.#guestOrNull())?.references.includes(reference) ?? false)
    if (taken) {
      throw new BoxLiteError('already_exists', `There is an image '${reference}' already`, {
        remedy: 'Choose another name, or remove that one first.',
        facts: { image: reference },
      })
    }
    return this.#made(reference, options, async () => need((await this.#home.guest()).import, 'made of files')(reference, source, options))
  }

  async #made(reference: string, options: ImageOptions, make: () => Promise<ImageSource>): Promise<HomeImage> {
    return this.#home.during(async () => {
      const source = await make()
      return this.#bringOnce({ ...source, reference, open: () => source.open() }, options)
    })
  }

  /** The image of a name or a digest, brought into the home where that has to be, and built where it never was. */
  async bring(reference: string, options: ImageOptions = {}): Promise<HomeImage> {
    const guest = await this.#guestOrNull()
    // What the guest calls so is meant, also where the home has an older one of the name.
    const source = guest?.image(reference) ?? null
    if (source !== null) return this.#bringOnce(source, options)
    const record = await this.#find(reference)
    if (record !== null) return imageOf(record)
    if (guest === null) await this.#home.guest()
    if (guest?.build !== undefined && guest.references.includes(reference)) return this.#bringOnce(await guest.build(reference, options), options)
    throw imageNotFound(reference, guest?.references ?? [])
  }

  #bringOnce(source: ImageSource, options: ImageOptions): Promise<HomeImage> {
    const { digest } = source
    const coming = this.#coming.get(digest)
    if (coming !== undefined) return coming
    const mine = this.#bringIn(source, options).finally(() => this.#coming.delete(digest))
    this.#coming.set(digest, mine)
    return mine
  }

  async #bringIn(source: ImageSource, options: ImageOptions): Promise<HomeImage> {
    const { host } = this.#home
    for (const startedMs = host.nowMs(); ; await pause(OTHER_LOOK_MS)) {
      const here = await this.#home.readImage(source.digest)
      if (here !== null) return imageOf(here)
      try {
        return imageOf(await this.#copyIn(source, options))
      } catch (error) {
        // Another process is bringing it in at this moment, or was faster.
        const other = isBoxLiteError(error, 'already_exists') || isBoxLiteError(error, 'busy')
        if (!other || host.nowMs() - startedMs > OTHER_LIMIT_MS) throw error
      }
    }
  }

  async #copyIn(source: ImageSource, options: ImageOptions): Promise<ImageRecord> {
    const { host } = this.#home
    const { record } = await this.#home.run(
      {
        kind: 'image.add',
        imageId: source.digest,
        reference: source.reference,
        layers: [{ name: `${host.newId()}.qcow2`, parent: null }],
        nowMs: host.nowMs(),
      },
      { bulk: { fill: (_index, _layer, file) => copyVerified(source, file, options) } },
    )
    return record
  }

  async #find(reference: string): Promise<ImageRecord | null> {
    const matching = (await this.#records()).filter((record) => record.id === reference || record.reference === reference)
    return matching.toSorted((a, b) => b.createdAt - a.createdAt)[0] ?? null
  }

  async #records(): Promise<ImageRecord[]> {
    const names = await this.#home.store.list('images')
    const ids = names.filter((name) => /^[0-9a-f]{64}\.json$/.test(name)).map((name) => name.slice(0, -RECORD_SUFFIX.length))
    const records = await Promise.all(ids.map((id) => this.#home.readImage(id)))
    return records.filter((record) => record !== null)
  }

  /** The guest, or null where there is none: what the home has can be used all the same. */
  async #guestOrNull(): Promise<Guest | null> {
    try {
      return await this.#home.guest()
    } catch (error) {
      if (isBoxLiteError(error, 'engine_unavailable')) return null
      throw error
    }
  }
}

/** Copies an image's file as it is, and refuses one whose bytes are not those that its checksum was made of. */
async function copyVerified(source: ImageSource, target: LayerFile, { signal, onProgress }: ImageOptions): Promise<void> {
  const sha256 = await Sha256.create()
  const file = await source.open()
  try {
    const chunk = new Uint8Array(COPY_CHUNK_BYTES)
    let done = 0
    for (let count = -1; count !== 0; done += count) {
      if (signal?.aborted === true) throw new BoxLiteError('aborted', 'Bringing in the image was aborted', { cause: signal.reason })
      onProgress?.({ stage: 'copy', step: null, done, total: source.bytes })
      count = await file.read(chunk, done)
      const part = chunk.subarray(0, count)
      sha256.update(part)
      if (count > 0) await target.write(part, done)
    }
  } finally {
    await file.close()
  }
  if (sha256.end() === source.sha256) return
  throw new BoxLiteError('corrupt', `The file of the image '${source.reference}' is not what its checksum says`, {
    remedy: 'Install or build the guest again.',
    facts: { image: source.reference, sha256: source.sha256 },
  })
}

function need<T>(make: T | undefined, verb: string): T {
  if (make !== undefined) return make
  throw new BoxLiteError('unsupported', `Images cannot be ${verb} here`, { remedy: 'Do it where Node runs, or use an image that is here.' })
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms))
}

function imageOf({ reference, id, virtualSizeBytes, createdAt }: ImageRecord): HomeImage {
  return { reference, digest: id, virtualSizeBytes: Number(virtualSizeBytes), createdAt: new Date(createdAt) }
}

function compare(a: ImageInfo, b: ImageInfo): number {
  return a.reference < b.reference ? -1 : a.reference > b.reference ? 1 : 0
}

function imageNotFound(reference: string, references: readonly string[]): BoxLiteError {
  const known = references.length === 0 ? '' : ` The guest has: ${references.join(', ')}.`
  return new BoxLiteError('not_found', `image '${reference}' not found.${known}`, {
    remedy: "See 'boxlite images ls'; an image of a recipe is built with 'boxlite images build', one of a tar made with 'boxlite images import'.",
    facts: { image: reference },
  })
}
