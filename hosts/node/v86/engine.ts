// The v86 engine on Node: each machine in a worker thread, alive as long as its latch is taken.

import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { V86Engine } from '../../v86/engine.ts'
import { V86_VERSION } from '../../v86/emulator-version.ts'
import type { EmulatorCode, MachineThread } from '../../v86/host.ts'
import type { FromThread } from '../../v86/protocol.ts'
import { BoxLiteError } from '../../../src/error.ts'
import { fileCall } from '../file-call.ts'
import { createLatches } from '../lock.ts'
import { identifyProcess } from '../process-identity.ts'
import { threadUrl } from './thread-url.ts'

/** What a thread of the emulator says on its own standard error, at most, that is kept for an error's message. */
const STDERR_BYTES = 2048

/** The engine that needs nothing but this package. */
export function createV86Engine(): V86Engine {
  const latches = createLatches('v86')
  return new V86Engine({
    load: () => (code ??= loadEmulator()),
    startThread,
    readFile: async (name) => ownBuffer(await fileCall('read', name, readFile(name))),
    identify: async (nonce) => ({ ...(await identifyProcess(process.pid))!, nonce, detached: false }),
    newNonce: () => randomBytes(16).toString('hex'),
    takeLatch: (nonce) => latches.take(nonce),
    isLatched: (nonce) => latches.isTaken(nonce),
    locate: (store) => store.location,
  })
}

/** Compiled once for all machines of this program; they share the machine code. */
let code: Promise<EmulatorCode> | null = null

async function loadEmulator(): Promise<EmulatorCode> {
  const require = createRequire(import.meta.url)
  const remedy = `Install the package v86 in version ${V86_VERSION}.`
  if (typeof WebAssembly === 'undefined') throw new BoxLiteError('engine_unavailable', 'This Node runs without WebAssembly')
  let version: string
  let wasm: Uint8Array<ArrayBuffer>
  try {
    version = (JSON.parse(await readFile(require.resolve('v86/package.json'), 'utf8')) as { version: string }).version
    wasm = new Uint8Array(ownBuffer(await readFile(require.resolve('v86/build/v86.wasm'))))
  } catch (cause) {
    throw new BoxLiteError('engine_unavailable', 'The package v86, which this package depends on, is not there', { remedy, cause })
  }
  // The package's own version goes on with the commit it is from.
  if (version.split('+')[0] !== V86_VERSION) {
    throw new BoxLiteError('engine_unavailable', `The package v86 has version ${version}, not ${V86_VERSION}`, { remedy, facts: { version } })
  }
  return { version, module: await WebAssembly.compile(wasm) }
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

/** A buffer that is nobody else's: small files come in slices of a pool. */
function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = bytes
  if (byteOffset === 0 && byteLength === buffer.byteLength) return buffer as ArrayBuffer
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
}
