// The v86 engine on Node: each machine in a worker thread, alive as long as its latch is taken.

import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Worker } from 'node:worker_threads'
import { V86Engine } from '../../v86/engine.ts'
import type { MachineThread } from '../../v86/host.ts'
import type { FromThread } from '../../v86/protocol.ts'
import { fileCall } from '../file-call.ts'
import { createLatches } from '../lock.ts'
import { identifyProcess } from '../process-identity.ts'
import { ConsoleFile } from '../qemu/console-file.ts'
import { makeRunDirectory, placesOf } from '../qemu/run-directory.ts'
import { loadEmulator } from './load-emulator.ts'
import { ownBuffer } from './own-buffer.ts'
import { threadUrl } from './thread-url.ts'

/** What a thread of the emulator says on its own standard error, at most, that is kept for an error's message. */
const STDERR_BYTES = 2048

/** The engine that needs nothing but this package. */
export function createV86Engine(): V86Engine {
  const latches = createLatches('v86')
  return new V86Engine({
    load: loadEmulator,
    startThread,
    readFile: async (name) => ownBuffer(await fileCall('read', name, readFile(name))),
    identify: async (nonce) => ({ ...(await identifyProcess(process.pid))!, nonce, detached: false }),
    newNonce: () => randomBytes(16).toString('hex'),
    takeLatch: (nonce) => latches.take(nonce),
    isLatched: (nonce) => latches.isTaken(nonce),
    async keepConsole(store, boxId) {
      const { run } = await placesOf(store, boxId)
      await makeRunDirectory(run)
      const file = new ConsoleFile(run)
      return (bytes) => file.append(bytes)
    },
    locate: (store) => store.location,
  })
}

function startThread(): MachineThread {
  // The thread has nothing of this program but its files: no arguments, no environment, no output of its own.
  const worker = new Worker(threadUrl, { argv: [], execArgv: [], env: {}, stdin: false, stdout: true, stderr: true, name: 'boxlite-v86' })
  let stderr = ''
  worker.stdout.resume()
  worker.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-STDERR_BYTES)))
  let failure: Error | null = null
  worker.on('error', (error) => (failure = error))
  const ended = new Promise<Error | null>((resolve) => {
    worker.on('exit', () => resolve(failure ?? (stderr === '' ? null : new Error(stderr.trim()))))
  })
  return {
    endpoint: {
      post: (message, transfer = []) => worker.postMessage(message, transfer),
      receive: (receiver) => void worker.on('message', (message: FromThread) => receiver(message)),
    },
    ended,
    async terminate() {
      await worker.terminate()
      await ended
    },
  }
}
