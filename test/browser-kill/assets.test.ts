// The guest's files on their way to a page: cut, wrong, and no network at all.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { because, noPages, Pages } from './pages.ts'
import type { Fault } from './site.ts'

describe.skipIf(noPages !== null)(`the guest's files on their way to a page${because(noPages)}`, () => {
  const pages = Pages.use()

  const digestOf = async (file: string): Promise<string> =>
    createHash('sha256')
      .update(await readFile(join(pages.site.guest, file)))
      .digest('hex')

  // What else a server can do wrong is in test/browser; here the page goes on to a box that runs.
  it.each<[string, Fault, string, 'createGuest' | 'make']>([
    ['base.qcow2', 'wrong', 'corrupt', 'createGuest'],
    ['bzImage', 'cut', 'io', 'make'],
    ['v86.wasm', 'cut', 'engine_unavailable', 'make'],
  ])('are refused where %s is %s: it is not kept, and comes at the next try', async (file, fault, code, work) => {
    const tab = await pages.visit()
    await tab.call('forgetAssets')
    pages.site.fault = (path) => (path === `guest/${file}` ? fault : null)
    await tab.call('open')
    await expect(tab.call(work, 'box')).rejects.toMatchObject({ code, remedy: expect.stringMatching(/./) })
    expect(await tab.call('keptAssets')).not.toContain(await digestOf(file))
    pages.site.fault = () => null
    await tab.call(work, 'box')
    expect(await tab.call('keptAssets')).toContain(await digestOf(file))
    await tab.call('remove', 'box')
    await tab.close()
  })

  it('are fetched once, and start a box in a page that is opened without a network', async () => {
    const tab = await pages.home()
    await tab.call('make', 'box')
    await tab.call('exec', 'box', 'echo here > /root/file; sync')
    await tab.call('keepPage')
    pages.site.requests.length = 0
    // The machine dies with the page that it is in; nobody has to wait for anything.
    await tab.page.reload()
    await tab.call('open')
    expect(pages.site.requests.filter((path) => path.startsWith('guest/'))).toEqual(['guest/guest.json'])
    await pages.context.setOffline(true)
    await pages.site.close()
    await tab.page.reload()
    await tab.call('open')
    expect(await tab.call('exec', 'box', 'cat /root/file')).toBe('here\n')
  })
})
