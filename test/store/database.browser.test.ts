// A home's database between visits, beside other tabs, and when the browser takes it away.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BrowserStore } from '../../hosts/browser/store/browser-store.ts'
import { openBrowserStore } from '../../hosts/browser/store/open-browser-store.ts'
import { askToPersist, readStorageState } from '../../hosts/browser/store/storage-state.ts'
import { refuses } from './refuses.ts'

const box = 'b'.repeat(32)

const ended = (request: IDBRequest): Promise<unknown> =>
  new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result))
    request.addEventListener('error', () => reject(request.error!))
  })

let homes = 0

describe('the database of a home', () => {
  let home: string
  const stores: BrowserStore[] = []
  const open = async (options = {}): Promise<BrowserStore> => {
    const store = await openBrowserStore(home, options)
    stores.push(store)
    return store
  }
  const remove = (): IDBOpenDBRequest => indexedDB.deleteDatabase(`boxlite:${home}`)
  beforeEach(() => {
    home = `database-${homes++}`
  })
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close()
    await ended(remove())
  })

  it('is missed when it was deleted between two visits, once', async () => {
    const first = await open()
    await first.commitRecord('boxes', box, new Uint8Array(1), null, [])
    await first.close()
    expect((await open()).lost).toBeNull()
    await stores[1]!.close()
    const before = Date.now()
    await ended(remove())
    const { lost } = await open()
    expect(lost!.getTime()).toBeLessThanOrEqual(before)
    expect(await stores[2]!.list('boxes')).toEqual([])
    expect((await open()).lost).toBeNull()
  })

  it('that another tab deletes is said to be gone, not taken for empty', async () => {
    const store = await open()
    await store.commitRecord('boxes', box, new Uint8Array(1), null, [])
    await ended(remove())
    await refuses(store.list('boxes'), 'not_found', /deleted/)
    await refuses(store.commitRecord('boxes', box, new Uint8Array(1), null, []), 'not_found', /deleted/)
    expect(await (await open()).list('boxes')).toEqual([])
  })

  it('is not deleted while a box is in use; who opens it meanwhile is told why that waits', async () => {
    const store = await open()
    const held = (await store.lock({ kind: 'box', id: box }))!
    const deletion = remove()
    await new Promise((resolve) => deletion.addEventListener('blocked', resolve))
    await store.commitRecord('boxes', box, new Uint8Array(1), null, [held])
    await refuses(open({ openMs: 1 }), 'busy', /another tab/)
    await held.release()
    await ended(deletion)
    await refuses(store.list('boxes'), 'not_found', /deleted/)
  })

  it('of a newer boxlite is refused', async () => {
    const newer = (await ended(indexedDB.open(`boxlite:${home}`, 7))) as IDBDatabase
    newer.close()
    await refuses(open(), 'unsupported', /newer/)
  })

  it('that the browser gives to nobody is told as such', async () => {
    const { open: opens } = IDBFactory.prototype
    IDBFactory.prototype.open = () => {
      throw new DOMException('access is denied in this context', 'SecurityError')
    }
    try {
      await refuses(open(), 'unsupported', /keep nothing/)
    } finally {
      IDBFactory.prototype.open = opens
    }
  })

  it('has a name that can be one', async () => {
    await refuses(openBrowserStore(''), 'invalid_argument', /named by/)
    await refuses(openBrowserStore('x'.repeat(129)), 'invalid_argument', /named by/)
    await refuses(openBrowserStore('\ud800'), 'invalid_argument', /named by/)
  })

  it('is made by whoever is first, when several open it at once', async () => {
    const opened = await Promise.all(Array.from({ length: 5 }, () => open()))
    await opened[0]!.commitRecord('boxes', box, new Uint8Array(1), null, [])
    expect(await opened[4]!.list('boxes')).toEqual([`${box}.json`])
    expect(opened.map(({ lost }) => lost)).toEqual([null, null, null, null, null])
  })

  it('forgets who had a box that is no more, and nobody who has one', async () => {
    const [gone, made] = ['c'.repeat(32), 'd'.repeat(32)]
    const store = await open()
    const locks = await Promise.all([box, gone, made].map((id) => store.lock({ kind: 'box', id })))
    await store.commitRecord('boxes', box, new Uint8Array(1), null, [locks[0]!])
    for (const held of [locks[0]!, locks[1]!]) await held.release()
    // A second visit, beside the first one, which makes a box just now.
    await (await open()).close()
    const database = (await ended(indexedDB.open(`boxlite:${home}`))) as IDBDatabase
    const owners = await ended(database.transaction('owners').objectStore('owners').getAllKeys())
    database.close()
    expect(owners).toEqual([box, made])
    await store.commitRecord('boxes', made, new Uint8Array(1), null, [locks[2]!])
  })

  it('stands in storage that the browser tells of', async () => {
    const asked = await askToPersist()
    const now = await readStorageState()
    expect(now.isPersistent).toBe(asked.isPersistent)
    expect(now.quotaBytes).toBeGreaterThan(now.usedBytes!)
  })
})
