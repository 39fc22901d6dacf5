// guest.json: what a guest is made of. It stands beside the files that it names, in the guest package, in the cache of a local
// build, or on a web server. Read strictly: what it names is handed to an emulator.

import { BoxLiteError } from './error.ts'

/** Longest guest.json, in bytes. */
export const GUEST_MANIFEST_LIMIT_BYTES = 1024 * 1024

/** A file beside guest.json. */
export interface GuestFile {
  /** Its name, without any folder. */
  readonly file: string
  readonly bytes: number
  /** Of the file, in hexadecimal. */
  readonly sha256: string
}

/** A qcow2 image beside guest.json. */
export interface GuestDisk extends GuestFile {
  readonly virtualSizeBytes: number
  /** SHA-256 of what the disk holds, all `virtualSizeBytes` of it. Two images with one digest are the same disk. */
  readonly digest: string
}

/** A disk that a box can be made from. */
export interface GuestImage extends GuestDisk {
  /** The name that `create({ image })` knows it by. */
  readonly reference: string
}

/** The emulator's machine code, v86.wasm: a page has no package to read it from. */
export interface GuestEmulator extends GuestFile {
  /** Of the npm package v86, without the commit it is from. */
  readonly version: string
}

/** A package that a guest is built from. */
export interface GuestPackage {
  readonly name: string
  readonly version: string
  readonly architecture: string
}

/** An image that is not here, but that the builder beside guest.json can make. */
export interface GuestRecipe {
  readonly reference: string
  /** Hash of the recipe; part of the name under which the result is kept. */
  readonly key: string
}

/** What guest.json says. */
export interface GuestManifest {
  readonly format: 1
  readonly platform: 'linux/386'
  /** Hash of all recipes and sources that this guest was built from. */
  readonly key: string
  /** The version of the protocol that the agent speaks. */
  readonly agentProtocol: number
  readonly kernel: GuestFile
  /** Uncompressed; holds the agent as /init. */
  readonly initrd: GuestFile
  /** The BIOS for an emulator that brings none. */
  readonly firmware: GuestFile
  /** Absent where the guest is not meant for pages. */
  readonly emulator?: GuestEmulator
  readonly commandLine: string
  readonly images: readonly GuestImage[]
  /** An empty file system: images made from a tar start on it. */
  readonly emptyDisk: GuestDisk
  readonly recipes: readonly GuestRecipe[]
  readonly packages: readonly GuestPackage[]
}

/** What stands beside an image that was built on its own: the image, and what it was built from. */
export interface BuiltImage extends GuestImage {
  readonly format: 1
  readonly platform: 'linux/386'
  readonly key: string
  readonly packages: readonly GuestPackage[]
}

/** Every file that stands beside guest.json. */
export function filesOfGuest({ kernel, initrd, firmware, emulator, emptyDisk, images }: GuestManifest): GuestFile[] {
  return [kernel, initrd, firmware, ...(emulator ? [emulator] : []), emptyDisk, ...images]
}

const digest = /^[0-9a-f]{64}$/
const key = /^[0-9a-f]{16,64}$/
const name = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/
const version = /^\d+(?:\.\d+){2}$/
const printable = /^[ -~]{1,1024}$/

/** Reads guest.json. Throws `corrupt` with the field at fault, and `unsupported` for another format or platform. */
export function parseGuestManifest(text: string): GuestManifest {
  const top = documentOf(text)
  const manifest: GuestManifest = {
    format: 1,
    platform: 'linux/386',
    key: top.text('key', key),
    agentProtocol: top.count('agentProtocol'),
    kernel: fileOf(top.fields('kernel')),
    initrd: fileOf(top.fields('initrd')),
    firmware: fileOf(top.fields('firmware')),
    ...(top.has('emulator') && { emulator: emulatorOf(top.fields('emulator')) }),
    commandLine: top.text('commandLine', printable),
    images: top.list('images').map(imageOf),
    emptyDisk: diskOf(top.fields('emptyDisk')),
    recipes: top.list('recipes').map((recipe) => ({ reference: recipe.text('reference', name), key: recipe.text('key', key) })),
    packages: top.list('packages').map(packageOf),
  }
  top.end()
  const references = manifest.images.map(({ reference }) => reference)
  if (new Set(references).size !== references.length) throw damaged('images')
  return manifest
}

/** Reads the description of an image that was built on its own. Throws as `parseGuestManifest` does. */
export function parseBuiltImage(text: string): BuiltImage {
  const top = documentOf(text)
  const built: BuiltImage = {
    format: 1,
    platform: 'linux/386',
    key: top.text('key', key),
    ...imageOf(top),
    packages: top.list('packages').map(packageOf),
  }
  top.end()
  return built
}

function documentOf(text: string): Fields {
  if (text.length > GUEST_MANIFEST_LIMIT_BYTES) throw damaged('size')
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (cause) {
    throw damaged('JSON', cause)
  }
  const top = new Fields(document, '')
  const [format, platform] = [top.take('format'), top.take('platform')]
  if (typeof format !== 'number') throw damaged('format')
  if (format !== 1 || platform !== 'linux/386') {
    throw new BoxLiteError('unsupported', `The guest has format ${format} for ${String(platform)}; this boxlite reads format 1 for linux/386`, {
      remedy: 'Use a guest of the same release as boxlite.',
      facts: { format, platform },
    })
  }
  return top
}

const fileOf = (fields: Fields): GuestFile => closed(fields, namedFile(fields))
const emulatorOf = (fields: Fields): GuestEmulator => closed(fields, { ...namedFile(fields), version: fields.text('version', version) })
const diskOf = (fields: Fields): GuestDisk => closed(fields, disk(fields))

// An image stands in a list, which closes its members, or at the top of its own description.
const imageOf = (fields: Fields): GuestImage => ({ reference: fields.text('reference', name), ...disk(fields) })

function namedFile(fields: Fields): GuestFile {
  return { file: fields.text('file', name), bytes: fields.count('bytes'), sha256: fields.text('sha256', digest) }
}

function disk(fields: Fields): GuestDisk {
  const virtualSizeBytes = fields.count('virtualSizeBytes')
  if (virtualSizeBytes % 512 !== 0) throw damaged(fields.where('virtualSizeBytes'))
  return { ...namedFile(fields), virtualSizeBytes, digest: fields.text('digest', digest) }
}

function packageOf(fields: Fields): GuestPackage {
  const one = (field: string): string => fields.text(field, printable)
  return { name: one('name'), version: one('version'), architecture: one('architecture') }
}

function closed<T>(fields: Fields, value: T): T {
  fields.end()
  return value
}

/** The fields of one JSON object, each taken once; `end` refuses what nobody took. */
class Fields {
  readonly #values: Map<string, unknown>
  readonly #path: string

  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw damaged(path || 'JSON')
    this.#values = new Map(Object.entries(value))
    this.#path = path
  }

  where(field: string): string {
    return this.#path === '' ? field : `${this.#path}.${field}`
  }

  has(field: string): boolean {
    return this.#values.has(field)
  }

  take(field: string): unknown {
    const value = this.#values.get(field)
    this.#values.delete(field)
    return value
  }

  text(field: string, form: RegExp): string {
    const value = this.take(field)
    if (typeof value !== 'string' || !form.test(value)) throw damaged(this.where(field))
    return value
  }

  /** A whole number above zero. */
  count(field: string): number {
    const value = this.take(field)
    if (!Number.isSafeInteger(value) || (value as number) < 1) throw damaged(this.where(field))
    return value as number
  }

  fields(field: string): Fields {
    return new Fields(this.take(field), this.where(field))
  }

  list(field: string): { map<T>(read: (member: Fields) => T): T[] } {
    const value = this.take(field)
    if (!Array.isArray(value)) throw damaged(this.where(field))
    const members = (value as readonly unknown[]).map((member, index) => new Fields(member, `${this.where(field)}[${index}]`))
    return { map: (read) => members.map((member) => closed(member, read(member))) }
  }

  end(): void {
    for (const field of this.#values.keys()) throw damaged(this.where(field))
  }
}

function damaged(field: string, cause?: unknown): BoxLiteError {
  return new BoxLiteError('corrupt', `The description of the guest is not valid: ${field}`, {
    remedy: "Build the guest anew with 'npm run guest', or install the package boxlite-guest-386 again.",
    facts: { field },
    ...(cause === undefined ? {} : { cause }),
  })
}
