// One call of an operation fails: each call, each error, before and after it took place. The operation may
// answer what it likes; the disk must be right at once, and after any crash from there.

import { BoxLiteError } from '../../src/error.ts'
import { fileError } from '../../src/store/file-error.ts'
import { calls, operationOf, settledWork, type Bench } from './bench.ts'
import type { Context } from './checker.ts'
import type { Hook } from './crash-fs.ts'
import { runIn, type Home, type HomeKind } from './homes.ts'
import { directoryOf } from './image-reader.ts'
import type { World } from './world.ts'

const ERRNOS = ['EIO', 'ENOSPC', 'EACCES', 'EDQUOT', 'EROFS', 'EMFILE'] as const

interface Fault {
  readonly at: number
  readonly errno: string
  readonly before: boolean
}

export async function faultScenario(bench: Bench, scenario: string, kind: HomeKind, template: string): Promise<void> {
  const home = await bench.home(kind)
  const total = await countCalls(bench, home, template)
  for (let at = 0; at < total; at++) {
    for (const errno of ERRNOS) for (const before of [true, false]) await fail(bench, scenario, home, template, { at, errno, before })
    await bench.checker.drain()
  }
}

async function countCalls(bench: Bench, home: Home, template: string): Promise<number> {
  const run = runIn(home, bench.sampling)
  let total = 0
  const hook: Hook = (_call, act) => {
    total++
    return act()
  }
  await settledWork(run.perform(run.process(bench.core(0), { hook }), operationOf(template)))
  return total
}

async function fail(bench: Bench, scenario: string, home: Home, template: string, fault: Fault): Promise<void> {
  const run = runIn(home, bench.sampling)
  const running = run.machines.alive.length > 0
  const trail = [`${template}, call ${fault.at} fails with ${fault.errno} ${fault.before ? 'before' : 'after'} it took place:`]
  const doubtful = { layer: false }
  const process = run.process(bench.core(0), { hook: failing(run.world, fault, calls(trail, running ? run : null), doubtful) })
  const error = await settledWork(run.perform(process, operationOf(template)))
  trail.push(error === null ? `${template} is answered: done` : `${template} is answered: ${error.code}, ${error.message}`)
  await process.locks.close()
  // The next process cannot know that a layer's sync failed in this one: the kernel may have told nobody else, and says "done" when
  // asked again. That a retry in a new process freezes such a layer is a stated limit (docs/reliability.md), so there is none.
  const again = doubtful.layer ? null : operationOf(template, 0, true)
  const context: Context = { operation: `${template}, an error`, scenario, again }
  bench.checker.cutHere(run, context, trail)
}

/**
 * Makes one call fail. After a sync of a file that fails, what was not durable never is. A directory's may succeed later: where one
 * fails for good, the file system goes read-only, and no later call succeeds.
 */
function failing(world: World, fault: Fault, inner: Hook, doubtful: { layer: boolean }): Hook {
  const existed = new Set(Array.from(directoryOf(world, 'layers').entries.keys(), (name) => `layers/${name}`))
  let made = 0
  return (call, act) => {
    if (made++ !== fault.at) return inner(call, act)
    const error = call.node < 0 ? new BoxLiteError('timeout', `${call.name} was not answered`) : fileError(fault.errno, call.name, call.path)
    if (!fault.before) return Promise.resolve(inner(call, act)).then(() => Promise.reject(error))
    if (call.name === 'sync') {
      world.syncFailed(call.node)
      doubtful.layer = existed.has(call.path)
    }
    throw error
  }
}
