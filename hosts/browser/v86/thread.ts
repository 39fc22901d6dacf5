// The program of a machine's worker, which lives and dies with its page. scripts/bundle-thread.mjs makes one file of it.

import { useCore } from '../../../src/core/core-module.ts'
import { portableCodec } from '../../../src/disk/codec.ts'
import { MachineServer } from '../../v86/serve-machine.ts'
import { openPlace } from '../store/open-place.ts'
import type { FromWorker, ToWorker } from './messages.ts'

const post = (message: FromWorker, transfer: readonly ArrayBuffer[] = []): void => self.postMessage(message, { transfer: [...transfer] })

/** Resolves when the lock that proves this worker's life is held; it is never let go. */
const alive = new Promise<void>((resolve) => {
  void navigator.locks.request(self.name, () => {
    post({ kind: 'alive' })
    resolve()
    return new Promise(() => undefined)
  })
})

let takeCore: (module: WebAssembly.Module) => void = () => undefined
useCore(new Promise((resolve) => (takeCore = resolve)))

const server = new MachineServer(
  {
    post,
    receive(receiver) {
      self.addEventListener('message', async ({ data }: MessageEvent<ToWorker>) => {
        if (data.kind === 'core') return takeCore(data.module)
        await alive
        receiver(data)
      })
    },
  },
  { codec: portableCodec, openLayers: openPlace },
)

// What the emulator throws it throws to nobody: it runs by itself.
const crash = (event: Event, error: unknown): void => {
  event.preventDefault()
  server.crash(error)
}
self.addEventListener('error', (event) => crash(event, event.error))
self.addEventListener('unhandledrejection', (event) => crash(event, event.reason))
