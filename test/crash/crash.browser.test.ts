// The crash checker in a browser: the same core, store and operations, the same judge.

import { expect, it } from 'vitest'
import { count } from '../counts.ts'
import { Core } from '../../src/core/core.ts'
import { Bench } from './bench.ts'
import { Checker } from './checker.ts'
import { countsLine, failureText } from './report.ts'
import { runScenario, singles } from './scenarios.ts'

it('nothing is lost after any crash', { timeout: 600_000 }, async () => {
  const wanted = count(20_000, 100_000)
  const checker = new Checker(await Core.create())
  checker.enough = wanted
  const bench = new Bench([checker.core, await Core.create()], checker, { variantsPerNode: 24, imagesPerPoint: 200, seed: 2 })
  const scenarios = singles().filter((scenario) => scenario.includes('rich') || scenario.includes('detached'))
  let run = 0
  for (; !checker.isDone; run++) await runScenario(bench, scenarios[run] ?? (run % 2 === 0 ? `triple ${run}` : `two ${run}`))
  console.log(countsLine(checker.states.size, checker.recoveries, run, checker.counts))
  expect(checker.failures.map(failureText).join('\n\n')).toBe('')
  expect(checker.states.size).toBeGreaterThanOrEqual(wanted)
})
