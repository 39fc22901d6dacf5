import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BoxLiteError } from '../../src/error.ts'

/** The folder that the option `assets` names here: a path or a `file:` URL; `unsupported` for any other URL. */
export function assetsDirectory(assets: URL | string): string {
  const text = typeof assets === 'string' ? assets : assets.href
  // One letter and a colon is a drive of Windows.
  if (!/^[a-z][a-z0-9+.-]+:/i.test(text)) return resolve(text)
  if (/^file:/i.test(text)) return fileURLToPath(text)
  throw new BoxLiteError('unsupported', `On Node the guest is read from this machine's files, not from ${text}`, {
    remedy: 'Name a folder that holds guest.json, by its path or as a file: URL; or leave assets out.',
    facts: { assets: text },
  })
}
