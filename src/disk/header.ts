// Reads the header of one image through the core.

import { Core } from '../core/core.ts'
import { BoxLiteError } from '../error.ts'
import type { LayerFile } from '../host.ts'
import { HeaderFact, Refusal } from './abi.ts'
import { refusalError } from './refusal.ts'

/** How much of cluster 0 is read at first: more than any header and its extensions usually take. */
export const HEADER_FIRST_BYTES = 4096

/** The facts of one header, by `HeaderFact`, and its texts. */
export interface ParsedHeader {
  readonly facts: Float64Array
  readonly backingName: string
  readonly backingFormat: string
}

/**
 * Shows `parse` as much of cluster 0 as it wants, at first `head` where that was read already: it answers a `Refusal`, and is asked again on
 * `Refusal.MORE` with at least the number of bytes it needs. The last refusal, or NONE.
 */
export async function readHeaderBytes(
  file: LayerFile,
  fileBytes: number,
  parse: (bytes: Uint8Array) => { refusal: number; neededBytes: number },
  head?: Uint8Array,
): Promise<number> {
  let bytes = head ?? (await readHead(file, Math.min(HEADER_FIRST_BYTES, fileBytes)))
  for (;;) {
    const { refusal, neededBytes } = parse(bytes)
    if (refusal !== Refusal.MORE) return refusal
    // Each answer asks for more than it was given, and never for more than cluster 0 or the file has.
    const length = Math.min(fileBytes, Math.max(neededBytes, bytes.length * 2))
    bytes = await readHead(file, length)
  }
}

/** The first `length` bytes of a file that has that many. */
export async function readHead(file: LayerFile, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  const got = await file.read(bytes, 0)
  if (got < length) throw new BoxLiteError('io', `The file ended at ${got} bytes while its header was read`, { facts: { got, length } })
  return bytes
}

// Parsing one header is one call that waits for nothing, so one core serves everybody: a long chain has many headers.
let parser: Promise<Core> | undefined

/** Parses the header of `file`; refuses what `parseHeader` of the core refuses. `image` names it in messages. */
export async function readHeader(file: LayerFile, image?: string): Promise<ParsedHeader> {
  parser ??= Core.create()
  const core = await parser
  const fileBytes = await file.size()
  let parsed: ParsedHeader | null = null
  await readHeaderBytes(file, fileBytes, (bytes) => {
    core.exports.reset()
    core.put(bytes)
    const refusal = core.exports.imageParse(bytes.length, fileBytes)
    const facts = headerFacts(core)
    if (refusal === Refusal.NONE) {
      parsed = {
        facts,
        backingName: textAt(core, facts, HeaderFact.BACKING_NAME_AT, HeaderFact.BACKING_NAME_BYTES),
        backingFormat: textAt(core, facts, HeaderFact.BACKING_FORMAT_AT, HeaderFact.BACKING_FORMAT_BYTES),
      }
    } else if (refusal !== Refusal.MORE) throw headerError(core, refusal, image)
    return { refusal, neededBytes: facts[HeaderFact.NEEDED_BYTES]! }
  })
  return parsed!
}

/** A copy of the facts about the header that `core` parsed last. */
export function headerFacts(core: Core): Float64Array {
  const at = core.exports.imageFacts()
  if (at === 0) throw new BoxLiteError('limit', 'A task of the core is out of memory')
  return new Float64Array(core.bytes.buffer, at, HeaderFact.COUNT).slice()
}

/** The error for a header that `core` refused. */
export function headerError(core: Core, refusal: number, image?: string): BoxLiteError {
  const facts = headerFacts(core)
  const feature = textAt(core, facts, HeaderFact.FEATURE_NAME_AT, HeaderFact.FEATURE_NAME_BYTES)
  return refusalError(refusal, facts[HeaderFact.FIELD]!, {
    value: facts[HeaderFact.VALUE]!,
    ...(image === undefined ? {} : { image }),
    ...(feature === '' ? {} : { feature }),
  })
}

/** A text that the core found in the header; it has checked that it is UTF-8. */
export function textAt(core: Core, facts: Float64Array, at: number, bytes: number): string {
  const start = facts[at]!
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(core.bytes.slice(start, start + facts[bytes]!))
}
