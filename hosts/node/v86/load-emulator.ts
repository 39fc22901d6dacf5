// The emulator's code, from the package v86.

import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { BoxLiteError } from '../../../src/error.ts'
import { V86_VERSION } from '../../v86/emulator-version.ts'
import type { EmulatorCode } from '../../v86/host.ts'
import { ownBuffer } from './own-buffer.ts'

let code: Promise<EmulatorCode> | null = null

/** Compiled once for all machines of this program, which share the machine code. `engine_unavailable` where the package is not as it must be. */
export function loadEmulator(): Promise<EmulatorCode> {
  code ??= load()
  return code
}

async function load(): Promise<EmulatorCode> {
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
  try {
    return { version, module: await WebAssembly.compile(wasm) }
  } catch (cause) {
    throw new BoxLiteError('engine_unavailable', 'This Node cannot compile the emulator', { cause })
  }
}
