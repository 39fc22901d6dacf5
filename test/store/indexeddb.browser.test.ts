// The conformance suite on IndexedDB.

import { openBrowserStore } from '../../hosts/browser/store/open-browser-store.ts'
import { describeStore } from './conformance.ts'

let homes = 0

describeStore('IndexedDB', async () => {
  const home = `conformance-${homes++}`
  return {
    open: () => openBrowserStore(home),
    discard: async () => {
      indexedDB.deleteDatabase(`boxlite:${home}`)
    },
  }
})
