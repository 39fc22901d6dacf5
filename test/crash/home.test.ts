// Making a home is cut at every effect, and raced at every call: whoever opens it then has a home, and nothing else is in it.

import { describe, expect, it } from 'vitest'
import { openHome } from '../../src/store/home.ts'
import { CrashFileSystem } from './crash-fs.ts'
import { visitImages } from './images.ts'
import { onePreemption, Turns } from './turns.ts'
import { ROOT, World } from './world.ts'

const bounds = { variantsPerNode: 64, imagesPerPoint: 4000, seed: 1 }
const WHOLE = ['boxes', 'format', 'images', 'layers', 'states']

const namesIn = (world: World): string[] => [...world.names(ROOT).entries.keys()].sort()

describe('a home', () => {
  it('that was being made when its process died is made by the next one, and nothing temporary stays', async () => {
    const world = new World(bounds)
    const left: World[] = []
    world.onEffect = () => {
      left.push(world.fork())
      visitImages(world, (_low, _high, _model, build) => left.push(build()))
    }
    await openHome(new CrashFileSystem(world), 'first')
    expect(left.some((one) => namesIn(one).includes('format.first.tmp'))).toBe(true)
    expect(left.some((one) => namesIn(one).includes('format.first.tmp') && namesIn(one).includes('layers'))).toBe(true)
    for (const one of left) {
      await openHome(new CrashFileSystem(one), 'second')
      expect(namesIn(one)).toEqual(WHOLE)
    }
    console.log(`homes in the making: ${left.length}`)
  })

  it('that two processes make at once is made by both', async () => {
    for (let made = 0, interrupted = true; interrupted; made++) {
      const world = new World(bounds)
      world.tracking = false
      const turns = new Turns(onePreemption(made), [0, 1])
      let after = 0
      const open = async (process: number): Promise<void> => {
        await openHome(new CrashFileSystem(world, turns.hook(process)), `p${process}`)
        if (process === 1) after = turns.calls
        turns.leave(process)
      }
      await Promise.all([open(0), open(1)])
      expect(namesIn(world)).toEqual(WHOLE)
      // Until the first has made all its calls before the second begins.
      interrupted = turns.calls > after
    }
  })
})
