// A running box that goes from one tab to another. Both tabs are of one page here, which is all the same to the browser's locks.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { BoxLite, lostHome, readStorageState, takeOver } from '../../hosts/browser/browser.ts'
import { errorCode } from '../error-code.ts'
import { guestUrl, whyNoGuest } from './guest-url.ts'

const noGuest = await whyNoGuest()

describe.skipIf(noGuest !== null)(`a running box${noGuest === null ? '' : ` (${noGuest})`}`, () => {
  const homeDir = crypto.randomUUID()
  const open = (): Promise<BoxLite> => BoxLite.open({ homeDir, assets: guestUrl() })
  let here: BoxLite
  let there: BoxLite
  beforeAll(async () => {
    here = await open()
    there = await open()
  })
  afterAll(async () => {
    await here.close()
    await there.close()
  })

  it('is busy in the second tab, and taken over it is stopped in the first and runs in the second', async () => {
    const box = await there.create({ name: 'web', image: 'base', memoryMib: 128 })
    await box.exec('sh', ['-c', 'echo unsynced > /root/kept']).orThrow()
    const mine = (await here.get('web'))!
    expect(await errorCode(mine.start())).toBe('busy')
    await takeOver(here, 'web')
    expect((await box.info()).state).toBe('stopped')
    expect((await mine.exec('cat', ['/root/kept']).orThrow()).stdout).toBe('unsynced\n')
    expect(await errorCode(box.start())).toBe('busy')
    // Whose it is already, it stays, and it runs on.
    await takeOver(here, 'web')
    expect((await mine.info()).state).toBe('running')
  })

  it('stays when it is taken over, also one that goes when it is stopped', async () => {
    const box = await there.create({ name: 'passing', image: 'base', memoryMib: 128, autoRemove: true })
    await box.exec('sh', ['-c', 'echo here > /root/kept']).orThrow()
    const mine = await takeOver(here, 'passing')
    expect((await mine.exec('cat', ['/root/kept']).orThrow()).stdout).toBe('here\n')
    await mine.stop()
    expect(await there.get('passing')).toBeNull()
  })

  it('is taken from a tab that says nothing, whose machine is ended', async () => {
    const mine = (await here.get('web'))!
    const ended = new Promise((resolve) => mine.on('ended', resolve))
    // A tab that is asked and given no time to answer.
    await takeOver(there, 'web', { silenceMs: 0 })
    await ended
    const theirs = (await there.get('web'))!
    expect((await theirs.exec('cat', ['/root/kept']).orThrow()).stdout).toBe('unsynced\n')
    expect((await there.fsck()).findings.filter(({ severity }) => severity === 'damage')).toEqual([])
  })

  it('lives in storage that the browser was asked to keep, and of which the page can tell', async () => {
    const asked = vi.spyOn(navigator.storage, 'persist')
    await (await open()).close()
    expect(asked).toHaveBeenCalledTimes(1)
    asked.mockRestore()
    expect(await readStorageState()).toEqual({ isPersistent: expect.any(Boolean), usedBytes: expect.any(Number), quotaBytes: expect.any(Number) })
    expect(lostHome(here)).toBeNull()
  })
})
