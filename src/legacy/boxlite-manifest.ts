// The manifest of a `.boxlite` archive, versions 1 to 5.

import { travellingConfig, type BoxConfig } from '../archive/box-config.ts'
import { BoxLiteError } from '../error.ts'

/** What is taken from the manifest. */
export interface BoxliteManifest {
  readonly name: string | null
  readonly config: BoxConfig
  /** SHA-256 of the disk; null where the archive names none. */
  readonly diskSha256: string | null
  readonly guestDiskSha256: string | null
}

const NEWEST_VERSION = 5
const FIRST_WITH_CHECKSUMS = 2
const FIRST_WITH_OPTIONS = 3

/** Where our configuration has what theirs has, by our names. The rest has no meaning here, or, like `env`, may be secret. */
const options: Readonly<Record<string, string>> = {
  cpus: 'cpus',
  memoryMib: 'memory_mib',
  diskSizeGb: 'disk_size_gb',
  workingDir: 'working_dir',
  user: 'user',
  hostname: 'hostname',
  entrypoint: 'entrypoint',
  cmd: 'cmd',
}

type Fields = Readonly<Record<string, unknown>>

/** Reads a manifest; `corrupt` with the field's name, `unsupported` for another version. */
export function decodeBoxliteManifest(document: unknown): BoxliteManifest {
  const top = fieldsOf(document, 'manifest')
  const version = top['version']
  if (!Number.isSafeInteger(version) || (version as number) < 1) throw wrong('version')
  if ((version as number) > NEWEST_VERSION) {
    throw new BoxLiteError('unsupported', `the archive has version ${String(version)}; this boxlite reads 1 to ${NEWEST_VERSION}`, {
      facts: { version },
    })
  }
  const name = top['box_name'] ?? null
  if (name !== null && typeof name !== 'string') throw wrong('box_name')
  if (typeof top['image'] !== 'string') throw wrong('image')
  // RFC 3339, as far as it can be told from a look; the time itself is not used.
  if (typeof top['exported_at'] !== 'string' || !/^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d/.test(top['exported_at'])) throw wrong('exported_at')
  const withChecksums = (version as number) >= FIRST_WITH_CHECKSUMS
  return {
    name,
    config: configOf(top['image'], (version as number) >= FIRST_WITH_OPTIONS ? (top['box_options'] ?? null) : null),
    diskSha256: withChecksums ? sha256Of(top['container_disk_checksum'], 'container_disk_checksum') : null,
    guestDiskSha256: withChecksums ? sha256Of(top['guest_disk_checksum'] ?? '', 'guest_disk_checksum') : null,
  }
}

function configOf(image: string, value: unknown): BoxConfig {
  const theirs = value === null ? {} : fieldsOf(value, 'box_options')
  const ours = Object.fromEntries(Object.entries(options).map(([name, theirName]) => [name, theirs[theirName] ?? null]))
  return travellingConfig({ ...ours, image: image === '' ? null : image })
}

function sha256Of(value: unknown, field: string): string | null {
  if (value === '') return null
  const digest = typeof value === 'string' ? /^sha256:([0-9a-f]{64})$/.exec(value)?.[1] : undefined
  if (digest === undefined) throw wrong(field)
  return digest
}

function fieldsOf(value: unknown, field: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(field)
  return value as Fields
}

function wrong(field: string): BoxLiteError {
  return new BoxLiteError('corrupt', `the archive's manifest is not valid: ${field}`, { facts: { field } })
}
