// The public API in a page: what it promises on every host.
import { BoxLite } from '../../hosts/browser/index.ts'
import { describeApi } from '../api/api-suite.ts'
import { guestUrl, whyNoGuest } from './guest-url.ts'

describeApi('v86', 'in a page', await whyNoGuest(), async (engine) => {
  const homeDir = crypto.randomUUID()
  return {
    open: () => BoxLite.open({ homeDir, engine, assets: guestUrl() }),
    remove: async () => void indexedDB.deleteDatabase(`boxlite:${homeDir}`),
  }
})
