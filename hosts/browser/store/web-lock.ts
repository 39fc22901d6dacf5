// A Web Lock as something that is held until it is released, in place of a function that runs as long.

import { BoxLiteError } from '../../../src/error.ts'

export class WebLock {
  isHeld = true
  /** Resolves when it is held no more; with whether it was stolen. */
  readonly ended: Promise<boolean>
  readonly #letGo: () => void

  private constructor(letGo: () => void, whole: Promise<unknown>) {
    this.#letGo = letGo
    const end = (isStolen: boolean) => (): boolean => {
      this.isHeld = false
      return isStolen
    }
    // The browser rejects it where the lock was stolen, and for nothing else.
    this.ended = whole.then(end(false), end(true))
  }

  /** Null where `options` say `ifAvailable` and someone has it, or where their signal ends the wait. */
  static request(name: string, options: LockOptions): Promise<WebLock | null> {
    return new Promise((resolve, reject) => {
      const whole: Promise<unknown> = navigator.locks.request(name, options, (lock) => {
        if (lock === null) return resolve(null)
        return new Promise<void>((letGo) => resolve(new WebLock(letGo, whole)))
      })
      // Too late where the lock was got: `ended` tells then.
      whole.catch((cause: unknown) => {
        if (options.signal?.aborted === true) resolve(null)
        else reject(new BoxLiteError('io', `Cannot take the lock ${name}`, { cause }))
      })
    })
  }

  async release(): Promise<void> {
    this.isHeld = false
    this.#letGo()
    await this.ended
  }
}
