// Members of an archive that are held in memory as a whole.

import { BoxLiteError } from '../error.ts'
import { MANIFEST_LIMIT_BYTES } from './manifest.ts'
import type { TarMember } from './tar-reader.ts'

/** A manifest as it stands in an archive, and as JSON. */
export interface ReadManifest {
  readonly bytes: Uint8Array
  readonly document: unknown
}

/** Reads a manifest as JSON; `corrupt` where it is none, `limit` where it is too long. */
export async function readManifest(member: TarMember): Promise<ReadManifest> {
  const bytes = await readSmall(member, MANIFEST_LIMIT_BYTES)
  try {
    return { bytes, document: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown }
  } catch (cause) {
    throw new BoxLiteError('corrupt', "the archive's manifest is not JSON", { cause })
  }
}

/** Reads a member of at most `limitBytes`; `limit` where it is longer. */
export async function readSmall(member: TarMember, limitBytes: number): Promise<Uint8Array> {
  if (member.sizeBytes > limitBytes) {
    throw new BoxLiteError('limit', `the archive's ${member.name} is longer than ${limitBytes} bytes`, { facts: { sizeBytes: member.sizeBytes } })
  }
  const bytes = new Uint8Array(member.sizeBytes)
  for await (const piece of member.pieces()) bytes.set(piece.bytes, piece.offset)
  return bytes
}
