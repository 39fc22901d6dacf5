// Starts the worker of a machine.
//
// Its program is a string of this very module and its URL a blob: no bundler has to know of it, and it is found wherever the
// page's own scripts come from. The core's module is posted to it: the page has compiled it already.

import { coreModule } from '../../../src/core/core-module.ts'
import type { MachineThread } from '../../v86/host.ts'
import type { FromWorker, ToWorker } from './messages.ts'
import { threadProgram } from './thread.bundle.ts'

let programUrl: string | null = null

export function startThread(): MachineThread {
  programUrl ??= URL.createObjectURL(new Blob([threadProgram], { type: 'text/javascript' }))
  // The worker takes the lock of its own name before it does anything: whoever gets that lock after it has proof of its end.
  const name = `boxlite:thread:${crypto.randomUUID()}`
  const worker = new Worker(programUrl, { type: 'module', name })
  let failure: Error | null = null
  let isWatched = false
  let tellEnd: (error: Error | null) => void = () => undefined
  const ended = new Promise<Error | null>((resolve) => (tellEnd = resolve))
  const watch = (): void => {
    if (isWatched) return
    isWatched = true
    void navigator.locks.request(name, () => tellEnd(failure))
  }
  const terminate = (): Promise<unknown> => {
    worker.terminate()
    watch()
    return ended
  }
  worker.addEventListener('error', ({ message }) => {
    failure = new Error(message || "the page's Content-Security-Policy may forbid workers from blob: URLs (worker-src blob:)")
    void terminate()
  })
  const post = (message: ToWorker, transfer: readonly ArrayBuffer[] = []): void => worker.postMessage(message, [...transfer])
  coreModule().then((module) => post({ kind: 'core', module }), (error: unknown) => {
    failure = error instanceof Error ? error : new Error(String(error))
    void terminate()
  })
  return {
    endpoint: {
      post,
      receive(receiver) {
        worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => {
          if (data.kind === 'alive') watch()
          else receiver(data)
        })
      },
    },
    ended,
    async terminate() {
      await terminate()
    },
  }
}
