// A new image written front to back (core/qcow2/bulk.ts).

import { Core } from '../core/core.ts'
import { encodeText } from '../core/text.ts'
import { BoxLiteError } from '../error.ts'
import type { LayerFile } from '../host.ts'
import { BackingFormat, Refusal } from './abi.ts'
import { asArgument, backingFormatCode, type CreateImageOptions } from './create.ts'
import { refusalError } from './refusal.ts'

/** Cluster size of the images that this package makes, in bytes. */
export const CLUSTER_BYTES = 65536

/** An image that is being written. One call at a time. */
export class BulkImage {
  readonly #core: Core
  readonly #file: LayerFile

  private constructor(core: Core, file: LayerFile) {
    this.#core = core
    this.#file = file
  }

  /** Begins an image in `file`, which must be empty. Until `end` the file is no image. Refuses what `createImage` refuses. */
  static async begin(file: LayerFile, { sizeBytes, backing }: CreateImageOptions): Promise<BulkImage> {
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
      throw new BoxLiteError('invalid_argument', 'The size of an image is a whole number of bytes', { facts: { sizeBytes } })
    }
    const existing = await file.size()
    if (existing !== 0) throw new BoxLiteError('invalid_state', 'A new image needs an empty file', { facts: { fileBytes: existing } })
    const core = await Core.create()
    const name = backing ? encodeText(backing.name) : new Uint8Array(0)
    core.put(name)
    const refusal = core.exports.bulkBegin(sizeBytes, name.length, backing ? backingFormatCode(backing.format) : BackingFormat.NONE)
    if (refusal !== Refusal.NONE) throw asArgument(refusalError(refusal, 0))
    return new BulkImage(core, file)
  }

  /**
   * Enters a cluster of the disk, behind all that were entered before, and answers where in the file its bytes go: all of
   * it, or `compressedBytes` bytes. The caller writes them there at any time before `end`.
   */
  async place(guestOffset: number, compressedBytes = 0): Promise<number> {
    const offset = this.#core.exports.bulkPlace(guestOffset, compressedBytes)
    if (offset < 0) throw refusalError(-offset, 0)
    await this.#writeTables()
    return offset
  }

  /** Enters a cluster that reads as zeros, whatever the backing file has there. */
  async placeZeroes(guestOffset: number): Promise<void> {
    const refusal = this.#core.exports.bulkZero(guestOffset)
    if (refusal !== Refusal.NONE) throw refusalError(refusal, 0)
    await this.#writeTables()
  }

  /** Writes the tables that are left, and the header. Not durable before the caller syncs the file. */
  async end(): Promise<void> {
    const fileBytes = this.#core.exports.bulkEnd()
    if (fileBytes < 0) throw refusalError(-fileBytes, 0)
    await this.#file.truncate(fileBytes)
    await this.#writeTables()
  }

  async #writeTables(): Promise<void> {
    const at = this.#core.exports.bulkWrites()
    const count = new Float64Array(this.#core.bytes.buffer, at, 1)[0]!
    const writes = new Float64Array(this.#core.bytes.buffer, at + 8, count * 3).slice()
    for (let i = 0; i < writes.length; i += 3) {
      const [offset, pointer, bytes] = writes.subarray(i, i + 3)
      await this.#file.write(this.#core.bytes.subarray(pointer, pointer! + bytes!), offset!)
    }
  }
}
