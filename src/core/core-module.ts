// core.wasm, compiled once for a program.
//
// By itself, because the types of whoever uses the package lead to core.ts, and a program of Node need not know what a WebAssembly module is.

import { BoxLiteError } from '../error.ts'
import { coreWasmBase64 } from './core.wasm.ts'

let compiled: Promise<WebAssembly.Module> | undefined

/** The compiled core; compiled once. `unsupported` where the platform compiles no WebAssembly. */
export function coreModule(): Promise<WebAssembly.Module> {
  compiled ??= compileWasm(decodeBase64(coreWasmBase64))
  return compiled
}

/** Compiles a module of this package; `unsupported` where the platform lets nobody do that. */
export async function compileWasm(bytes: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes)
  } catch (cause) {
    throw new BoxLiteError('unsupported', 'WebAssembly cannot be compiled here', {
      remedy: "In a page, allow it in the Content-Security-Policy: script-src 'wasm-unsafe-eval'.",
      cause,
    })
  }
}

/** Takes a module that was compiled elsewhere, in place of the one of this program: a worker is given the one of its page. */
export function useCore(module: Promise<WebAssembly.Module>): void {
  compiled = module
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}
