// Boxes in a page, from the first visit on.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BoxLite, type Box } from '../../hosts/browser/index.ts'
import { guestUrl, whyNoGuest } from './guest-url.ts'

const noGuest = await whyNoGuest()

describe.skipIf(noGuest !== null)(`a box in a page${noGuest === null ? '' : ` (${noGuest})`}`, () => {
  let lite: BoxLite
  let box: Box

  beforeAll(async () => {
    lite = await BoxLite.open({ homeDir: crypto.randomUUID(), assets: guestUrl() })
    box = await lite.create({ name: 'web', image: 'base', memoryMib: 128 })
  })
  afterAll(() => lite.close())

  it('is a Linux of its own', async () => {
    expect(lite.engine).toMatchObject({ name: 'v86', accelerator: 'jit', refused: [] })
    const { stdout, exitCode } = await box.exec('uname', ['-sm'])
    expect([stdout, exitCode]).toEqual(['Linux i686\n', 0])
  })

  it('is snapshotted while it runs, wrecked, and restored', async () => {
    await box.exec('sh', ['-c', 'echo precious > /root/thesis; sync']).orThrow()
    expect(await box.snapshot.create('clean')).toMatchObject({ consistency: 'frozen' })
    await box.exec('rm', ['-rf', '/root', '/etc']).orThrow()
    await box.snapshot.restore('clean', { restart: true })
    expect((await box.exec('cat', ['/root/thesis']).orThrow()).stdout).toBe('precious\n')
  })
})
