// A new backing file name for an image.

import { Core } from '../core/core.ts'
import { encodeText } from '../core/text.ts'
import type { LayerFile } from '../host.ts'
import { Field, HeaderFact, Refusal } from './abi.ts'
import { asArgument, type Backing, backingFormatCode } from './create.ts'
import { headerError, headerFacts, readHead, readHeader } from './header.ts'

/**
 * Makes the header of `file` name another backing file and its format; the guest's bytes are the caller's affair. Durable when it
 * resolves; a crash leaves the old name or the new one. Everything else in the header stays as it is.
 *
 * Rejects with `invalid_argument` for a name that is not plain and relative, with `limit` where cluster 0 has no room
 * for it, with `unsupported` where the format cannot be stated in the header's first sector.
 */
export async function repointBacking(file: LayerFile, backing: Backing): Promise<void> {
  const { facts } = await readHeader(file)
  const fileBytes = await file.size()
  const header = await readHead(file, Math.min(fileBytes, 2 ** facts[HeaderFact.CLUSTER_BITS]!))
  const name = encodeText(backing.name)
  const core = await Core.create()
  const input = new Uint8Array(header.length + name.length)
  input.set(header)
  input.set(name, header.length)
  core.put(input)
  const refusal = core.exports.imageRepoint(header.length, name.length, backingFormatCode(backing.format), fileBytes)
  if (refusal !== Refusal.NONE) {
    const isName = headerFacts(core)[HeaderFact.FIELD] === Field.BACKING_FILE_NAME
    throw isName ? asArgument(headerError(core, refusal)) : headerError(core, refusal)
  }
  const parts = new Float64Array(core.bytes.buffer, core.exports.imageParts(), 6).slice()
  for (let at = 0; at < parts.length; at += 3) {
    const [offset, pointer, bytes] = parts.subarray(at)
    await file.write(core.bytes.slice(pointer, pointer! + bytes!), offset!)
    await file.sync()
  }
}
