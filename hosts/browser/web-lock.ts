// Web Locks: of the whole origin, and let go by the browser when the page or the worker that holds one is gone.

import type { Held } from '../../src/host.ts'

/** Takes a lock without waiting; null: someone has it. */
export function takeWebLock(name: string): Promise<Pick<Held, 'release'> | null> {
  return new Promise((resolve, reject) => {
    const over = navigator.locks.request(name, { ifAvailable: true }, async (lock) => {
      if (lock === null) return resolve(null)
      await new Promise<void>((letGo) => {
        const release = (): Promise<void> => {
          letGo()
          return over
        }
        resolve({ release })
      })
    })
    over.catch(reject)
  })
}

/** Whether anyone has the lock. */
export async function isWebLockTaken(name: string): Promise<boolean> {
  return navigator.locks.request(name, { ifAvailable: true, mode: 'shared' }, (lock) => lock === null)
}
