// What `exec` and `shell` promise on every host, in a box of a page.
import { BoxLite } from '../../hosts/browser/index.ts'
import { SMALL } from '../api/api-suite.ts'
import { execSuite, type ExecSubject, type Opened } from '../api/exec-suite.ts'
import { guestUrl, whyNoGuest } from './guest-url.ts'

const open = async (): Promise<Opened<ExecSubject>> => {
  const homeDir = crypto.randomUUID()
  const lite = await BoxLite.open({ homeDir, assets: guestUrl() })
  return {
    subject: await lite.create(SMALL),
    async close() {
      await lite.close()
      indexedDB.deleteDatabase(`boxlite:${homeDir}`)
    },
  }
}

execSuite('v86 in a page', open, await whyNoGuest())
