// Where the guest is on this machine: the kernel, the agent, the firmware and the images that every box starts from.

import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { BoxLiteError, isBoxLiteError } from '../../src/error.ts'
import {
  type GuestDisk,
  type GuestFile,
  type GuestImage,
  type GuestManifest,
  filesOfGuest,
  GUEST_MANIFEST_LIMIT_BYTES,
  parseBuiltImage,
  parseGuestManifest,
} from '../../src/guest-manifest.ts'
import { asFileError, fileCall } from './file-call.ts'
import { namesIn } from './names-in.ts'

/** The package that carries the guest. */
export const GUEST_PACKAGE = 'boxlite-guest-386'

const MANIFEST = 'guest.json'
const remedy = `Type 'npm install ${GUEST_PACKAGE}'; in a checkout of boxlite, 'npm run guest'; or name a folder with a ${MANIFEST} in BOXLITE_GUEST.`

/** An image as a file of this machine. */
export interface GuestImageFile extends GuestImage {
  /** Absolute. */
  readonly path: string
}

/** A guest as files of this machine. All paths are absolute. */
export interface GuestAssets {
  readonly directory: string
  readonly manifest: GuestManifest
  readonly kernel: string
  readonly initrd: string
  readonly firmware: string
  /** The empty file system that images made from a tar start on. */
  readonly emptyDisk: GuestDisk & { readonly path: string }
  /** An image that is here, of the guest itself or built from one of its recipes; null when it is not. */
  image(reference: string): GuestImageFile | null
}

/** `BOXLITE_GUEST_CACHE`, else `boxlite/guest` in the user's cache: where guests and images are built. Absolute. */
export function guestCache(): string {
  const { BOXLITE_GUEST_CACHE: own, XDG_CACHE_HOME: shared } = process.env
  return resolve(own || join(shared || join(homedir(), '.cache'), 'boxlite', 'guest'))
}

/**
 * Finds the guest: `directory`, else `BOXLITE_GUEST`, else the installed package, else the newest one that was built here.
 * Throws `engine_unavailable` when there is none, `corrupt` when what it names is not what it says, `unsupported` for another format.
 */
export async function findGuest({ directory }: { readonly directory?: string } = {}): Promise<GuestAssets> {
  const named = directory ?? process.env['BOXLITE_GUEST']
  if (named !== undefined && named !== '') return openGuest(resolve(named))
  const found = installedGuest() ?? (await newestBuilt())
  if (found !== null) return openGuest(found)
  throw new BoxLiteError('engine_unavailable', 'There is no guest on this machine: no kernel and no image to start a box from', { remedy })
}

/** Compares every file of the guest with its checksum; `corrupt` names the first that differs. */
export async function verifyGuest({ directory, manifest }: GuestAssets): Promise<void> {
  for (const { file, sha256 } of filesOfGuest(manifest)) {
    const path = join(directory, file)
    const found = createHash('sha256').update(await fileCall('read', path, readFile(path))).digest('hex')
    if (found !== sha256) throw damaged(path, `has another checksum than its ${MANIFEST} says`)
  }
}

async function openGuest(directory: string): Promise<GuestAssets> {
  const manifest = parseGuestManifest(await manifestText(directory))
  const { kernel, initrd, firmware, emptyDisk, images } = manifest
  for (const file of filesOfGuest(manifest)) checkSize(directory, file)
  const own = new Map(images.map((image) => [image.reference, { ...image, path: join(directory, image.file) }]))
  return {
    directory,
    manifest,
    kernel: join(directory, kernel.file),
    initrd: join(directory, initrd.file),
    firmware: join(directory, firmware.file),
    emptyDisk: { ...emptyDisk, path: join(directory, emptyDisk.file) },
    image: (reference) => own.get(reference) ?? builtImage(manifest, reference),
  }
}

async function manifestText(directory: string): Promise<string> {
  const path = join(directory, MANIFEST)
  try {
    const { size } = await fileCall('open', path, stat(path))
    if (size > GUEST_MANIFEST_LIMIT_BYTES) throw damaged(path, `is larger than a ${MANIFEST} can be`)
    return await fileCall('read', path, readFile(path, 'utf8'))
  } catch (cause) {
    if (!isBoxLiteError(cause, 'not_found')) throw cause
    throw new BoxLiteError('engine_unavailable', `There is no guest in ${directory}`, { remedy, facts: { directory }, cause })
  }
}

/** The folder of the package: as boxlite's own neighbour, or as the project's that runs. */
function installedGuest(): string | null {
  const main = process.argv[1]
  for (const from of [import.meta.url, join(process.cwd(), 'package.json'), ...(main === undefined ? [] : [resolve(main)])]) {
    try {
      return dirname(createRequire(from).resolve(`${GUEST_PACKAGE}/${MANIFEST}`))
    } catch (error) {
      // It is not installed where this one looks.
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
    }
  }
  return null
}

async function newestBuilt(): Promise<string | null> {
  const cache = guestCache()
  let newest: { directory: string; at: number } | null = null
  for (const entry of await namesIn(cache)) {
    if (!/^386-[0-9a-f]+$/.test(entry)) continue
    const directory = join(cache, entry)
    const at = statSync(join(directory, MANIFEST), { throwIfNoEntry: false })?.mtimeMs
    if (at !== undefined && (newest === null || at > newest.at)) newest = { directory, at }
  }
  return newest?.directory ?? null
}

/** An image that was built from one of the guest's recipes, in a folder of its own in the cache. */
function builtImage(manifest: GuestManifest, reference: string): GuestImageFile | null {
  const recipe = manifest.recipes.find((one) => one.reference === reference)
  if (recipe === undefined) return null
  const directory = join(guestCache(), `386-image-${reference}-${recipe.key}`)
  const path = join(directory, 'image.json')
  let text
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    // It was not built yet.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw asFileError(error, 'read', path)
  }
  const image = parseBuiltImage(text)
  if (image.reference !== reference) throw damaged(path, `describes the image '${image.reference}'`)
  checkSize(directory, image)
  return { ...image, path: join(directory, image.file) }
}

function checkSize(directory: string, { file, bytes }: GuestFile): void {
  const path = join(directory, file)
  const size = statSync(path, { throwIfNoEntry: false })?.size
  if (size === undefined) throw damaged(path, 'is missing')
  if (size !== bytes) throw damaged(path, `has ${size} bytes and not ${bytes}`)
}

function damaged(path: string, what: string): BoxLiteError {
  return new BoxLiteError('corrupt', `${path} ${what}`, {
    remedy: `Remove ${dirname(path)} and type 'npm run guest', or install ${GUEST_PACKAGE} again.`,
    facts: { path },
  })
}
