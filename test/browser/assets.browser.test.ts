// The guest's files in a page: fetched once, compared, kept, and what is told where that cannot be.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Assets } from '../../hosts/browser/assets.ts'
import { findBrowserGuest } from '../../hosts/browser/browser-guest.ts'
import type { AssetProgress } from '../../src/progress.ts'
import { refuses } from '../store/refuses.ts'
import { guestUrl, whyNoGuest } from './guest-url.ts'

const noGuest = await whyNoGuest()

describe.skipIf(noGuest !== null)(`the guest's files${noGuest === null ? '' : ` (${noGuest})`}`, () => {
  const fetched: string[] = []
  let isOnline = true

  beforeEach(async () => {
    await caches.delete('boxlite-assets')
    const { fetch } = globalThis
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (...request) => {
      if (!isOnline) throw new TypeError('Failed to fetch')
      fetched.push(new URL(String(request[0])).pathname)
      return fetch(...request)
    })
  })
  afterEach(() => {
    vi.restoreAllMocks()
    fetched.length = 0
    isOnline = true
  })

  it('come once, each with its progress, and serve without a network after', async () => {
    const assets = new Assets(guestUrl())
    const told: AssetProgress[] = []
    assets.listen((progress) => told.push(progress))
    const { kernel, firmware } = await assets.manifest()
    const [first, second] = await Promise.all([assets.read(kernel), assets.read(kernel), assets.read(firmware)])
    expect([first.size, second.size]).toEqual([kernel.bytes, kernel.bytes])
    expect(fetched).toEqual(['/guest/guest.json', `/guest/${kernel.file}`, `/guest/${firmware.file}`])
    expect(told.filter(({ file }) => file === kernel.file).length).toBeGreaterThan(1)
    expect(told.at(-1)).toMatchObject({ stage: 'assets', doneBytes: kernel.bytes + firmware.bytes, totalBytes: kernel.bytes + firmware.bytes })

    isOnline = false
    const later = new Assets(guestUrl())
    expect(await later.manifest()).toEqual(await assets.manifest())
    expect((await later.read(kernel)).size).toBe(kernel.bytes)
    // What was never fetched is not there, and comes when the network does.
    const error = await refuses(later.read((await later.manifest()).initrd), 'io', /initrd\.cpio did not come/)
    expect(error.remedy).toContain('try again')
    isOnline = true
    expect((await later.read((await later.manifest()).initrd)).size).toBeGreaterThan(0)
  })

  it.each([
    ['cut', 'io', /did not come/],
    ['absent', 'io', /answered 404/],
    ['wrong', 'corrupt', /has another checksum/],
    ['short', 'corrupt', /has \d+ bytes and not \d+/],
    ['long', 'corrupt', /has more than \d+ bytes/],
  ] as const)('that are %s are refused, never kept, and taken when they are right', async (fault, code, message) => {
    const faulty = new Assets(guestUrl(fault))
    const { firmware } = await faulty.manifest()
    const error = await refuses(faulty.read(firmware), code, message)
    expect(error.facts).toMatchObject({ url: guestUrl(fault).href + firmware.file })
    expect(error.remedy).toBeDefined()
    const whole = await new Assets(guestUrl()).read(firmware)
    expect(whole.size).toBe(firmware.bytes)
  })

  it('stop coming when nobody waits for them any more, and come to whoever asks after that', async () => {
    const assets = new Assets(guestUrl())
    const { kernel } = await assets.manifest()
    assets.listen(() => assets.stop())
    await refuses(assets.read(kernel), 'aborted', /download/)
    const told: AssetProgress[] = []
    const again = new Assets(guestUrl())
    again.listen((progress) => told.push(progress))
    const calling = new AbortController()
    again.listen(() => calling.abort())
    await expect(findBrowserGuest(again, { signal: calling.signal })).rejects.toMatchObject({ code: 'aborted' })
    expect((await again.read(kernel)).size).toBe(kernel.bytes)
    expect(told.at(-1)).toMatchObject({ doneBytes: kernel.bytes, totalBytes: kernel.bytes })
  })

  it('that rotted in the cache come again', async () => {
    const assets = new Assets(guestUrl())
    const { firmware } = await assets.manifest()
    await assets.read(firmware)
    const cache = await caches.open('boxlite-assets')
    const key = (await cache.keys()).find(({ url }) => url.endsWith(firmware.sha256))!
    await cache.put(key, new Response(new Uint8Array(firmware.bytes)))
    expect((await new Assets(guestUrl()).read(firmware)).size).toBe(firmware.bytes)
    expect(fetched.filter((path) => path.endsWith(firmware.file))).toHaveLength(2)
  })

  it('that no guest.json names any more are forgotten', async () => {
    const assets = new Assets(guestUrl())
    const { firmware } = await assets.manifest()
    await assets.read(firmware)
    const cache = await caches.open('boxlite-assets')
    await cache.put(`https://assets.invalid/sha256/${'0'.repeat(64)}`, new Response('an older kernel'))
    await new Assets(guestUrl()).manifest()
    expect((await cache.keys()).map(({ url }) => url.slice(-8)).sort()).toEqual(['est.json', firmware.sha256.slice(-8)].sort())
  })

  it('are asked for where a link of the page would lead', () => {
    expect(new Assets('/guest').location).toBe(guestUrl().href)
    expect(new Assets('/guest/').location).toBe(guestUrl().href)
    expect(new Assets(guestUrl()).location).toBe(guestUrl().href)
  })

  it('where there are none is told with what to serve', async () => {
    for (const [fault, code] of [['gone', 'engine_unavailable'], ['page', 'corrupt']] as const) {
      const error = await refuses(new Assets(guestUrl(fault)).manifest(), code, new RegExp(`guest-${fault}`))
      expect(error.remedy).toMatch(/boxlite-guest-386.*assets/)
    }
    // What was kept serves where the server, or whoever answers for it, has something else now.
    const whole = await new Assets(guestUrl()).manifest()
    const cache = await caches.open('boxlite-assets')
    for (const fault of ['gone', 'page']) {
      const location = guestUrl(fault)
      await cache.put(new URL('guest.json', location), new Response(JSON.stringify(whole)))
      expect(await new Assets(location).manifest()).toEqual(whole)
    }
    isOnline = false
    await refuses(new Assets('/never-seen/').manifest(), 'engine_unavailable', /There is no guest at .*never-seen/)
  })
})
