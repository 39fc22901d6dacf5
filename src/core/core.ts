// Loads core.wasm and hands out instances of it. One instance does one task at a time.

import type { Sha256Exports } from '../archive/sha256.ts'
import type { DiskExports } from '../disk/exports.ts'
import { BoxLiteError } from '../error.ts'
import type { LegacyExports } from '../legacy/abi.ts'
import type { OperationExports } from '../operation/exports.ts'
import { coreModule } from './core-module.ts'

/** What core.wasm exports. Offsets and sizes of files travel as f64: exact up to 2^53. */
export interface CoreExports extends DiskExports, LegacyExports, OperationExports, Sha256Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  reset(): void
  exchange(bytes: number): number
  nameVerdict(lengthBytes: number): number
}

/** One instance of the core, with a memory of its own. */
export class Core {
  readonly exports: CoreExports
  #bytes: Uint8Array

  private constructor(instance: WebAssembly.Instance) {
    this.exports = instance.exports as unknown as CoreExports
    this.#bytes = new Uint8Array(this.exports.memory.buffer)
  }

  static async create(): Promise<Core> {
    return new Core(await WebAssembly.instantiate(await coreModule()))
  }

  /** The instance's memory as it is now: never keep it across a call into the core, which may grow it. */
  get bytes(): Uint8Array {
    if (this.#bytes.buffer !== this.exports.memory.buffer) this.#bytes = new Uint8Array(this.exports.memory.buffer)
    return this.#bytes
  }

  /** Puts `source` into the exchange buffer and returns its place there. */
  put(source: Uint8Array): number {
    const at = this.reserve(source.length)
    this.bytes.set(source, at)
    return at
  }

  /** Makes room for `byteLength` bytes in the exchange buffer and returns its place. */
  reserve(byteLength: number): number {
    const at = this.exports.exchange(byteLength)
    if (at === 0) throw new BoxLiteError('limit', `${byteLength} bytes are more than one task of the core may take`)
    return at
  }
}
