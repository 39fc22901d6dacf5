// What a page gives the public API.

import type { BoxHost } from '../../src/box-host.ts'
import type { OpenOptions } from '../../src/boxlite.ts'
import { portableCodec } from '../../src/disk/codec.ts'
import { BoxLiteError } from '../../src/error.ts'
import { V86Engine } from '../v86/engine.ts'
import { Assets } from './assets.ts'
import { findBrowserGuest } from './browser-guest.ts'
import { randomHex } from './random-hex.ts'
import type { BrowserStore } from './store/browser-store.ts'
import { openBrowserStore } from './store/open-browser-store.ts'
import { browserV86Host, noAssets } from './v86/engine.ts'

/**
 * `assets` is where the guest is served from; `onProgress` is told whenever a file of it comes; `opened` is told which store was opened.
 * `unsupported` where the page is not a secure one.
 */
export function browserHost(
  { assets: folder, onProgress }: Pick<OpenOptions, 'assets' | 'onProgress'>,
  opened: (store: BrowserStore) => void,
): BoxHost {
  if (!isSecureContext) {
    throw new BoxLiteError('unsupported', 'Browsers give storage, locks and digests to secure pages alone, and this one is not', {
      remedy: 'Serve the page over https, or from localhost.',
    })
  }
  const assets = folder === undefined ? null : new Assets(folder)
  if (onProgress !== undefined) assets?.listen(onProgress)
  let store: BrowserStore | null = null
  return {
    async openStore(homeDir) {
      store = await openBrowserStore(homeDir)
      opened(store)
      return store
    },
    watchTakers: (giveUp) => store?.watchTakers(giveUp),
    codec: portableCodec,
    newId: () => randomHex(16),
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    nowMs: () => Date.now(),
    engines: [new V86Engine(browserV86Host(assets))],
    async findGuest(options = {}) {
      if (assets === null) throw noAssets()
      return findBrowserGuest(assets, options)
    },
  }
}
