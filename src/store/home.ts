// The layout of a home on a file system: made once, checked at every open.
//
// The directories come first and are durable before the file `format` is: a home that has its `format` had all of
// its directories. One that is missing later was lost (a partial copy, a missing mount), and an empty stand-in
// would make collection believe that nothing reaches any layer; so it is refused.

import { BoxLiteError, isBoxLiteError } from '../error.ts'
import type { FileSystem } from './file-system.ts'

/** The version of the layout that this code reads and writes. */
export const HOME_VERSION = 1

const FORMAT_LIMIT_BYTES = 4096
const directories = ['boxes', 'images', 'layers', 'states'] as const
/** Everything that may stand in a home's root, beside temporary files of `format`. */
const homeNames: ReadonlySet<string> = new Set<string>(['format', 'run', ...directories])

/** Makes the root of `files` a home, or checks that it is one. `nonce` names a temporary file; no other process uses it. */
export async function openHome(files: FileSystem, nonce: string): Promise<void> {
  const format = await files.readFile('format', FORMAT_LIMIT_BYTES)
  if (format === null) await createHome(files, nonce)
  else checkFormat(files.location, new TextDecoder('utf-8').decode(format))
  for (const name of directories) {
    const kind = await files.kind(name)
    if (kind !== 'directory') throw damagedHome(files.location, name, kind === null ? 'is missing' : 'is not a directory')
  }
  await removeLeftovers(files)
}

/** Takes away what processes left that died while they made the home. One that is still at it finds the home made. */
async function removeLeftovers(files: FileSystem): Promise<void> {
  for (const name of (await files.list('')).filter(isFormatTemporary)) {
    try {
      await files.unlink(name)
    } catch (error) {
      // Someone else took it away, or nobody can: it hinders nobody.
      if (!isBoxLiteError(error)) throw error
    }
  }
}

async function createHome(files: FileSystem, nonce: string): Promise<void> {
  const stranger = (await files.list('')).find((name) => !homeNames.has(name) && !isFormatTemporary(name))
  if (stranger !== undefined) {
    throw new BoxLiteError('invalid_argument', `${files.location} is not a boxlite home, and it is not empty`, {
      remedy: 'Name an empty directory, or one that does not exist yet.',
      facts: { homeDir: files.location, found: stranger },
    })
  }
  for (const name of directories) {
    try {
      await files.makeDirectory(name)
    } catch (error) {
      if (!isBoxLiteError(error, 'already_exists')) throw error
    }
  }
  await files.syncDirectory('')
  const temporary = `format.${nonce}.tmp`
  const file = await files.open(temporary, 'create')
  try {
    try {
      await file.write(new TextEncoder().encode(`boxlite home ${HOME_VERSION}\n`), 0)
      await file.sync()
    } finally {
      await file.close()
    }
    await publish(files, temporary)
  } catch (error) {
    // The error that brought us here is the one to tell; a file that stays hinders nobody.
    await files.unlink(temporary).catch(() => undefined)
    throw error
  }
  await files.syncDirectory('')
}

async function publish(files: FileSystem, temporary: string): Promise<void> {
  try {
    await files.rename(temporary, 'format')
  } catch (error) {
    // Another process has made the home meanwhile, and tidied up.
    if (!isBoxLiteError(error, 'not_found') || (await files.readFile('format', FORMAT_LIMIT_BYTES)) === null) throw error
  }
}

/** A `format` that was being written when its process died. */
function isFormatTemporary(name: string): boolean {
  return /^format\.[0-9a-z]+\.tmp$/.test(name)
}

function checkFormat(location: string, text: string): void {
  const version = /^boxlite home ([0-9]{1,9})\n$/.exec(text)?.[1]
  if (version === undefined) throw damagedHome(location, 'format', 'does not say "boxlite home" and a version')
  if (Number(version) !== HOME_VERSION) {
    throw new BoxLiteError('unsupported', `${location} is a home of version ${version}; this boxlite knows version ${HOME_VERSION}`, {
      remedy: 'Use the version of boxlite that made this home, or a newer one.',
      facts: { homeDir: location, version: Number(version), known: HOME_VERSION },
    })
  }
}

function damagedHome(location: string, name: string, what: string): BoxLiteError {
  return new BoxLiteError('corrupt', `${location}/${name} ${what}`, {
    remedy: 'Restore the whole home from its backup, or name another one.',
    facts: { homeDir: location, name },
  })
}
