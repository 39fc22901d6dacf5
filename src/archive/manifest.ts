// manifest.json, the first member of an archive. Snapshots and layers are named by their places in the lists, never by ids,
// and everything stands before what refers to it: no archive can say a cycle, and a copy of a box makes the same archive.
//
// There is one way to write a manifest. One that is written in any other is refused, so a field that comes twice, or that
// this version does not know, cannot slip through.

import type { Core } from '../core/core.ts'
import { BoxLiteError } from '../error.ts'
import { checkName } from '../name.ts'
import type { Consistency } from '../operation/record.ts'
import { type BoxConfig, travellingConfig } from './box-config.ts'

/** Longest manifest, in bytes. */
export const MANIFEST_LIMIT_BYTES = 16 * 1024 * 1024

const FORMAT = 'boxlite-archive'
const VERSION = 1
const consistencies: readonly string[] = ['stopped', 'frozen', 'crash'] satisfies Consistency[]

/** A layer of an archive. */
export interface ArchivedLayer {
  /** The layer it stands on, earlier in the list. */
  readonly parent: number | null
  readonly virtualSizeBytes: number
  /** For a layer that the archive does not hold, only the first one: SHA-256 of the stream it would have. */
  readonly sha256: string | null
}

/** A snapshot in an archive. */
export interface ArchivedSnapshot {
  readonly name: string
  readonly description: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly consistency: Consistency
  readonly layer: number
  /** The snapshot it was taken after, earlier in the list. */
  readonly parent: number | null
}

/** What an archive says about its box. */
export interface Manifest {
  readonly name: string | null
  readonly config: BoxConfig
  readonly layers: readonly ArchivedLayer[]
  readonly snapshots: readonly ArchivedSnapshot[]
  /** Where the box's own disk starts: a layer, and the snapshot that it comes after. */
  readonly live: { readonly layer: number; readonly parent: number | null }
}

/** The bytes of a manifest: JSON, indented by two spaces, ended by a line feed. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const { name, config, layers, snapshots, live } = manifest
  const document = {
    format: FORMAT,
    version: VERSION,
    name,
    config: travellingConfig(config),
    layers: layers.map(({ parent, virtualSizeBytes, sha256 }) => ({ parent, virtualSizeBytes: String(virtualSizeBytes), sha256 })),
    snapshots: snapshots.map(({ name, description, createdAt, consistency, layer, parent }) => ({
      name,
      description,
      createdAt,
      consistency,
      layer,
      parent,
    })),
    live: { layer: live.layer, parent: live.parent },
  }
  return new TextEncoder().encode(`${JSON.stringify(document, null, 2)}\n`)
}

/** Whether a parsed `manifest.json` is one of ours, of any version, and not one of the prior implementation. */
export function isOwnManifest(document: unknown): boolean {
  return typeof document === 'object' && document !== null && (document as Readonly<Record<string, unknown>>)['format'] === FORMAT
}

/** Reads a manifest strictly: `corrupt` with the field's name; `unsupported` for another version; `invalid_argument` for a bad name. */
export function decodeManifest(core: Core, bytes: Uint8Array, document: unknown): Manifest {
  const top = fieldsOf(document, 'manifest')
  if (top['version'] !== VERSION) {
    throw new BoxLiteError('unsupported', `the archive has version ${String(top['version'])}; this boxlite reads version ${VERSION}`, {
      remedy: 'Import it with the boxlite that made it, or a newer one.',
      facts: { version: top['version'] },
    })
  }
  const layers = listOf(top, 'layers').map(layerOf)
  if (layers.length === 0) throw damaged('layers')
  const snapshots = listOf(top, 'snapshots').map((value, index) => snapshotOf(core, value, index, layers.length))
  const live = fieldsOf(top['live'], 'live')
  const manifest: Manifest = {
    name: top['name'] === null ? null : nameOf(core, 'Box', top['name']),
    config: travellingConfig(fieldsOf(top['config'], 'config')),
    layers,
    snapshots,
    live: { layer: indexOf(live['layer'], layers.length, 'live.layer'), parent: parentOf(live['parent'], snapshots.length, 'live.parent') },
  }
  // What is not in the archive can only be stood on.
  const needed = [...manifest.snapshots.map(({ layer }) => layer), manifest.live.layer]
  if (layers[0]?.sha256 !== null && needed.includes(0)) throw damaged('layers[0].sha256')
  if (!sameBytes(encodeManifest(manifest), bytes)) throw damaged('manifest')
  return manifest
}

function layerOf(value: unknown, index: number): ArchivedLayer {
  const where = `layers[${index}]`
  const layer = fieldsOf(value, where)
  const size = layer['virtualSizeBytes']
  if (typeof size !== 'string' || !/^[1-9][0-9]{0,15}$/.test(size) || !Number.isSafeInteger(Number(size)) || Number(size) % 512 !== 0) {
    throw damaged(`${where}.virtualSizeBytes`)
  }
  const sha256 = layer['sha256']
  if (sha256 !== null && (index > 0 || typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256))) throw damaged(`${where}.sha256`)
  return { parent: parentOf(layer['parent'], index, `${where}.parent`), virtualSizeBytes: Number(size), sha256: sha256 as string | null }
}

function snapshotOf(core: Core, value: unknown, index: number, layers: number): ArchivedSnapshot {
  const where = `snapshots[${index}]`
  const snapshot = fieldsOf(value, where)
  const { description, createdAt, consistency } = snapshot as Partial<ArchivedSnapshot>
  if (typeof description !== 'string') throw damaged(`${where}.description`)
  if (!Number.isSafeInteger(createdAt) || (createdAt as number) < 0) throw damaged(`${where}.createdAt`)
  if (typeof consistency !== 'string' || !consistencies.includes(consistency)) throw damaged(`${where}.consistency`)
  return {
    name: nameOf(core, 'Snapshot', snapshot['name']),
    description,
    createdAt: createdAt as number,
    consistency,
    layer: indexOf(snapshot['layer'], layers, `${where}.layer`),
    parent: parentOf(snapshot['parent'], index, `${where}.parent`),
  }
}

function fieldsOf(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw damaged(where)
  return value as Readonly<Record<string, unknown>>
}

function listOf(fields: Readonly<Record<string, unknown>>, name: string): readonly unknown[] {
  const value = fields[name]
  if (!Array.isArray(value)) throw damaged(name)
  return value
}

function nameOf(core: Core, subject: 'Box' | 'Snapshot', value: unknown): string {
  if (typeof value !== 'string') throw damaged(`${subject.toLowerCase()} name`)
  checkName(core, subject, value)
  return value
}

function indexOf(value: unknown, below: number, where: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) >= below) throw damaged(where)
  return value as number
}

function parentOf(value: unknown, below: number, where: string): number | null {
  return value === null ? null : indexOf(value, below, where)
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at])
}

function damaged(field: string): BoxLiteError {
  return new BoxLiteError('corrupt', `the archive's manifest is not valid: ${field}`, { facts: { field } })
}
