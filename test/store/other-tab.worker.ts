// Another context of the same site: a store of its own, told what to do by the test.

import { isBoxLiteError } from '../../src/error.ts'
import type { Held, LayerFile } from '../../src/host.ts'
import { BoxLite } from '../../hosts/browser/index.ts'
import type { BrowserStore } from '../../hosts/browser/store/browser-store.ts'
import { openBrowserStore } from '../../hosts/browser/store/open-browser-store.ts'
import { openPlace } from '../../hosts/browser/store/open-place.ts'

let store: BrowserStore
let held: Held
let file: LayerFile

/** What the other context can be asked to do. Each answers a text. */
export const actions = {
  async lockBox(home: string, boxId: string): Promise<string> {
    store = await openBrowserStore(home)
    held = (await store.lock({ kind: 'box', id: boxId }))!
    return 'locked'
  },
  async createLayer(name: string): Promise<string> {
    file = await store.createLayer(name, [held])
    return 'created'
  },
  async openPlace(place: string, name: string): Promise<string> {
    file = await (await openPlace(place))(name, 'write')
    return 'opened'
  },
  async write(text: string): Promise<string> {
    await file.write(new TextEncoder().encode(text), 0)
    await file.sync()
    return 'written'
  },
  async commit(boxId: string, text: string): Promise<string> {
    await store.commitRecord('boxes', boxId, new TextEncoder().encode(text), await store.readRecord('boxes', boxId), [held])
    return 'committed'
  },
  async openHome(homeDir: string): Promise<string> {
    const lite = await BoxLite.open({ homeDir, engine: 'none' })
    await lite.create({ name: 'web', diskSizeGb: 1 })
    await lite.close()
    return 'opened'
  },
  async isHeld(): Promise<string> {
    return String(held.isHeld())
  },
}

export type Action = keyof typeof actions

self.addEventListener('message', async ({ data }: MessageEvent<{ action: Action; given: string[] }>) => {
  const answer = await (actions[data.action] as (...given: string[]) => Promise<string>)(...data.given).catch((error: unknown) =>
    isBoxLiteError(error) ? error.code : String(error),
  )
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin
  self.postMessage(answer)
})
