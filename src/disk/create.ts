// New images of our own form, from the core's plan.

import { Core } from '../core/core.ts'
import { encodeText } from '../core/text.ts'
import { BoxLiteError } from '../error.ts'
import type { LayerFile } from '../host.ts'
import { BackingFormat, Refusal } from './abi.ts'
import { refusalError } from './refusal.ts'

/** A backing file: a plain relative name (`/` between its parts, no `..`, no protocol), and its format, which is never probed. */
export interface Backing {
  readonly name: string
  readonly format: 'qcow2' | 'raw'
}

export interface CreateImageOptions {
  /** Virtual size in bytes, a multiple of 512, at most 2 PiB. */
  readonly sizeBytes: number
  readonly backing?: Backing | null
}

/**
 * Writes a new, empty image into `file`, which must be empty. Not durable before the caller syncs it.
 * Rejects with `invalid_argument` where the size or the backing name is not allowed.
 */
export async function createImage(file: LayerFile, options: CreateImageOptions): Promise<void> {
  const { sizeBytes, backing } = options
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
    throw new BoxLiteError('invalid_argument', 'The size of an image is a whole number of bytes', { facts: { sizeBytes } })
  }
  const existing = await file.size()
  if (existing !== 0) throw new BoxLiteError('invalid_state', 'A new image needs an empty file', { facts: { fileBytes: existing } })
  planner ??= Core.create()
  const { segments, fileBytes } = planImage(await planner, sizeBytes, backing)
  for (const { offset, bytes } of segments) await file.write(bytes, offset)
  await file.truncate(fileBytes)
}

// One instance plans every image, because it is done with an image before anything is awaited. An instance for
// each would be many at once, and a browser has address space for about a hundred.
let planner: Promise<Core> | undefined

interface ImagePlan {
  readonly segments: readonly { readonly offset: number; readonly bytes: Uint8Array }[]
  readonly fileBytes: number
}

function planImage(core: Core, sizeBytes: number, backing: Backing | null | undefined): ImagePlan {
  const name = backing ? encodeText(backing.name) : new Uint8Array(0)
  if (backing && name.length === 0) throw new BoxLiteError('invalid_argument', 'A backing file needs a name')
  core.exports.reset()
  core.put(name)
  const format = backing ? backingFormatCode(backing.format) : BackingFormat.NONE
  const at = core.exports.imagePlan(sizeBytes, name.length, format)
  if (at === 0) throw new BoxLiteError('limit', 'A task of the core is out of memory')
  const [refusal, field, fileBytes, count] = new Float64Array(core.bytes.buffer, at, 4)
  if (refusal !== Refusal.NONE) throw asArgument(refusalError(refusal!, field!))
  const places = new Float64Array(core.bytes.buffer, at + 32, count! * 3)
  const segments = Array.from({ length: count! }, (_, i) => {
    const [offset, pointer, bytes] = places.subarray(i * 3)
    return { offset: offset!, bytes: core.bytes.slice(pointer, pointer! + bytes!) }
  })
  return { segments, fileBytes: fileBytes! }
}

/** The `BackingFormat` code of a format. */
export function backingFormatCode(format: Backing['format']): number {
  return format === 'raw' ? BackingFormat.RAW : BackingFormat.QCOW2
}

/** A refusal of something that the caller gave, not of an image: the fault is the caller's. */
export function asArgument(error: BoxLiteError): BoxLiteError {
  return new BoxLiteError('invalid_argument', error.message, { facts: error.facts })
}
