// The store over a file system. Every rule of POSIX durability is kept here and nowhere else:
//
//   record   new temporary file - write - fsync - close - compare - rename over the record - fsync of the directory
//   layer    new file - write - fsync - fsync of `layers/`, before any record names it
//   publish  rename of a synced temporary layer over a layer; durable with the next fsync of `layers/`
//
// A file whose fsync failed is given up, never synced again: the kernel may have marked its pages clean. The
// next commit writes a file of a new name. Once a rename was asked for, an error leaves the outcome unknown,
// and nothing is touched any more.

import { isBoxLiteError } from '../error.ts'
import { RECORD_LIMIT_BYTES } from '../host.ts'
import type { Directory, FileHead, Guarantees, Held, LayerFile, LockScope, RecordKind, Store } from '../host.ts'
import type { FileSystem } from './file-system.ts'
import type { LockService } from './lock-service.ts'
import { RECORD_SUFFIX, TEMPORARY_SUFFIX, checkLayerName, checkPlainName, checkRecordId, checkRemovable, checkTemporaryName } from './names.ts'
import { checkRecordLength, checkUnchanged, untouched } from './record-guard.ts'
import { SyncGuard } from './sync-guard.ts'

export class FileStore implements Store {
  readonly location: string
  readonly guarantees: Guarantees
  readonly #files: FileSystem
  readonly #locks: LockService
  readonly #nonce: string
  readonly #syncs = new SyncGuard()
  #temporaries = 0

  /**
   * `files` is rooted at a home that `openHome` has prepared. `nonce` (letters and digits) is unique to this store:
   * it names temporary files, so that two processes never write into the same one.
   */
  constructor(files: FileSystem, locks: LockService, nonce: string) {
    this.location = files.location
    this.guarantees = { atomicReplace: files.atomicReplace, directorySync: files.directorySync, transactions: false }
    this.#files = files
    this.#locks = locks
    this.#nonce = nonce
  }

  lock(scope: LockScope): Promise<Held | null> {
    return this.#locks.take(scope)
  }

  list(directory: Directory): Promise<string[]> {
    return this.#files.list(directory)
  }

  syncDirectory(directory: Directory): Promise<void> {
    return this.#files.syncDirectory(directory)
  }

  async readRecord(kind: RecordKind, id: string): Promise<Uint8Array | null> {
    return this.#files.readFile(recordPath(kind, id), RECORD_LIMIT_BYTES)
  }

  async commitRecord(kind: RecordKind, id: string, bytes: Uint8Array, expected: Uint8Array | null, held: readonly Held[]): Promise<void> {
    checkRecordLength(kind, id, bytes.length)
    const path = recordPath(kind, id)
    const temporary = `${kind}/${id}.${this.#nonce}-${this.#temporaries++}${TEMPORARY_SUFFIX}`
    const file = await this.#files.open(temporary, 'create').catch((error: unknown) => {
      throw untouched(error)
    })
    try {
      await writeSynced(file, bytes)
      checkUnchanged(kind, id, await this.readRecord(kind, id), expected, held)
    } catch (error) {
      throw untouched(await this.#abandon(temporary, error))
    }
    await this.#files.rename(temporary, path)
    await this.#files.syncDirectory(kind)
  }

  async removeRecord(kind: RecordKind, id: string, expected: Uint8Array, held: readonly Held[]): Promise<void> {
    checkUnchanged(kind, id, await this.readRecord(kind, id), expected, held)
    await this.#files.unlink(recordPath(kind, id))
    await this.#files.syncDirectory(kind)
  }

  async createLayer(name: string): Promise<LayerFile> {
    const file = await this.#files.open(`layers/${checkLayerName(name)}`, 'create')
    this.#syncs.forget(name)
    return this.#syncs.watch(name, file)
  }

  async openLayer(name: string, mode: 'read' | 'write'): Promise<LayerFile> {
    return this.#syncs.watch(name, await this.#files.open(`layers/${checkLayerName(name)}`, mode))
  }

  noteSyncFailure(layer: string, error: unknown): void {
    this.#syncs.note(layer, error)
  }

  async readLayerHead(name: string, lengthBytes: number): Promise<FileHead> {
    return this.#files.readHead(`layers/${checkLayerName(name)}`, lengthBytes)
  }

  async publishLayer(temporary: string, name: string): Promise<void> {
    await this.#files.rename(`layers/${checkTemporaryName(temporary)}`, `layers/${checkLayerName(name)}`)
    this.#syncs.forget(name)
  }

  async remove(directory: Directory, name: string): Promise<void> {
    const path = `${directory}/${checkRemovable(directory, name)}`
    if (directory === 'states') await this.#removeTree(path)
    else await ignoreAbsent(this.#files.unlink(path))
  }

  async close(): Promise<void> {
    await this.#locks.close()
    await this.#files.close()
  }

  /**
   * Removes a temporary file that came to nothing, and gives back the error that stopped it. Where the removal fails
   * too, the first error says more; the file stays, and collection takes it later.
   */
  #abandon(temporary: string, error: unknown): Promise<unknown> {
    return this.#files.unlink(temporary).then(
      () => error,
      () => error,
    )
  }

  async #removeTree(path: string): Promise<void> {
    const kind = await this.#files.kind(path)
    if (kind === null) return
    if (kind !== 'directory') return ignoreAbsent(this.#files.unlink(path))
    for (const name of await this.#files.list(path)) await this.#removeTree(`${path}/${checkPlainName(name)}`)
    await ignoreAbsent(this.#files.removeDirectory(path))
  }
}

async function writeSynced(file: LayerFile, bytes: Uint8Array): Promise<void> {
  try {
    await file.write(bytes, 0)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function ignoreAbsent(removal: Promise<void>): Promise<void> {
  try {
    await removal
  } catch (error) {
    if (!isBoxLiteError(error, 'not_found')) throw error
  }
}

function recordPath(kind: RecordKind, id: string): string {
  return `${kind}/${checkRecordId(id)}${RECORD_SUFFIX}`
}
