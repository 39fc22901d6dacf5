// The v86 engine in a page: what every engine promises, with workers for threads and IndexedDB for a disk.
import { expect, it } from 'vitest'
import { Assets } from '../../hosts/browser/assets.ts'
import { openBrowserStore } from '../../hosts/browser/store/open-browser-store.ts'
import { browserV86Host } from '../../hosts/browser/v86/engine.ts'
import { V86Engine } from '../../hosts/v86/engine.ts'
import { engineSuite } from '../engine/engine-suite.ts'
import { GuestDisk, noGuestFiles, writeBase } from '../engine/guest-disk.ts'
import { guestUrl, whyNoGuest } from './guest-url.ts'

const noGuest = await whyNoGuest()

engineSuite('v86 in a page', async () => {
  if (noGuest !== null) return noGuest
  const rom = await (await fetch('/disk-guest.rom')).arrayBuffer()
  const engine = new V86Engine({ ...browserV86Host(new Assets(guestUrl())), readFile: async () => rom.slice() })
  return {
    engine,
    guest: { ...noGuestFiles, firmware: 'disk-guest.rom' },
    async makeHome(work = {}) {
      const homeDir = crypto.randomUUID()
      const store = await openBrowserStore(homeDir)
      const home = new GuestDisk(store, await writeBase(store, work), async () => void indexedDB.deleteDatabase(`boxlite:${homeDir}`))
      // A machine writes in the name of its box's owner, which is let go of with the store.
      await store.lock({ kind: 'box', id: home.boxId })
      return home
    },
  }
})

it('works here, which it finds out by running a program', async (context) => {
  if (noGuest !== null) return context.skip(noGuest)
  const status = await new V86Engine(browserV86Host(new Assets(guestUrl()))).probe()
  expect(status).toMatchObject({ engine: 'v86', accelerator: 'jit', refused: [] })
})
