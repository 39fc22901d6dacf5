// The store's locks: Web Locks, which the browser frees when a tab or worker ends.
//
// Whoever takes a box's lock writes a new epoch for it, and every transaction for the box asks for the epoch its owner
// got. So an owner whose lock was stolen, or who wakes up after it was let go, changes nothing any more.

import { BoxLiteError, isBoxLiteError } from '../../../src/error.ts'
import type { Held, LockScope } from '../../../src/host.ts'
import type { LockService } from '../../../src/store/lock-service.ts'
import { randomHex } from '../random-hex.ts'
import type { Database, Fence } from './database.ts'
import type { WritableTable } from './schema.ts'
import { WebLock } from './web-lock.ts'

/** Most epochs that one visit forgets. */
const FORGOTTEN = 256

export class TabLocks implements LockService {
  readonly #database: Database
  readonly #held = new Set<TabLock>()
  #isClosed = false

  constructor(database: Database) {
    this.#database = database
  }

  async take(scope: LockScope): Promise<Held | null> {
    switch (scope.kind) {
      case 'home':
        return this.request('home', { mode: scope.mode, ifAvailable: true })
      case 'name':
        return this.request(`name:${scope.name}`, { ifAvailable: true })
      case 'port':
        return this.request(`port:${scope.id}:${scope.port}`, { ifAvailable: true })
      case 'box':
        return this.takeBox(scope.id, { ifAvailable: true })
    }
  }

  /** What holds for the owner of a box, where this is its owner. */
  fenceOf(boxId: string): Fence | null {
    for (const { fence } of this.#held) if (fence?.boxId === boxId) return fence
    return null
  }

  /** Takes a Web Lock of this home as `options` say; null: someone has it, or the wait was given up. */
  async request(name: string, options: LockOptions): Promise<TabLock | null> {
    if (this.#isClosed) throw storeIsClosed()
    const lock = await WebLock.request(`boxlite:${this.#database.name}:${name}`, options)
    if (lock === null) return null
    if (this.#isClosed) {
      await lock.release()
      throw storeIsClosed()
    }
    const held = new TabLock(lock)
    const unused = this.#database.use()
    this.#held.add(held)
    void lock.ended.then(() => {
      this.#held.delete(held)
      unused()
    })
    return held
  }

  async takeBox(boxId: string, options: LockOptions): Promise<TabLock | null> {
    const lock = await this.request(`box:${boxId}`, options)
    if (lock === null) return null
    try {
      lock.fence = { boxId, epoch: await this.#newEpoch(boxId) }
      return lock
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(Array.from(this.#held, (lock) => lock.release()))
  }

  /** Forgets the epochs of boxes that are no more. */
  async sweep(): Promise<void> {
    const left = await this.#database.read('list owners', ['owners', 'boxes'], async (transaction) => {
      const [owned, boxes] = await Promise.all([transaction.objectStore('owners').getAllKeys(), transaction.objectStore('boxes').getAllKeys()])
      const there = new Set(boxes)
      return owned.filter((boxId) => !there.has(boxId)).slice(0, FORGOTTEN)
    })
    if (left.length === 0) return
    // Whose lock can be had has no owner, nor one who makes it just now.
    const locks = await Promise.all(left.map((boxId) => this.request(`box:${boxId}`, { ifAvailable: true })))
    try {
      await this.#database.write('forget owners', ['owners'], [], async (transaction) => {
        const owners = transaction.objectStore('owners')
        await Promise.all(left.map((boxId, i) => locks[i] !== null && owners.delete(boxId)))
      })
    } finally {
      await Promise.all(locks.map((lock) => lock?.release()))
    }
  }

  /** Notes a new owner of a box. Without room for that the one before is forgotten at least: a box can be removed where nothing can be written. */
  async #newEpoch(boxId: string): Promise<string | null> {
    const epoch = randomHex(16)
    const lock = (work: (owners: WritableTable<'owners'>) => Promise<unknown>): Promise<unknown> =>
      this.#database.write(`lock the box ${boxId}`, ['owners'], [], (transaction) => work(transaction.objectStore('owners')))
    try {
      await lock((owners) => owners.put(epoch, boxId))
      return epoch
    } catch (error) {
      if (!isBoxLiteError(error, 'no_space')) throw error
      await lock((owners) => owners.delete(boxId))
      return null
    }
  }
}

const storeIsClosed = (): BoxLiteError => new BoxLiteError('invalid_state', 'This store is closed')

/** What has to hold for whoever has `held`. */
export function fencesOf(held: readonly Held[]): Fence[] {
  return held.flatMap((lock) => (lock instanceof TabLock && lock.fence !== null ? [lock.fence] : []))
}

export class TabLock implements Held {
  /** Of a box's lock. */
  fence: Fence | null = null
  readonly stolen: Promise<void>
  readonly #lock: WebLock

  constructor(lock: WebLock) {
    this.#lock = lock
    this.stolen = new Promise((resolve) => void lock.ended.then((isStolen) => isStolen && resolve()))
  }

  isHeld(): boolean {
    return this.#lock.isHeld
  }

  release(): Promise<void> {
    return this.#lock.release()
  }
}
