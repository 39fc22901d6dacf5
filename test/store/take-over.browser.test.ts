// Boxes that one tab takes from another, each a context of its own.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BoxLite, takeOver } from '../../hosts/browser/browser.ts'
import type { BrowserStore } from '../../hosts/browser/store/browser-store.ts'
import { openBrowserStore } from '../../hosts/browser/store/open-browser-store.ts'
import type { Action, actions } from './other-tab.worker.ts'
import { refuses } from './refuses.ts'

const box = 'b'.repeat(32)
const layer = `${'1'.repeat(32)}.qcow2`
const scope = { kind: 'box', id: box } as const

class OtherTab {
  readonly #worker = new Worker(new URL('./other-tab.worker.ts', import.meta.url), { type: 'module' })
  readonly #failure = new Promise<never>((_resolve, reject) => {
    this.#worker.addEventListener('error', ({ message }) => reject(new Error(`the other tab did not start: ${message}`)))
  })

  ask<A extends Action>(action: A, ...given: Parameters<(typeof actions)[A]>): Promise<string> {
    const answer = new Promise<string>((resolve) => {
      this.#worker.addEventListener('message', ({ data }: MessageEvent<string>) => resolve(data), { once: true })
    })
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin
    this.#worker.postMessage({ action, given })
    return Promise.race([answer, this.#failure])
  }

  close(): void {
    this.#worker.terminate()
  }
}

async function contentOf(store: BrowserStore): Promise<string> {
  const file = await store.openLayer(layer, 'read')
  const bytes = new Uint8Array(await file.size())
  await file.read(bytes, 0)
  await file.close()
  return new TextDecoder().decode(bytes)
}

let homes = 0

describe('a box that another tab has', () => {
  let home: string
  let store: BrowserStore
  let other: OtherTab
  beforeEach(async () => {
    home = `taken-${homes++}`
    store = await openBrowserStore(home)
    other = new OtherTab()
  })
  afterEach(async () => {
    other.close()
    await store.close()
    indexedDB.deleteDatabase(`boxlite:${home}`)
  })

  it('is busy, and free as soon as that tab is gone', async () => {
    await other.ask('lockBox', home, box)
    expect(await store.lock(scope)).toBeNull()
    const freed = navigator.locks.request(`boxlite:boxlite:${home}:box:${box}`, () => undefined)
    other.close()
    await freed
    expect(await store.lock(scope)).not.toBeNull()
  })

  it('is stolen from a tab that says nothing, and nothing that the tab writes after is kept', async () => {
    await other.ask('lockBox', home, box)
    await other.ask('createLayer', layer)
    expect(await other.ask('write', 'before')).toBe('written')
    expect(await other.ask('commit', box, 'before')).toBe('committed')
    const held = await store.takeOver(box, { silenceMs: 0 })
    expect(held.isHeld()).toBe(true)
    expect(await other.ask('write', 'after')).toBe('busy')
    expect(await other.ask('commit', box, 'after')).toBe('busy')
    expect(await other.ask('isHeld')).toBe('false')
    expect(await contentOf(store)).toBe('before')
    expect(new TextDecoder().decode((await store.readRecord('boxes', box))!)).toBe('before')
    const file = await store.openLayer(layer, 'write', [held])
    await file.write(new TextEncoder().encode('taken!'), 0)
    await file.sync()
    await file.close()
    expect(await contentOf(store)).toBe('taken!')
  })

  it('is written by a worker in the name of its page, until the page has lost it', async () => {
    const held = (await store.lock(scope))!
    const file = await store.createLayer(layer, [held])
    await file.sync()
    await file.close()
    expect(await other.ask('openPlace', store.placeOf(box), layer)).toBe('opened')
    expect(await other.ask('write', 'before')).toBe('written')
    const taker = await openBrowserStore(home)
    await taker.takeOver(box, { silenceMs: 0 })
    expect(held.isHeld()).toBe(false)
    expect(await other.ask('write', 'after')).toBe('busy')
    expect(await contentOf(taker)).toBe('before')
    // Nor does the page let a worker begin now.
    expect(() => store.placeOf(box)).toThrow(/taken over/)
    await taker.close()
  })

  it('may be one that a worker made, which has the whole package', async () => {
    expect(await other.ask('openHome', home)).toBe('opened')
    expect(await store.list('boxes')).toHaveLength(1)
  })

  it('is asked for first: its owner stops it, and nothing is stolen', async () => {
    const held = (await store.lock(scope))!
    const log: string[] = []
    const stop = async (boxId: string): Promise<void> => {
      log.push(`stopped ${boxId}`)
      await held.release()
    }
    store.watchTakers(stop)
    void held.stolen!.then(() => log.push('stolen'))
    const taker = await openBrowserStore(home)
    const taken = await taker.takeOver(box, { silenceMs: 60_000 })
    expect(taken.isHeld()).toBe(true)
    expect(log).toEqual([`stopped ${box}`])
    await taker.close()
  })

  it('is stolen from an owner that cannot stop it, who is told', async () => {
    const held = (await store.lock(scope))!
    store.watchTakers(() => Promise.reject(new Error('stuck')))
    const taker = await openBrowserStore(home)
    const taken = await taker.takeOver(box, { silenceMs: 60_000, stopMs: 0 })
    await held.stolen
    expect([held.isHeld(), taken.isHeld()]).toEqual([false, true])
    await refuses(store.commitRecord('boxes', box, new Uint8Array(1), null, [held]), 'busy', /taken over|no longer/)
    await taker.close()
  })

  it('goes to whoever takes it when it is free', async () => {
    const taken = await store.takeOver(box, { silenceMs: 60_000 })
    expect(taken.isHeld()).toBe(true)
    await taken.release()
    expect((await store.lock(scope))!.isHeld()).toBe(true)
  })
})

describe('a box whose disk is open in another tab', () => {
  it('is given up by it: what was written is flushed, and the disk is closed', async () => {
    const homeDir = `disk-taken-${homes++}`
    const [here, there] = await Promise.all([0, 1].map(() => BoxLite.open({ homeDir, engine: 'none' }))) as [BoxLite, BoxLite]
    const disk = await (await there.create({ name: 'web', diskSizeGb: 1 })).disk()
    await disk.write(0, new TextEncoder().encode('unflushed'))
    await expect((await here.get('web'))!.disk()).rejects.toMatchObject({ code: 'busy' })
    // Neither silence nor a stop that takes too long is what ends this.
    const box = await takeOver(here, 'web', { silenceMs: 2 ** 31 - 1, stopMs: 2 ** 31 - 1 })
    const mine = await box.disk()
    const bytes = new Uint8Array(9)
    await mine.read(0, bytes)
    expect(new TextDecoder().decode(bytes)).toBe('unflushed')
    await refuses(disk.write(0, bytes), 'invalid_state', /closed/)
    await mine.close()
    await Promise.all([here.close(), there.close()])
    indexedDB.deleteDatabase(`boxlite:${homeDir}`)
  })
})
