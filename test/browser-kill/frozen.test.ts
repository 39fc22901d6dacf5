// A tab that the browser freezes, as it does with those nobody has looked at for a while.
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FreezableChromium, FreezableTab } from './freezable.ts'
import { because, noPages, Pages } from './pages.ts'

/** How far a guest's clock may be off; its seconds are whole. */
const CLOCK_MS = 3000
/** As long as the test may take. */
const FOREVER = { timeout: 300_000 }

describe.skipIf(noPages !== null)(`a tab that the browser freezes${because(noPages)}`, () => {
  const pages = Pages.use()
  let chromium: FreezableChromium
  beforeAll(() => {
    chromium = new FreezableChromium(join(pages.directory, 'freezable'))
  })
  afterAll(() => chromium.close())

  async function home(): Promise<FreezableTab> {
    const tab = await FreezableTab.open(chromium, pages.site.url)
    await tab.call('open')
    return tab
  }

  it('goes on when it is thawed: its command, what it flushed, and its clock', async () => {
    const tab = await home()
    await tab.call('make', 'kept')
    await tab.call('count', 'kept')
    await tab.heard(5)
    await tab.setLifecycle('frozen')
    const { lines } = tab
    const other = await FreezableTab.open(chromium, pages.site.url)
    // Long enough that a clock that stood still meanwhile would be noticed.
    await other.call('wait', 2 * CLOCK_MS)
    expect(tab.lines - lines).toBeLessThan(2)
    await tab.setLifecycle('active')
    await tab.heard(lines + 10)
    const told = Number(tab.said.get('kept')!.at(-1))
    expect(Number(await tab.call('exec', 'kept', 'cat /root/count'))).toBeGreaterThanOrEqual(told)
    await expect.poll(async () => Math.abs(Date.now() - 1000 * Number(await tab.call('exec', 'kept', 'date +%s'))), FOREVER).toBeLessThan(CLOCK_MS)
    await tab.close()
    await other.close()
  })

  it('loses a box that another tab takes over meanwhile, and what it would still have written', async () => {
    const tab = await home()
    await tab.call('make', 'taken')
    await tab.call('exec', 'taken', 'echo mine > /root/file; sync')
    // It sleeps when the tab is frozen, and writes when it is thawed.
    await tab.call('leave', 'taken', 'sleep 5; echo stale > /root/file; sync')
    await tab.setLifecycle('frozen')
    const other = await home()
    await expect(other.call('start', 'taken')).rejects.toMatchObject({ code: 'busy' })
    await other.call('takeOver', 'taken')
    expect(await other.call('exec', 'taken', 'cat /root/file; echo other > /root/file; sync')).toBe('mine\n')
    await other.call('stop', 'taken')
    await other.call('snapshot', 'taken', 'one')
    await tab.setLifecycle('active')
    await tab.heard(1)
    expect(tab.said.get('taken')).toEqual(['io'])
    await other.call('snapshot', 'taken', 'two')
    const { one, two } = await other.call('digests', 'taken')
    expect(one).toBe(two)
    await tab.close()
    await other.call('alone')
    expect((await other.call('findings')).filter(({ severity }) => severity !== 'leftover')).toEqual([])
    await other.close()
  })
})
