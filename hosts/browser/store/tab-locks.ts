// The store's locks: Web Locks, which the browser frees when a tab or worker ends.
//
// Whoever takes a box's lock writes a higher epoch for it, and every transaction for the box asks for the epoch its owner
// got. So an owner whose lock was stolen, or who wakes up after it was let go, changes nothing any more.

import { BoxLiteError } from '../../../src/error.ts'
import type { Held, LockScope } from '../../../src/host.ts'
import type { LockService } from '../../../src/store/lock-service.ts'
import type { Database, Fence } from './database.ts'

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
        return this.request('home', scope.mode)
      case 'name':
        return this.request(`name:${scope.name}`, 'exclusive')
      case 'box':
        return this.#takeBox(scope.id)
    }
  }

  /** What holds for the owner of a box, which this store is; null: it is not. */
  fenceOf(boxId: string): Fence | null {
    for (const { fence } of this.#held) if (fence?.boxId === boxId) return fence
    return null
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(Array.from(this.#held, (lock) => lock.release()))
  }

  /** Takes a Web Lock of this home, without waiting. */
  async request(name: string, mode: LockMode): Promise<TabLock | null> {
    if (this.#isClosed) throw new BoxLiteError('invalid_state', 'This store is closed')
    const lock = await TabLock.request(`boxlite:${this.#database.name}:${name}`, mode, (ended) => this.#held.delete(ended))
    if (lock !== null) this.#held.add(lock)
    return lock
  }

  async #takeBox(boxId: string): Promise<Held | null> {
    const lock = await this.request(`box:${boxId}`, 'exclusive')
    if (lock === null) return null
    try {
      lock.fence = { boxId, epoch: await this.#nextEpoch(boxId) }
      return lock
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  #nextEpoch(boxId: string): Promise<number> {
    return this.#database.write(`lock the box ${boxId}`, ['owners'], [], async (transaction) => {
      const owners = transaction.objectStore('owners')
      const epoch = ((await owners.get(boxId)) ?? 0) + 1
      await owners.put(epoch, boxId)
      return epoch
    })
  }
}

/** What has to hold for whoever has `held`. */
export function fencesOf(held: readonly Held[]): Fence[] {
  return held.flatMap((lock) => (lock instanceof TabLock && lock.fence !== null ? [lock.fence] : []))
}

export class TabLock implements Held {
  /** Of a box's lock. */
  fence: Fence | null = null
  #isHeld = true
  readonly #letGo: () => void
  readonly #ended: Promise<void>

  private constructor(letGo: () => void, ended: Promise<unknown>, forget: (lock: TabLock) => void) {
    this.#letGo = letGo
    const end = (): void => {
      this.#isHeld = false
      forget(this)
    }
    // It rejects where the lock was stolen, which `isHeld` tells.
    this.#ended = ended.then(end, end)
  }

  static request(name: string, mode: LockMode, forget: (lock: TabLock) => void): Promise<TabLock | null> {
    return new Promise((resolve, reject) => {
      let letGo = (): void => undefined
      const whole: Promise<unknown> = navigator.locks.request(name, { mode, ifAvailable: true }, (lock) => {
        if (lock === null) return resolve(null)
        const kept = new Promise<void>((free) => (letGo = free))
        // Once this call has ended: then `whole` is there.
        queueMicrotask(() => resolve(new TabLock(letGo, whole, forget)))
        return kept
      })
      whole.catch((cause: unknown) => reject(new BoxLiteError('io', `Cannot take the lock ${name}`, { cause })))
    })
  }

  isHeld(): boolean {
    return this.#isHeld
  }

  async release(): Promise<void> {
    this.#isHeld = false
    this.#letGo()
    await this.#ended
  }
}
