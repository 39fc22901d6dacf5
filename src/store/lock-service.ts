// Locks between processes, as the store needs them. They live outside the home: a home that is copied
// or restored from a backup brings no locks with it.

import type { Held, LockScope } from '../host.ts'

export interface LockService {
  /**
   * Takes a lock without waiting; null when someone has it in a conflicting mode, in this process or another.
   * The lock ends with the process that holds it, at once.
   */
  take(scope: LockScope): Promise<Held | null>
  /** Gives back whatever is still held. */
  close(): Promise<void>
}
