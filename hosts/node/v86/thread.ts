// The program of a machine's thread. Its owner's process ends it, or takes it with it.

import { realpath } from 'node:fs/promises'
import { parentPort } from 'node:worker_threads'
import type { ToThread } from '../../v86/protocol.ts'
import { MachineServer } from '../../v86/serve-machine.ts'
import { nodeCodec } from '../codec.ts'
import { createNodeFileSystem } from '../fs.ts'
import { blockingFs } from './blocking-fs.ts'

const port = parentPort!

const server = new MachineServer(
  {
    post: (message, transfer = []) => port.postMessage(message, transfer),
    receive: (receiver) => void port.on('message', (message: ToThread) => receiver(message)),
  },
  {
    codec: nodeCodec,
    async openLayers(home) {
      const files = createNodeFileSystem(await realpath(home), blockingFs)
      return (name, mode) => files.open(`layers/${name}`, mode)
    },
  },
)

// What the emulator throws it throws to nobody: it runs by itself.
process.on('uncaughtException', (error) => server.crash(error))
