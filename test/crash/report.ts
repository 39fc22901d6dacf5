// The counts and failures of a run, for people.

import type { Counts, Failure } from './checker.ts'
import { MODELS } from './images.ts'

/** One line: what was counted, by operation and model. */
export function countsLine(states: number, recoveries: number, scenarios: number, counts: Counts): string {
  const operations = Object.keys(counts).sort()
  const byOperation = operations.map((operation) => `${operation} ${MODELS.map((model) => counts[operation]![model] ?? 0).join('/')}`)
  const sums = MODELS.map((model) => `${model} ${operations.reduce((sum, operation) => sum + (counts[operation]![model] ?? 0), 0)}`)
  const head = `crash states: ${states} distinct, ${recoveries} recoveries, ${scenarios} scenarios`
  return `${head}; ${sums.join(', ')}; by operation (${MODELS.join('/')}): ${byOperation.join('; ')}`
}

/** A failure with the trace that leads to it. */
export function failureText(failure: Failure): string {
  const head = [`invariant ${failure.invariant}: ${failure.message}`, `BOXLITE_CRASH_REPLAY='${failure.replay}'`]
  return [...head, ...failure.trace.map((line) => `  ${line}`)].join('\n')
}
