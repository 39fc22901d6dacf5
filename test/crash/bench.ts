// What a worker keeps between scenarios: instances of the core, the homes, the checker.

import type { Core } from '../../src/core/core.ts'
import { BoxLiteError } from '../../src/error.ts'
import type { Checker } from './checker.ts'
import type { Hook } from './crash-fs.ts'
import { makeHome, TASKS, type Home, type HomeKind } from './homes.ts'
import type { Run, Wrappers } from './run.ts'
import type { Bounds } from './world.ts'
import type { Task } from './truth.ts'

export class Bench {
  readonly checker: Checker
  /** For single operations and pairs on homes where nothing runs. */
  readonly bounds: Bounds
  /** For what is sampled anyway: running guests, which have as many states as one likes, triples, two processes. */
  readonly sampling: Bounds
  /** Changes what the cut process does: the mutants. */
  wrap: (run: Run, wrappers: Wrappers) => Wrappers = (_run, wrappers) => wrappers
  readonly #cores: readonly [Core, Core]
  readonly #homes: Map<HomeKind, Home>

  /** `homes`: those that benches of the same bounds made before; a home is never changed, only forked. */
  constructor(cores: readonly [Core, Core], checker: Checker, bounds: Bounds, homes = new Map<HomeKind, Home>()) {
    this.#cores = cores
    this.#homes = homes
    this.checker = checker
    this.bounds = bounds
    this.sampling = { ...bounds, variantsPerNode: Math.ceil(bounds.variantsPerNode / 2), imagesPerPoint: Math.ceil(bounds.imagesPerPoint / 8) }
  }

  core(process: 0 | 1): Core {
    return this.#cores[process]
  }

  async home(kind: HomeKind): Promise<Home> {
    let home = this.#homes.get(kind)
    if (home === undefined) {
      home = await makeHome(this.#cores[0], kind, this.bounds)
      this.#homes.set(kind, home)
    }
    return home
  }
}

/** The task of that name as the `i`th of a scenario; `again` is the same, asked for a second time. */
export function taskOf(template: string, i = 0, again = false): Task {
  return TASKS[template]!((again ? 0x8000 : 0x1000) + i * 16, `-${i}`)
}

/** Time goes by for running guests at each of so many calls, and so often in one run: enough for each step to meet each state of a write. */
const TICK_CALLS = 4
const TICKS = 20

/** Writes the calls that change something into a trail, and lets running guests write between them. */
export function calls(trail: string[], run: Run | null, prefix = ''): Hook {
  let made = 0
  return (call, act) => {
    if (run !== null && made++ % TICK_CALLS === 0 && made < TICKS * TICK_CALLS) run.machines.tick(run)
    if (call.changes) trail.push(`${prefix}${call.name} ${call.path}`)
    return act()
  }
}

/** Waits for work that may end in any error of the package. */
export async function settledWork(work: Promise<unknown>): Promise<BoxLiteError | null> {
  try {
    await work
    return null
  } catch (error) {
    if (error instanceof BoxLiteError) return error
    throw error
  }
}
