// How far a slow call is, and what is left of one that its caller ended.
import { beforeEach, describe, expect, it } from 'vitest'
import type { BoxLite } from '../../src/boxlite.ts'
import type { Progress } from '../../src/progress.ts'
import { errorCode } from '../error-code.ts'
import { ModelWorld } from './model-host.ts'

let world: ModelWorld
let lite: BoxLite
let told: Progress[]
const onProgress = (progress: Progress): void => void told.push(progress)

beforeEach(async () => {
  world = await ModelWorld.create()
  lite = await world.open()
  told = []
})

/** A signal that is aborted when `stage` is told of for the `times`th time. */
function abortAt(stage: Progress['stage'], times = 1): { signal: AbortSignal; onProgress: (progress: Progress) => void } {
  const controller = new AbortController()
  let left = times
  return {
    signal: controller.signal,
    onProgress: (progress) => {
      told.push(progress)
      if (progress.stage === stage && --left === 0) controller.abort()
    },
  }
}

describe('opening', () => {
  async function leaveTwoBoxes(): Promise<void> {
    for (const name of ['a', 'b']) await (await lite.create({ name, image: 'base' })).start()
    await world.kill()
  }

  it('tells of the engine, and of each box that has to be recovered', async () => {
    await leaveTwoBoxes()
    await world.open({ onProgress })
    expect(told).toEqual([
      { stage: 'engine' },
      { stage: 'recover', doneBoxes: 0, totalBoxes: 2 },
      { stage: 'recover', doneBoxes: 1, totalBoxes: 2 },
    ])
  })

  it('that is aborted lets go of the home; what was recovered stays so', async () => {
    await leaveTwoBoxes()
    expect(await errorCode(world.open(abortAt('recover')))).toBe('aborted')
    const next = await world.open({ onProgress })
    expect(told.filter(({ stage }) => stage === 'recover').at(-1)).toEqual({ stage: 'recover', doneBoxes: 0, totalBoxes: 1 })
    expect(next.recovered).toHaveLength(1)
    await expect(next.prune()).resolves.toMatchObject({ complete: true })
  })

  it('is refused by a signal that is aborted already', async () => {
    expect(await errorCode(world.open({ signal: AbortSignal.abort() }))).toBe('aborted')
  })
})
