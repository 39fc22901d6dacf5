// What Node gives the public API.

import { randomBytes } from 'node:crypto'
import { realpath } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { BoxHost } from '../../src/box-host.ts'
import { nodeCodec } from './codec.ts'
import { nodeHostFiles } from './copy/host-files.ts'
import { fileCall } from './file-call.ts'
import { createNodeFileSystem } from './fs.ts'
import { findNodeGuest } from './node-guest.ts'
import { QemuEngine } from './qemu/engine.ts'
import { lastQemuConsole } from './qemu/last-console.ts'
import { createV86Engine } from './v86/engine.ts'
import { openNodeStore } from './home.ts'

export const nodeHost: BoxHost = {
  openStore: (homeDir) => openNodeStore(homeDir),
  codec: nodeCodec,
  newId: () => randomBytes(16).toString('hex'),
  randomBytes: (length) => new Uint8Array(randomBytes(length)),
  nowMs: () => Date.now(),
  files: nodeHostFiles,
  engines: [new QemuEngine(), createV86Engine()],
  findGuest: () => findNodeGuest(nodeHost),
  lastConsole: lastQemuConsole,
  async openFile(path) {
    // A link that the caller names is the caller's business; only what it leads to must be a file.
    const real = await fileCall('open', path, realpath(path))
    return createNodeFileSystem(dirname(real)).open(basename(real), 'read')
  },
}
