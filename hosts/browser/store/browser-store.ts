// The store in a browser: a home is a database.

import type { Directory, FileHead, Guarantees, Held, LayerFile, LockScope, RecordKind, Store } from '../../../src/host.ts'
import { checkLayerName, checkRecordId, checkRemovable, checkTemporaryName, RECORD_SUFFIX } from '../../../src/store/names.ts'
import { checkRecordLength, checkUnchanged, untouched } from '../../../src/store/record-guard.ts'
import type { Database } from './database.ts'
import { changedNothing, databaseError, takenOver } from './database-error.ts'
import { LayerFiles } from './layer-files.ts'
import { writePlace } from './place.ts'
import { fencesOf, TabLocks } from './tab-locks.ts'
import { answerTakers, takeOver, type TakeOverOptions } from './take-over.ts'

export class BrowserStore implements Store {
  readonly location: string
  readonly guarantees: Guarantees = { atomicReplace: true, directorySync: true, transactions: true }
  readonly #database: Database
  readonly #locks: TabLocks
  readonly #files: LayerFiles
  readonly #sweeping: Promise<unknown>

  /** When the home was made that had this name before and was deleted since the last visit; null: none was. */
  readonly lost: Date | null
  #answers: () => void = () => undefined

  constructor(database: Database, lost: Date | null) {
    this.location = `indexeddb:${database.name}`
    this.lost = lost
    this.#database = database
    this.#locks = new TabLocks(database)
    this.#files = new LayerFiles(database, this.#locks)
    // What cannot be removed now is in nobody's way; the next one who opens the home tries again.
    this.#sweeping = Promise.allSettled([this.#files.sweep(), this.#locks.sweep()])
  }

  lock(scope: LockScope): Promise<Held | null> {
    return this.#locks.take(scope)
  }

  /**
   * What the worker of a box's machine finds its layers by (`openPlace`). `busy` where this store does not hold the box, or does no more:
   * a machine writes in its owner's name or not at all.
   */
  placeOf(boxId: string): string {
    const fence = this.#locks.fenceOf(boxId)
    if (fence === null) throw takenOver(boxId)
    return writePlace({ database: this.#database.name, homeId: this.#database.homeId, fence })
  }

  /**
   * Takes the lock of a box like `lock`, also where another tab has it: asks that tab to stop the box, and steals the lock from one that
   * says nothing.
   */
  takeOver(boxId: string, options?: TakeOverOptions): Promise<Held> {
    return takeOver(this.#database.name, this.#locks, boxId, options)
  }

  /** Whether this tab has the lock of a box. */
  holds(boxId: string): boolean {
    return this.#locks.fenceOf(boxId) !== null
  }

  /** Sets who stops a box that another tab asks for. */
  watchTakers(giveUp: (boxId: string) => Promise<void>): void {
    this.#answers()
    this.#answers = answerTakers(this.#database.name, this.#locks, giveUp)
  }

  async list(directory: Directory): Promise<string[]> {
    if (directory === 'layers') return this.#files.names()
    const keys = await this.#database.read(`list ${directory}`, [directory], (transaction) => transaction.objectStore(directory).getAllKeys())
    return directory === 'states' ? keys : keys.map((id) => id + RECORD_SUFFIX)
  }

  /** Names are durable with the transactions that make and remove them. */
  async syncDirectory(): Promise<void> {}

  async readRecord(kind: RecordKind, id: string): Promise<Uint8Array | null> {
    checkRecordId(id)
    const bytes = await this.#database.read(`read the record ${kind}/${id}`, [kind], (transaction) => transaction.objectStore(kind).get(id))
    if (bytes !== undefined) checkRecordLength(kind, id, bytes.length)
    return bytes ?? null
  }

  async commitRecord(kind: RecordKind, id: string, bytes: Uint8Array, expected: Uint8Array | null, held: readonly Held[]): Promise<void> {
    checkRecordLength(kind, id, bytes.length)
    await this.#change(kind, checkRecordId(id), expected, held, bytes.slice())
  }

  async removeRecord(kind: RecordKind, id: string, expected: Uint8Array, held: readonly Held[]): Promise<void> {
    await this.#change(kind, checkRecordId(id), expected, held, null)
  }

  async createLayer(name: string, held: readonly Held[] = []): Promise<LayerFile> {
    return this.#files.create(checkLayerName(name), fencesOf(held))
  }

  async openLayer(name: string, mode: 'read' | 'write', held: readonly Held[] = []): Promise<LayerFile> {
    return this.#files.open(checkLayerName(name), mode, fencesOf(held))
  }

  async readLayerHead(name: string, lengthBytes: number): Promise<FileHead> {
    return this.#files.readHead(checkLayerName(name), lengthBytes)
  }

  async readLayerHeads(names: readonly string[], lengthBytes: number): Promise<ReadonlyMap<string, FileHead>> {
    return this.#files.readHeads(names.map(checkLayerName), lengthBytes)
  }

  async publishLayer(temporary: string, name: string): Promise<void> {
    return this.#files.publish(checkTemporaryName(temporary), checkLayerName(name))
  }

  async remove(directory: Directory, name: string): Promise<void> {
    checkRemovable(directory, name)
    if (directory === 'layers') await this.#files.remove(name)
    else if (directory === 'states') {
      await this.#database.write(`remove the state ${name}`, ['states'], [], (transaction) => transaction.objectStore('states').delete(name))
    }
  }

  async close(): Promise<void> {
    this.#answers()
    this.#files.close()
    await this.#sweeping
    await this.#locks.close()
    await this.#database.close()
  }

  async #change(kind: RecordKind, id: string, expected: Uint8Array | null, held: readonly Held[], bytes: Uint8Array | null): Promise<void> {
    try {
      await this.#database.write(`commit the record ${kind}/${id}`, [kind], fencesOf(held), async (transaction) => {
        const records = transaction.objectStore(kind)
        checkUnchanged(kind, id, (await records.get(id)) ?? null, expected, held)
        await (bytes === null ? records.delete(id) : records.put(bytes, id))
      })
    } catch (error) {
      const known = databaseError(error, `commit the record ${kind}/${id}`)
      throw changedNothing(known) ? untouched(known) : known
    }
  }
}
