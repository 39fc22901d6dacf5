// A store where one call fails, and every call is counted.

import { BoxLiteError } from '../../src/error.ts'
import type { LayerFile, Store } from '../../src/host.ts'

export class FailingStore {
  readonly store: Store
  /** How many calls there were. */
  calls = 0
  readonly #failing: number

  /** Call number `failing` rejects with `io` and does nothing. */
  constructor(store: Store, failing: number) {
    this.#failing = failing
    const methods = ['lock', 'list', 'syncDirectory', 'readRecord', 'commitRecord', 'createLayer', 'openLayer', 'publishLayer'] as const
    this.store = this.#wrap(store, methods, (result) => (isFile(result) ? this.#wrapFile(result) : result))
  }

  #wrapFile(file: LayerFile): LayerFile {
    return this.#wrap(file, ['read', 'write', 'truncate', 'size', 'sync'], (result) => result)
  }

  #wrap<T extends object>(target: T, methods: readonly string[], wrapResult: (result: unknown) => unknown): T {
    return new Proxy(target, {
      get: (_, name) => {
        const value = Reflect.get(target, name, target) as unknown
        if (typeof value !== 'function') return value
        if (!methods.includes(String(name))) return value.bind(target) as unknown
        return async (...parameters: unknown[]) => {
          if (this.calls++ === this.#failing) throw new BoxLiteError('io', `the device failed in ${String(name)}`)
          return wrapResult(await (value as (...given: unknown[]) => unknown).apply(target, parameters))
        }
      },
    })
  }
}

function isFile(value: unknown): value is LayerFile {
  return typeof value === 'object' && value !== null && 'truncate' in value
}
