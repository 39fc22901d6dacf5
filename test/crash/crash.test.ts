// No crash loses anything: the shipped core, store and operations over a disk that forgets. What is cut,
// and what must hold, stands in checker.ts and judge.ts; what is run in scenarios.ts.

import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { count } from '../counts.ts'
import { runPool } from './pool.ts'
import { countsLine, failureText } from './report.ts'
import { adoptions, duels, errnos, faults, pairs, singles } from './scenarios.ts'

const bounds = { variantsPerNode: 24, imagesPerPoint: 400, seed: 1 }
const replay = process.env['BOXLITE_CRASH_REPLAY']

describe('after any crash', () => {
  const timeout = count(3_600_000, 4 * 3_600_000)
  it('nothing is lost, and recovery ends in the same state however often it is cut', { timeout }, async () => {
    const wanted = count(1_000_000, 5_000_000)
    const started = performance.now()
    const long = count(0, 1) === 1 ? errnos() : []
    const whole = [...singles(), ...adoptions(), ...duels(), ...faults(), ...pairs(), ...long]
    const exhaustive = replay === undefined ? whole.reverse() : [replay.split('@')[0]!]
    const isShort = count(20, 20) === 1
    let seed = 0
    const total = await runPool(2, bounds, (states) => {
      if (isShort && states >= wanted) return null
      const scenario = exhaustive.pop()
      if (scenario !== undefined || replay !== undefined) return scenario ?? null
      if (states >= wanted) return null
      return seed++ % 2 === 0 ? `triple ${seed}` : `two ${seed}`
    })
    rmSync(fileURLToPath(new URL('../../build', import.meta.url)) + `/crash-worker-${process.pid}`, { recursive: true })
    console.log(`${((performance.now() - started) / 1000).toFixed(0)} s`)
    console.log(countsLine(total.states, total.recoveries, total.scenarios, total.counts))
    expect(total.failures.map(failureText).slice(0, 3).join('\n\n')).toBe('')
    if (replay === undefined) expect(total.states).toBeGreaterThanOrEqual(wanted)
  })
})
