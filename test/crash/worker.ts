// A worker thread of the crash checker: runs the scenarios it is sent, one at a time, and hands back
// what it counted.

import { parentPort, workerData } from 'node:worker_threads'
import { Core } from '../../src/core/core.ts'
import { Bench } from './bench.ts'
import { Checker, type Counts, type Failure } from './checker.ts'
import { runScenario } from './scenarios.ts'
import type { Bounds } from './world.ts'

/** From a worker after each scenario. */
export interface Progress {
  /** The hash of each state that was counted since the last message, two words each. */
  readonly states: Int32Array
  readonly recoveries: number
  readonly failures: readonly Failure[]
}

/** From a worker at its end. */
export interface Result extends Progress {
  readonly counts: Counts
}

// Errors are made by the thousand; their stacks are not looked at.
Error.stackTraceLimit = 0
const checker = new Checker(await Core.create())
const bench = new Bench([checker.core, await Core.create()], checker, workerData as Bounds)

let found: number[] = []
checker.onState = ({ low, high }) => void found.push(low, high)

function progress(): Progress {
  const states = new Int32Array(found)
  found = []
  return { states, recoveries: checker.recoveries, failures: checker.failures }
}

async function take(scenario: string | null): Promise<Progress | Result> {
  if (scenario === null) return { ...progress(), counts: checker.counts }
  await runScenario(bench, scenario)
  return progress()
}

function send(message: Progress): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort!.postMessage(message)
}

parentPort!.on('message', (scenario: string | null) => void take(scenario).then(send))
send(progress())
