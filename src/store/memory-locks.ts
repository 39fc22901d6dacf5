// Locks among stores of one process: for the memory store, and for tests that play several processes.

import type { LockScope } from '../host.ts'
import { lockName } from './lock-name.ts'
import type { LockService } from './lock-service.ts'

/** All locks of one home. Each `owner()` stands for a process; closing it is that process's death. */
export class MemoryLocks {
  readonly #exclusive = new Map<string, MemoryLock>()
  readonly #shared = new Set<MemoryLock>()

  owner(): LockService {
    const mine = new Set<MemoryLock>()
    return {
      take: async (scope) => {
        const lock = this.#take(scope)
        if (lock === null) return null
        mine.add(lock)
        return {
          isHeld: () => lock.held,
          release: async () => {
            mine.delete(lock)
            this.#release(lock)
          },
        }
      },
      close: async () => {
        for (const lock of mine) this.#release(lock)
        mine.clear()
      },
    }
  }

  #take(scope: LockScope): MemoryLock | null {
    const key = scope.kind === 'home' ? scope.kind : lockName(scope)
    const shared = scope.kind === 'home' && scope.mode === 'shared'
    if (this.#exclusive.has(key) || (scope.kind === 'home' && !shared && this.#shared.size > 0)) return null
    const lock: MemoryLock = { key, shared, held: true }
    if (shared) this.#shared.add(lock)
    else this.#exclusive.set(key, lock)
    return lock
  }

  #release(lock: MemoryLock): void {
    if (!lock.held) return
    lock.held = false
    if (lock.shared) this.#shared.delete(lock)
    else this.#exclusive.delete(lock.key)
  }
}

interface MemoryLock {
  readonly key: string
  readonly shared: boolean
  held: boolean
}
