// A box whose disk is read after its end: only an orderly end is one.
import { describe, expect, it } from 'vitest'
import { stopWhole } from '../../hosts/node/stop-whole.ts'
import { ModelWorld } from './model-host.ts'

describe('a box that is stopped for its disk', () => {
  it('is stopped when its guest shuts down', async () => {
    const lite = await (await ModelWorld.create()).open()
    const box = await lite.create({ image: 'base' })
    await box.start()
    await stopWhole(box, 60_000)
    expect((await box.info()).state).toBe('stopped')
  })

  it('is an error when its guest had to be ended, or ended before', async () => {
    const world = await ModelWorld.create()
    world.machines.agent = { deaf: ['SHUT_DOWN'] }
    const lite = await world.open()
    const box = await lite.create({ image: 'base' })
    await box.start()
    await expect(stopWhole(box, 20)).rejects.toMatchObject({ code: 'io', facts: { reason: 'killed' } })
    expect((await box.info()).state).toBe('stopped')
    await expect(stopWhole(box, 20)).rejects.toMatchObject({ code: 'io', facts: { reason: null } })
  })
})
