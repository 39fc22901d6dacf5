// The v86 engine in a page: each machine in a worker of the page, alive as long as its latch, a Web Lock, is taken.

import { compileWasm } from '../../../src/core/core-module.ts'
import { BoxLiteError } from '../../../src/error.ts'
import type { Store } from '../../../src/host.ts'
import { V86_VERSION } from '../../v86/emulator-version.ts'
import type { EmulatorCode, V86Host } from '../../v86/host.ts'
import type { Assets } from '../assets.ts'
import { randomHex } from '../random-hex.ts'
import { BrowserStore } from '../store/browser-store.ts'
import { WebLock } from '../store/web-lock.ts'
import { startThread } from './start-thread.ts'

/** The lock that says that a machine lives. */
export const latchOf = (nonce: string): string => `boxlite:machine:${nonce}`

/** What v86 needs of a page. Without `assets` it does not work, and says so. */
export function browserV86Host(assets: Assets | null): V86Host {
  let code: Promise<EmulatorCode> | null = null
  return {
    load() {
      code ??= loadEmulator(assets)
      code.catch(() => (code = null))
      return code
    },
    startThread,
    readFile: async (name) => (await fileOf(assets, name)).arrayBuffer(),
    // Pages have no process and no boot that they could know; the nonce alone is enough to tell machines apart.
    identify: async (nonce) => ({ pid: 0, startTime: '', bootId: '', nonce, detached: false }),
    newNonce: () => randomHex(16),
    takeLatch: (nonce) => WebLock.request(latchOf(nonce), { ifAvailable: true }),
    isLatched: (nonce) => navigator.locks.request(latchOf(nonce), { mode: 'shared', ifAvailable: true }, (lock) => lock === null),
    locate,
  }
}

function locate(store: Store, boxId: string): string {
  if (store instanceof BrowserStore) return store.placeOf(boxId)
  throw new BoxLiteError('unsupported', 'A worker cannot read the disks of this home', { remedy: "Open the home in this browser's own storage." })
}

async function loadEmulator(assets: Assets | null): Promise<EmulatorCode> {
  if (assets === null) throw noAssets()
  const { emulator, kernel, initrd, firmware } = await assets.manifest()
  const remedy = 'Serve the package boxlite-guest-386 of the same release as boxlite.'
  if (emulator === undefined) throw new BoxLiteError('engine_unavailable', `The guest at ${assets.location} brings no emulator`, { remedy })
  const { version } = emulator
  if (version !== V86_VERSION) {
    const message = `The guest at ${assets.location} brings v86 ${version}, and this boxlite works with ${V86_VERSION}`
    throw new BoxLiteError('engine_unavailable', message, { remedy, facts: { version } })
  }
  // What else a machine boots from comes beside it. Whoever starts one waits for the rest, and hears of what failed.
  for (const file of [kernel, initrd, firmware]) assets.read(file).catch(() => undefined)
  return { version, module: await compileWasm(new Uint8Array(await (await assets.read(emulator)).arrayBuffer())) }
}

async function fileOf(assets: Assets | null, name: string): Promise<Blob> {
  if (assets === null) throw noAssets()
  const { kernel, initrd, firmware } = await assets.manifest()
  return assets.read([kernel, initrd, firmware].find(({ file }) => file === name)!)
}

/** The error of whoever wants a machine, or an image, of a page that does not say where they come from. */
export function noAssets(): BoxLiteError {
  return new BoxLiteError('engine_unavailable', 'A page starts no box before it is told where the guest is served from', {
    remedy: 'Serve the files of the package boxlite-guest-386, and name the URL of their folder in BoxLite.open({ assets }).',
  })
}
