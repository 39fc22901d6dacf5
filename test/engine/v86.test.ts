// The v86 engine on Node.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createV86Engine } from '../../hosts/node/v86/engine.ts'
import { GuestHome, noGuestFiles, writeDiskGuest } from './disk-guest.ts'
import { engineSuite } from './engine-suite.ts'

let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'boxlite-v86-'))
})

afterAll(async () => {
  await rm(directory, { recursive: true, force: true })
})

engineSuite('v86', async () => {
  const rom = join(directory, 'disk-guest.rom')
  await writeDiskGuest(rom)
  return { engine: createV86Engine(), guest: { ...noGuestFiles, firmware: rom }, makeHome: (work) => GuestHome.make(work) }
})

describe('the v86 engine', () => {
  it('works here, which it finds out by running a program', async () => {
    const status = await createV86Engine().probe()
    expect(status).toMatchObject({ engine: 'v86', accelerator: 'jit', refused: [] })
    expect(status.capabilities).toMatchObject({ maxCpus: 1, detach: false, liveSnapshot: true })
  })
})
