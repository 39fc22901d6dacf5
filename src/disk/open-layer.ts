// What is known of each layer of an open chain, and whether it stands on the next one.

import { BoxLiteError } from '../error.ts'
import type { LayerFile } from '../host.ts'
import { BackingFormat, BackingName, Field, HeaderFact, Refusal } from './abi.ts'
import type { CompressionMethod } from './codec.ts'
import { HEADER_FIRST_BYTES, readHead } from './header.ts'
import { refusalError } from './refusal.ts'

/** One image of a chain. `name` is the name by which the layer above names it. */
export interface Layer {
  readonly name: string
  readonly format: 'qcow2' | 'raw'
  readonly file: LayerFile
  /** The caller follows this image's backing name by rules of its own: whatever it says, the next layer is below it, or nothing. */
  readonly isFollowed?: boolean
}

/** A run of guest bytes as the core found it: an `ExtentKind`, and where its bytes are. */
export interface MappedExtent {
  readonly kind: number
  readonly depth: number
  readonly offset: number
  readonly length: number
  readonly hostOffset: number
  readonly hostBytes: number
}

/** What a chain has to know of a layer beside what the core knows. */
export interface OpenLayer {
  readonly name: string
  readonly file: LayerFile
  readonly fileBytes: number
  readonly sizeBytes: number
  readonly clusterBytes: number
  readonly method: CompressionMethod
  readonly ownForm: boolean
}

/** The first bytes of a layer's header; none of a raw one. */
export async function readFirst(layer: Layer, fileBytes: number): Promise<Uint8Array> {
  if (layer.format === 'raw') return new Uint8Array(0)
  return await readHead(layer.file, Math.min(HEADER_FIRST_BYTES, fileBytes))
}

/** Refuses a layer whose backing file is not the next one of the chain, or is named in a way that nobody may follow. */
export function checkBacking(layer: Layer, below: Layer | undefined, facts: Float64Array, name: string): void {
  const kind = facts[HeaderFact.BACKING_NAME_KIND]
  const image = layer.name
  if (kind === BackingName.NONE) {
    if (below !== undefined) throw new BoxLiteError('invalid_argument', `${image} has no backing file, but ${below.name} was given for it`)
    return
  }
  if (layer.isFollowed === true) return
  if (kind !== BackingName.HOME && kind !== BackingName.PLAIN) throw refusalError(Refusal.NAME, Field.BACKING_FILE_NAME, { image })
  const format = facts[HeaderFact.BACKING_FORMAT]
  if (format !== BackingFormat.RAW && format !== BackingFormat.QCOW2) throw refusalError(Refusal.UNSUPPORTED, Field.BACKING_FORMAT, { image })
  const stated = format === BackingFormat.RAW ? 'raw' : 'qcow2'
  if (below === undefined || below.name !== name || below.format !== stated) {
    const given = below === undefined ? 'nothing was' : `${below.name} (${below.format}) was`
    throw new BoxLiteError('invalid_argument', `${image} stands on ${name} (${stated}), but ${given} given for it`, { facts: { image, name } })
  }
}
