// A file whose fsync failed is never synced again: the kernel may have marked its pages clean, so that the next fsync
// says "done" about bytes that only memory has. Which files those are is known as long as this process lives.

import { BoxLiteError } from '../error.ts'
import type { LayerFile } from '../host.ts'

/** Remembers the files whose sync failed, by name. */
export class SyncGuard {
  readonly #failed = new Map<string, unknown>()
  readonly #tell: (name: string, error: unknown) => void

  /** `tell` hears of each file whose sync fails here, before its caller does. */
  constructor(tell: (name: string, error: unknown) => void = () => undefined) {
    this.#tell = tell
  }

  /** `file`, whose sync rejects with `io` from the first failure on, however often it is opened. */
  watch(name: string, file: LayerFile): LayerFile {
    const sync = async (): Promise<void> => {
      if (this.#failed.has(name)) throw this.#refusal(name)
      try {
        await file.sync()
      } catch (error) {
        this.#failed.set(name, error)
        this.#tell(name, error)
        throw error
      }
    }
    const { order, punchHole, readv } = file
    return {
      read: (target, offset) => file.read(target, offset),
      write: (source, offset) => file.write(source, offset),
      truncate: (length) => file.truncate(length),
      size: () => file.size(),
      sync,
      close: () => file.close(),
      ...(order && { order: () => order.call(file) }),
      ...(readv && { readv: (targets: readonly Uint8Array[], offset: number) => readv.call(file, targets, offset) }),
      ...(punchHole && { punchHole: (offset: number, length: number) => punchHole.call(file, offset, length) }),
    }
  }

  /** The sync of a file failed elsewhere in this program. */
  note(name: string, error: unknown): void {
    this.#failed.set(name, error)
  }

  /** Another file has the name now, or none. */
  forget(name: string): void {
    this.#failed.delete(name)
  }

  #refusal(name: string): BoxLiteError {
    return new BoxLiteError('io', `the layer '${name}' could not be made durable once, and its last writes may be lost when the power goes`, {
      remedy: 'Look after the disk, export the box or restore one of its snapshots, and go on from there.',
      facts: { layer: name },
      cause: this.#failed.get(name),
    })
  }
}
