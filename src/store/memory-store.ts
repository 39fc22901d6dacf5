// A store in memory: nothing outlives it. What a test or a throw-away box needs.

import { BoxLiteError } from '../error.ts'
import type { Directory, FileHead, Guarantees, Held, LayerFile, LockScope, RecordKind, Store } from '../host.ts'
import type { LockService } from './lock-service.ts'
import { MemoryFile, type MemoryContent } from './memory-file.ts'
import { MemoryLocks } from './memory-locks.ts'
import { checkLayerName, checkRecordId, checkRemovable, checkTemporaryName } from './names.ts'
import { checkRecordLength, checkUnchanged } from './record-guard.ts'

/** What memory stores of one home have in common; hand it to a second store to play a second process. */
export class MemoryHome {
  readonly records = { boxes: new Map<string, Uint8Array>(), images: new Map<string, Uint8Array>() }
  readonly layers = new Map<string, MemoryContent>()
  readonly locks = new MemoryLocks()
}

export class MemoryStore implements Store {
  readonly location = 'memory'
  readonly guarantees: Guarantees = { atomicReplace: true, directorySync: true, transactions: false }
  readonly #home: MemoryHome
  readonly #locks: LockService

  constructor(home: MemoryHome = new MemoryHome()) {
    this.#home = home
    this.#locks = home.locks.owner()
  }

  lock(scope: LockScope): Promise<Held | null> {
    return this.#locks.take(scope)
  }

  async list(directory: Directory): Promise<string[]> {
    switch (directory) {
      case 'layers':
        return [...this.#home.layers.keys()]
      case 'states':
        return []
      default:
        return Array.from(this.#home.records[directory].keys(), (id) => `${id}.json`)
    }
  }

  async syncDirectory(): Promise<void> {}

  async readRecord(kind: RecordKind, id: string): Promise<Uint8Array | null> {
    return this.#home.records[kind].get(checkRecordId(id))?.slice() ?? null
  }

  async commitRecord(kind: RecordKind, id: string, bytes: Uint8Array, expected: Uint8Array | null, held: readonly Held[]): Promise<void> {
    checkRecordLength(kind, id, bytes.length)
    checkUnchanged(kind, id, await this.readRecord(kind, id), expected, held)
    this.#home.records[kind].set(id, bytes.slice())
  }

  async removeRecord(kind: RecordKind, id: string, expected: Uint8Array, held: readonly Held[]): Promise<void> {
    checkUnchanged(kind, id, await this.readRecord(kind, id), expected, held)
    this.#home.records[kind].delete(id)
  }

  async createLayer(name: string): Promise<LayerFile> {
    if (this.#home.layers.has(checkLayerName(name))) throw new BoxLiteError('already_exists', `The layer ${name} exists already`)
    const content: MemoryContent = { pages: new Map(), lengthBytes: 0 }
    this.#home.layers.set(name, content)
    return new MemoryFile(content, true)
  }

  async openLayer(name: string, mode: 'read' | 'write'): Promise<LayerFile> {
    return new MemoryFile(this.#layer(checkLayerName(name)), mode === 'write')
  }

  async readLayerHead(name: string, lengthBytes: number): Promise<FileHead> {
    const file = await this.openLayer(name, 'read')
    const bytes = new Uint8Array(lengthBytes)
    return { bytes: bytes.subarray(0, await file.read(bytes, 0)), fileBytes: await file.size() }
  }

  async publishLayer(temporary: string, name: string): Promise<void> {
    checkLayerName(name)
    const content = this.#layer(checkTemporaryName(temporary))
    this.#home.layers.set(name, content)
    this.#home.layers.delete(temporary)
  }

  async remove(directory: Directory, name: string): Promise<void> {
    checkRemovable(directory, name)
    if (directory === 'layers') this.#home.layers.delete(name)
  }

  close(): Promise<void> {
    return this.#locks.close()
  }

  #layer(name: string): MemoryContent {
    const content = this.#home.layers.get(name)
    if (content === undefined) throw new BoxLiteError('not_found', `There is no layer ${name}`)
    return content
  }
}
