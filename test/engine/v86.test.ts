// The v86 engine on Node.
import { describe, expect, it } from 'vitest'
import { createV86Engine } from '../../hosts/node/v86/engine.ts'

describe('the v86 engine', () => {
  it('works here, which it finds out by running a program', async () => {
    const status = await createV86Engine().probe()
    expect(status).toMatchObject({ engine: 'v86', accelerator: 'jit', refused: [] })
    expect(status.capabilities).toMatchObject({ maxCpus: 1, detach: false, liveSnapshot: true })
  })
})
