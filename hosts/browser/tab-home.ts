// A home that is open in a page: what a page can do with it beyond what every host can.

import { BoxLite, type OpenOptions } from '../../src/boxlite.ts'
import type { Box } from '../../src/box.ts'
import { Core } from '../../src/core/core.ts'
import { BoxLiteError } from '../../src/error.ts'
import { boxNotFound } from '../../src/home-access.ts'
import { readBoxRecord } from '../../src/operation/read-record.ts'
import { browserHost } from './browser-host.ts'
import type { BrowserStore } from './store/browser-store.ts'
import type { TakeOverOptions } from './store/take-over.ts'
import { latchOf } from './v86/engine.ts'

const stores = new WeakMap<BoxLite, BrowserStore>()

/** Opens a home, and asks the browser to keep it. */
export async function openTabHome(options: OpenOptions = {}): Promise<BoxLite> {
  const opened: BrowserStore[] = []
  const lite = await BoxLite.open(browserHost(options, (store) => opened.push(store)), options)
  stores.set(lite, opened[0]!)
  // No is an answer too, which `readStorageState` tells; some browsers ask a person, who may take any time.
  // A worker cannot ask.
  if ('persist' in navigator.storage) navigator.storage.persist().catch(() => undefined)
  return lite
}

/**
 * Makes a box this tab's, which another one may have: that one is asked to stop it, and where it does not answer in 5 seconds the box is taken
 * all the same, and nothing that it still writes arrives. Nothing for a box that this tab has. `not_found` for no box.
 */
export async function takeOver(lite: BoxLite, idOrName: string, options?: TakeOverOptions): Promise<Box> {
  const box = await lite.get(idOrName)
  if (box === null) throw boxNotFound(idOrName)
  const store = storeOf(lite)
  if (store.holds(box.id)) return box
  const held = await store.takeOver(box.id, options)
  try {
    await disownMachine(store, box.id)
  } finally {
    await held.release()
  }
  return box
}

/** When the home was made that had this one's name before, and whose database somebody deleted since the last visit; null: none was. */
export function lostHome(lite: BoxLite): Date | null {
  return storeOf(lite).lost
}

/** A machine that a silent tab still has can write no more: its sign of life is taken from it, so that recovery knows it for gone. */
async function disownMachine(store: BrowserStore, boxId: string): Promise<void> {
  const bytes = await store.readRecord('boxes', boxId)
  const machine = bytes === null ? null : readBoxRecord(await Core.create(), boxId, bytes).machine
  if (machine !== null) await navigator.locks.request(latchOf(machine.nonce), { steal: true }, () => undefined)
}

function storeOf(lite: BoxLite): BrowserStore {
  const store = stores.get(lite)
  if (store !== undefined) return store
  throw new BoxLiteError('invalid_argument', 'This home was not opened by this copy of boxlite in this page', {
    remedy: 'Give what BoxLite.open gave.',
  })
}
