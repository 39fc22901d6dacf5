// What Node gives the public API.

import { randomBytes } from 'node:crypto'
import { realpath } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { BoxHost } from '../../src/box-host.ts'
import type { OpenOptions } from '../../src/boxlite.ts'
import { assetsDirectory } from './assets-directory.ts'
import { nodeCodec } from './codec.ts'
import { nodeHostFiles } from './copy/host-files.ts'
import { fileCall } from './file-call.ts'
import { createNodeFileSystem } from './fs.ts'
import { findNodeGuest } from './node-guest.ts'
import { QemuEngine } from './qemu/engine.ts'
import { readKeptConsole } from './qemu/read-console.ts'
import { runDirectories } from './qemu/run-directory.ts'
import { createV86Engine } from './v86/engine.ts'
import { openNodeStore } from './home.ts'

// Of the whole process: they remember what they found out.
const engines = [new QemuEngine(), createV86Engine()]

/** `assets` names the guest's folder, by default the one that is found. */
export function nodeHost({ assets }: Pick<OpenOptions, 'assets'> = {}): BoxHost {
  const directory = assets === undefined ? undefined : assetsDirectory(assets)
  const host: BoxHost = {
    openStore: (homeDir) => openNodeStore(homeDir),
    codec: nodeCodec,
    newId: () => randomBytes(16).toString('hex'),
    randomBytes: (length) => new Uint8Array(randomBytes(length)),
    nowMs: () => Date.now(),
    files: nodeHostFiles,
    engines,
    findGuest: () => findNodeGuest(host, directory),
    readConsole: readKeptConsole,
    machineFiles: runDirectories,
    async openFile(path) {
      // A link that the caller names is the caller's business; only what it leads to must be a file.
      const real = await fileCall('open', path, realpath(path))
      return createNodeFileSystem(dirname(real)).open(basename(real), 'read')
    },
  }
  return host
}
