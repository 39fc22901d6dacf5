// Copying by path between this machine and a box.

import { stat } from 'node:fs/promises'
import { basename, dirname, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { HostFiles } from '../../../src/files/host-files.ts'
import { fileCall } from '../file-call.ts'
import { packPath } from './pack-path.ts'
import { unpackTar } from './unpack-tar.ts'

export const nodeHostFiles: HostFiles = {
  pathOf: (url) => fileURLToPath(url),
  async look(path) {
    const found = await fileCall('look at', path, stat(path).catch(absent))
    if (found === null) return null
    return { path: resolve(path), kind: found.isDirectory() ? 'directory' : 'other', name: basename(resolve(path)) }
  },
  pack: packPath,
  unpack: unpackTar,
  meansContent: (path) => path === '.' || path.endsWith('/.') || path.endsWith(`${sep}.`),
  split: (path) => ({ directory: dirname(resolve(path)), name: basename(resolve(path)) }),
}

/** Null for what is not there, a part of the path included. */
function absent(error: unknown): null {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ENOTDIR') return null
  throw error
}
