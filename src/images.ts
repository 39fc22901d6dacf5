// The images of a home: disks that boxes start as. An image is brought in when it is first used, and then belongs to the home.

import { checkAborted } from './aborted.ts'
import type { CopyProgress } from './disk-source.ts'
import { BoxLiteError, isBoxLiteError } from './error.ts'
import type { Guest, ImageSource } from './guest.ts'
import { Sha256 } from './archive/sha256.ts'
import type { HomeAccess } from './home-access.ts'
import type { LayerFile } from './host.ts'
import type { ChangeProgress } from './operation/change-progress.ts'
import type { ImageRecord } from './operation/record.ts'
import type { AssetProgress, CallOptions } from './progress.ts'
import { SharedWork } from './shared-work.ts'
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

/** How far the making of an image is. */
export interface BuildProgress {
  readonly stage: 'build'
  /** What is done just now. */
  readonly step: string
  readonly doneSteps: number
  /** Null where nobody knows. */
  readonly totalSteps: number | null
}

/** How far the making of an image, or its coming into the home (`copy`), is. */
export type ImageProgress = BuildProgress | CopyProgress | AssetProgress

export type ImageOptions = CallOptions<ImageProgress>

const COPY_CHUNK_BYTES = 1024 * 1024
/** Another process that brings in the same image is waited for so long, and looked at so often. */
const OTHER_LIMIT_MS = 60_000
const OTHER_LOOK_MS = 50

/** The images of a home, by name or by digest. */
export class Images {
  readonly #home: HomeAccess
  readonly #building = new SharedWork<ImageSource, ImageProgress>()
  readonly #coming = new SharedWork<HomeImage, ImageProgress>()

  constructor(home: HomeAccess) {
    this.#home = home
  }

  /** What is in the home, by name, and after it what could be brought in. */
  async list(options: ImageOptions = {}): Promise<ImageInfo[]> {
    const here = (await this.#records()).map(imageOf)
    const known = new Set(here.map(({ reference }) => reference))
    const guest = await this.#guestOrNull(options)
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
  async remove(reference: string, { signal, onProgress }: CallOptions<ChangeProgress> = {}): Promise<void> {
    const record = await this.#find(reference)
    if (record === null) throw imageNotFound(reference, [])
    await this.#home.during(() => this.#home.run({ kind: 'image.remove', imageId: record.id }, { signal, onProgress }))
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
      const guest = await this.#home.guest(options)
      return guest.image(reference) ?? (await need(guest.build, 'built')(reference, options))
    })
  }

  /** Makes an image of a directory or a tar of this machine; `already_exists` where an image has the name. */
  async import(reference: string, source: { readonly path: string }, options: ImageOptions = {}): Promise<HomeImage> {
    const taken = (await this.#find(reference)) !== null || ((await this.#guestOrNull(options))?.references.includes(reference) ?? false)
    if (taken) {
      throw new BoxLiteError('already_exists', `There is an image '${reference}' already`, {
        remedy: 'Choose another name, or remove that one first.',
        facts: { image: reference },
      })
    }
    return this.#made(reference, options, async () => need((await this.#home.guest(options)).import, 'made of files')(reference, source, options))
  }

  async #made(reference: string, options: ImageOptions, make: () => Promise<ImageSource>): Promise<HomeImage> {
    return this.#home.during(async () => {
      const source = await make()
      return this.#bringOnce({ ...source, reference, open: () => source.open() }, options)
    })
  }

  /** The image of a name or a digest, brought into the home where that has to be, and built where it never was. */
  async bring(reference: string, options: ImageOptions = {}): Promise<HomeImage> {
    const guest = await this.#guestOrNull(options)
    // What the guest calls so is meant, also where the home has an older one of the name.
    const source = guest?.image(reference) ?? null
    if (source !== null) return this.#bringOnce(source, options)
    const record = await this.#find(reference)
    if (record !== null) return imageOf(record)
    if (guest === null) await this.#home.guest(options)
    const { build } = guest ?? {}
    if (build !== undefined && guest?.references.includes(reference) === true) {
      return this.#bringOnce(await this.#building.join(reference, options, (whole) => build(reference, whole)), options)
    }
    throw imageNotFound(reference, guest?.references ?? [])
  }

  #bringOnce(source: ImageSource, options: ImageOptions): Promise<HomeImage> {
    return this.#coming.join(source.digest, options, (whole) => this.#bringIn(source, whole))
  }

  async #bringIn(source: ImageSource, options: ImageOptions): Promise<HomeImage> {
    const { host } = this.#home
    for (const startedMs = host.nowMs(); ; await pause(OTHER_LOOK_MS)) {
      checkAborted(options.signal)
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
      { bulk: { fill: (_index, _layer, file) => copyVerified(source, file, options) }, signal: options.signal },
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
  async #guestOrNull(options: ImageOptions): Promise<Guest | null> {
    try {
      return await this.#home.guest(options)
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
      checkAborted(signal)
      onProgress?.({ stage: 'copy', doneBytes: done, totalBytes: source.bytes })
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
