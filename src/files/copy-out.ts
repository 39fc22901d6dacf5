// Copying out of a box, by the rules of cp. The tar comes from the guest, which may be hostile: whoever unpacks it makes nothing
// outside of the target.

import { u32Field } from '../agent/fields.ts'
import { StreamKind } from '../agent/protocol.ts'
import type { Connect } from '../connect.ts'
import { BoxLiteError } from '../error.ts'
import type { CopyOutOptions, CopyReport, Skipped } from './file-options.ts'
import { receive } from './guest-call.ts'
import { pathField, splitGuestPath } from './guest-path.ts'
import type { HostFiles } from './host-files.ts'
import { statOf } from './stat-of.ts'

const FOLLOW_LAST = 1
/** As much as an image may hold. */
const MAX_ENTRIES = 4_000_000
const MAX_BYTES = 64 * 2 ** 30

interface HostPlace {
  readonly directory: string
  readonly name: string
}

/** A tar of what is at a path of the box, names relative to its parent. */
export function archive(connect: Connect, path: string, options: CopyOutOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const { followLinks = false, signal } = options
  const fields = [pathField(path), u32Field(2, followLinks ? FOLLOW_LAST : 0)]
  return receive(connect, { kind: StreamKind.ARCHIVE, fields, what: `Copying '${path}' out of the box`, path, signal })
}

export async function copyOut(
  connect: Connect,
  host: HostFiles,
  guestPath: string,
  hostPath: string,
  options: CopyOutOptions,
): Promise<CopyReport> {
  pathField(guestPath)
  const { maxEntries = MAX_ENTRIES, maxBytes = MAX_BYTES } = options
  const limits = { maxEntries: checkLimit('maxEntries', maxEntries), maxBytes: checkLimit('maxBytes', maxBytes) }
  // A path that ends in `/.` means what is in the directory.
  const content = guestPath.endsWith('/.')
  const path = content ? guestPath.slice(0, -1) : guestPath
  const { kind } = await statOf(connect, path, content || (options.followLinks ?? false), options.signal)
  const name = splitGuestPath(path).name
  const place = await findPlace(host, hostPath, kind === 'directory', content || name === '' ? null : name)
  const skipped: Skipped[] = []
  let doneBytes = 0
  const entries = await host.unpack(archive(connect, path, options), place.directory, {
    root: name === '' ? '.' : name,
    name: place.name,
    ownership: options.ownership ?? false,
    ...limits,
    onSkipped: (one) => skipped.push(one),
    onBytes: (bytes) => options.onProgress?.({ stage: 'copyOut', doneBytes: (doneBytes += bytes), totalBytes: null }),
  })
  return { entries, skipped }
}

/** Where it goes: into a directory that exists, else to the very path, whose own directory exists. `name` null: only its content. */
async function findPlace(host: HostFiles, hostPath: string, directory: boolean, name: string | null): Promise<HostPlace> {
  const found = await host.look(hostPath)
  if (found?.kind === 'directory') return { directory: found.path, name: name ?? '' }
  if (found !== null && directory) {
    throw refused('invalid_argument', `'${hostPath}' is not a directory`, 'Give a directory, or a path that is free.', hostPath)
  }
  if (found === null && hostPath.endsWith('/')) throw refused('not_found', `There is no directory '${hostPath}'`, 'Make it first.', hostPath)
  const place = host.split(hostPath)
  const parent = await host.look(place.directory)
  if (parent?.kind === 'directory') return { directory: parent.path, name: place.name }
  throw refused('not_found', `There is no directory '${place.directory}'`, 'Make it first.', place.directory)
}

function checkLimit(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new BoxLiteError('invalid_argument', `${name} is ${value}`, { remedy: 'Give a whole number, 0 or more.', facts: { [name]: value } })
}

function refused(code: 'invalid_argument' | 'not_found', message: string, remedy: string, path: string): BoxLiteError {
  return new BoxLiteError(code, message, { remedy, facts: { path } })
}
