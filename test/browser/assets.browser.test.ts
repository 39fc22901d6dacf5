// The guest's files in a page: fetched once, compared, kept, and what is told where that cannot be.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Assets } from '../../hosts/browser/assets.ts'
import { findBrowserGuest } from '../../hosts/browser/browser-guest.ts'
import { browserV86Host } from '../../hosts/browser/v86/engine.ts'
import { V86Engine } from '../../hosts/v86/engine.ts'
import type { AssetProgress } from '../../src/progress.ts'
import { refuses } from '../store/refuses.ts'
import { guestUrl, whyNoGuest } from './guest-url.ts'

const noGuest = await whyNoGuest()

describe.skipIf(noGuest !== null)(`the guest's files${noGuest === null ? '' : ` (${noGuest})`}`, () => {
  const fetched: string[] = []
  const signals: (AbortSignal | null | undefined)[] = []
  let isOnline = true

  beforeEach(async () => {
    await caches.delete('boxlite-assets')
    const { fetch } = globalThis
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (...request) => {
      if (!isOnline) throw new TypeError('Failed to fetch')
      fetched.push(new URL(String(request[0])).pathname)
      signals.push(request[1]?.signal)
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

  it('stop coming when nobody waits for them any more, and for nobody who still does', async () => {
    const assets = new Assets(guestUrl())
    const { kernel } = await assets.manifest()
    const told: AssetProgress[] = []
    const calling = new AbortController()
    assets.listen((progress) => {
      told.push(progress)
      calling.abort()
    })
    const other = assets.read(kernel)
    await expect(findBrowserGuest(assets, { signal: calling.signal })).rejects.toMatchObject({ code: 'aborted' })
    expect((await other).size).toBe(kernel.bytes)
    expect(told.at(-1)).toMatchObject({ file: kernel.file, doneBytes: kernel.bytes })

    await caches.delete('boxlite-assets')
    const alone = new Assets(guestUrl())
    const leaving = new AbortController()
    alone.listen(() => leaving.abort())
    await refuses(alone.read(kernel, leaving.signal), 'aborted', /aborted/)
    expect(signals.at(-1)!.aborted).toBe(true)
    expect((await alone.read(kernel)).size).toBe(kernel.bytes)
  })

  it('are not there at first, and the emulator works as soon as they are', async () => {
    const engine = new V86Engine(browserV86Host(new Assets(guestUrl())))
    isOnline = false
    const { accelerator, refused } = await engine.probe()
    expect([accelerator, refused[0]!.reason]).toEqual([null, expect.stringContaining('There is no guest')])
    isOnline = true
    expect((await engine.probe()).accelerator).toBe('jit')
  })

  it('need no room at a visit that finds them kept', async () => {
    await new Assets(guestUrl()).manifest()
    vi.spyOn(Cache.prototype, 'put').mockRejectedValue(new DOMException('full', 'QuotaExceededError'))
    const assets = new Assets(guestUrl())
    const { kernel } = await assets.manifest()
    await refuses(assets.read(kernel), 'no_space', /keep the guest's files/)
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
    // Nor is one that cannot be read.
    const rotten = new ReadableStream({ pull: (controller) => controller.error(new TypeError('unreadable')) })
    vi.spyOn(Cache.prototype, 'match').mockResolvedValueOnce(new Response(rotten))
    expect((await new Assets(guestUrl()).read(firmware)).size).toBe(firmware.bytes)
    expect(fetched.filter((path) => path.endsWith(firmware.file))).toHaveLength(3)
  })

  it('that no guest.json names any more are forgotten', async () => {
    const assets = new Assets(guestUrl())
    const { firmware } = await assets.manifest()
    await assets.read(firmware)
    const cache = await caches.open('boxlite-assets')
    await cache.put(`https://assets.invalid/sha256/${'0'.repeat(64)}`, new Response('an older kernel'))
    await cache.put(new URL('guest.json', guestUrl()), new Response('an older guest.json'))
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
    // Nor does a network that never answers keep a page from it.
    const late = AbortSignal.abort(new DOMException('late', 'TimeoutError'))
    vi.spyOn(AbortSignal, 'timeout').mockReturnValue(late)
    expect(await new Assets(guestUrl()).manifest()).toEqual(whole)
    expect(signals.at(-1)).toBe(late)
    isOnline = false
    await refuses(new Assets('/never-seen/').manifest(), 'engine_unavailable', /There is no guest at .*never-seen/)
  })
})
