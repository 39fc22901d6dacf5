// SHA-256 of a stream, computed by the core: the same on every host, in slices.

import { Core } from '../core/core.ts'
import { BoxLiteError } from '../error.ts'

/** What core/sha256.ts exports. */
export interface Sha256Exports {
  sha256Begin(): number
  sha256Update(lengthBytes: number): void
  sha256End(): number
}

const SLICE_BYTES = 64 * 1024
const DIGEST_BYTES = 32

/** An incremental SHA-256. One object makes one digest after another. */
export class Sha256 {
  readonly #core: Core

  private constructor(core: Core) {
    this.#core = core
    this.#begin()
  }

  static async create(): Promise<Sha256> {
    return new Sha256(await Core.create())
  }

  /** Takes `bytes` into the digest. */
  update(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
      const slice = bytes.subarray(at, at + SLICE_BYTES)
      this.#core.put(slice)
      this.#core.exports.sha256Update(slice.length)
    }
  }

  /** The digest of everything taken since the last one, in lower-case hex. */
  end(): string {
    const at = this.#core.exports.sha256End()
    const digest = this.#core.bytes.slice(at, at + DIGEST_BYTES)
    this.#core.exports.reset()
    this.#begin()
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
  }

  #begin(): void {
    if (this.#core.exports.sha256Begin() !== 0) throw new BoxLiteError('limit', 'the core has no memory for a digest')
  }
}
