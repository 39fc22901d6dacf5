// Runs scenarios on worker threads, and adds up what they counted: the states of all workers in one set.

import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { build } from 'vite'
import { MODELS } from './images.ts'
import type { Counts, Failure } from './checker.ts'
import { HashSet } from './hash.ts'
import type { Progress, Result } from './worker.ts'
import type { Bounds } from './world.ts'

export interface Total {
  readonly states: number
  readonly recoveries: number
  readonly scenarios: number
  readonly counts: Counts
  readonly failures: readonly Failure[]
}

/** Takes scenarios from `next` until it gives none; it is told how many distinct states the workers have found together. */
export async function runPool(threads: number, bounds: Bounds, next: (states: number) => string | null): Promise<Total> {
  const file = await bundleWorker()
  const states = new HashSet(1 << 20)
  let scenarios = 0
  const results = await Promise.all(
    Array.from({ length: threads }, async () => {
      const worker = new Worker(file, { workerData: bounds })
      try {
        let progress = (await answer(worker)) as Progress
        for (;;) {
          for (let i = 0; i < progress.states.length; i += 2) states.add(progress.states[i]!, progress.states[i + 1]!)
          const scenario = progress.failures.length > 0 ? null : next(states.size)
          // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
          worker.postMessage(scenario)
          if (scenario === null) return (await answer(worker)) as Result
          scenarios++
          progress = (await answer(worker)) as Progress
        }
      } finally {
        await worker.terminate()
      }
    }),
  )
  return add(results, states.size, scenarios)
}

/** The next message of a worker; rejects with the worker's error. */
async function answer(worker: Worker): Promise<unknown> {
  const [message] = (await once(worker, 'message')) as [unknown]
  return message
}

function add(results: readonly Result[], states: number, scenarios: number): Total {
  const counts: Counts = {}
  for (const { counts: some } of results) {
    for (const [operation, models] of Object.entries(some)) {
      const sum = (counts[operation] ??= {})
      for (const model of MODELS) sum[model] = (sum[model] ?? 0) + (models[model] ?? 0)
    }
  }
  const recoveries = results.reduce((sum, result) => sum + result.recoveries, 0)
  return { states, recoveries, scenarios, counts, failures: results.flatMap((result) => result.failures) }
}

/** Node cannot run TypeScript in a worker: one file is made of it and of all it imports. */
async function bundleWorker(): Promise<string> {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const outDir = `${root}build/crash-worker-${process.pid}`
  const input = fileURLToPath(new URL('./worker.ts', import.meta.url))
  const output = { entryFileNames: 'worker.mjs', format: 'es' as const }
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    build: { ssr: input, outDir, emptyOutDir: true, minify: false, target: 'node20', rollupOptions: { output } },
    ssr: { noExternal: true },
  })
  return `${outDir}/worker.mjs`
}
