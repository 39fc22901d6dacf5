// One call fails: each call, before and after it took place. The task may answer what it likes; the disk must be right at
// once, and after any crash from there.
//
//   fault <home> <task>      a call of the task itself
//   recovery <home> <task>   the task is cut short, by a kill or by a power cut, and a call of the recovery after that fails
//
// What follows from an error goes by its code. At each call an errno of each code is tried, and one more of all that a file
// system may answer, in turns; `errnos <home> <task>` and `errnos-in-recovery <home> <task>` try them all.

import { BoxLiteError } from '../../src/error.ts'
import { fileError } from '../../src/store/file-error.ts'
import { calls, settledWork, taskOf, type Bench } from './bench.ts'
import { narrowed, type Context } from './checker.ts'
import type { Hook } from './crash-fs.ts'
import { HashSet } from './hash.ts'
import { runIn, type Home, type HomeKind } from './homes.ts'
import { directoryOf } from './image-reader.ts'
import { visibleHash, visitImages } from './images.ts'
import { judge } from './judge.ts'
import type { Machines } from './machines.ts'
import { Run, type Process } from './run.ts'
import type { Expectation } from './truth.ts'
import type { World } from './world.ts'

/** One of each code of the package that a device's error may have. */
const CODES = ['EIO', 'ENOSPC', 'EFBIG'] as const
const OTHERS = [
  ...['EACCES', 'EDQUOT', 'EROFS', 'EMFILE', 'ENFILE', 'EPERM', 'ELOOP', 'ENAMETOOLONG', 'EMLINK'],
  ...['EXDEV', 'EBUSY', 'EINTR', 'EAGAIN', 'ENOMEM', 'ENXIO', 'ESTALE', 'ETIMEDOUT', 'ENOTDIR', 'EISDIR'],
]
/** Of a crashed task so many homes are recovered with faults; half of them were killed, half lost power. */
const HOMES = 8

interface Fault {
  readonly at: number
  readonly errno: string
  readonly before: boolean
}

/** What a call fails with: `every` errno, or those that suffice. */
function faultsAt(at: number, every: boolean, template: string): Fault[] {
  const other = OTHERS[at % OTHERS.length]!
  // Most of an adoption's calls copy bytes: one errno and another in turns will do.
  const errnos = every ? [...CODES, ...OTHERS] : template === 'adopt' ? [CODES[at % CODES.length]!, other] : [...CODES, other]
  return errnos.flatMap((errno) => [true, false].map((before) => ({ at, errno, before })))
}

/** What is done while a call fails, and the home that it is done in. */
interface Work {
  readonly what: string
  readonly context: Context
  begin(): Run
  act(run: Run, process: Process): Promise<unknown>
}

export async function faultScenario(bench: Bench, scenario: string, kind: HomeKind, template: string): Promise<void> {
  const home = await bench.home(kind)
  await failEach(bench, scenario.startsWith('errnos'), template, {
    what: template,
    context: { operation: `${template}, an error`, scenario, again: taskOf(template, 0, true) },
    begin: () => runIn(home, bench.sampling),
    act: (run, process) => run.carryOut(process, taskOf(template)),
  })
}

export async function recoveryFaultScenario(bench: Bench, scenario: string, kind: HomeKind, template: string): Promise<void> {
  for (const crashed of await crashesOf(bench, await bench.home(kind), template)) {
    await failEach(bench, scenario.startsWith('errnos'), template, {
      what: `recovery from ${template}, ${crashed.how}`,
      context: { operation: 'recovery, an error', scenario, again: taskOf(template, 0, true) },
      begin: () => begin(crashed),
      act: recoverWhatCanBe,
    })
  }
}

async function failEach(bench: Bench, every: boolean, template: string, work: Work): Promise<void> {
  const total = await countCalls(bench, work)
  for (let at = 0; at < total; at++) {
    for (const fault of faultsAt(at, every, template)) await fail(bench, work, fault)
    await bench.checker.drain()
  }
}

async function countCalls(bench: Bench, { begin, act }: Work): Promise<number> {
  const run = begin()
  let total = 0
  const hook: Hook = (_call, made) => {
    total++
    return made()
  }
  await settledWork(act(run, run.process(bench.core(0), { hook })))
  return total
}

async function fail(bench: Bench, { what, context, begin, act }: Work, fault: Fault): Promise<void> {
  const run = begin()
  const running = run.machines.alive.length > 0
  const trail = [`${what}, call ${fault.at} fails with ${fault.errno} ${fault.before ? 'before' : 'after'} it took place:`]
  const doubtful = { layer: false }
  const process = run.process(bench.core(0), { hook: failing(run.world, fault, calls(trail, running ? run : null), doubtful) })
  const error = await settledWork(act(run, process))
  trail.push(error === null ? 'it is answered: done' : `it is answered: ${error.code}, ${error.message}`)
  await process.locks.close()
  // The next process cannot know that a layer's sync failed in this one: the kernel may have told nobody else, and says "done" when
  // asked again. That a retry in a new process freezes such a layer is a stated limit (docs/reliability.md), so there is none.
  bench.checker.cutHere(run, doubtful.layer ? { ...context, again: null } : context, trail)
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

/** A home as a crash left it. */
interface Crashed {
  readonly how: string
  readonly world: World
  readonly expected: Expectation
  /** Those that live on. */
  readonly machines: Machines | null
}

function begin({ world, expected, machines }: Crashed): Run {
  const fresh = world.fork()
  return new Run(fresh, expected, machines?.copy(fresh))
}

/** Homes that the task leaves when it is cut: spread over its effects, as many killed as without power. */
async function crashesOf(bench: Bench, home: Home, template: string): Promise<Crashed[]> {
  const run = runIn(home, bench.sampling)
  const killed: Crashed[] = []
  const dark: Crashed[] = []
  const seen = new HashSet()
  run.world.onEffect = () => {
    const { low, high } = visibleHash(run.world)
    const world = run.world.fork()
    const machines = run.machines.outliving(world)
    if (seen.add(low, high)) killed.push({ how: `killed at effect ${killed.length}`, world, expected: run.expected, machines })
    visitImages(run.world, (imageLow, imageHigh, model, build) => {
      if (!seen.add(imageLow, imageHigh)) return
      const image = build()
      dark.push({ how: `without power (${model} ${dark.length})`, world: image, expected: narrowed(judge(image, run.expected)), machines: null })
    })
  }
  await settledWork(run.carryOut(run.process(bench.core(0), { hook: calls([], run.machines.alive.length > 0 ? run : null) }), taskOf(template)))
  return [...spread(killed, HOMES / 2), ...spread(dark, HOMES / 2)]
}

function spread<T>(all: readonly T[], count: number): T[] {
  const step = Math.max(1, all.length / count)
  return Array.from({ length: Math.min(count, all.length) }, (_, i) => all[Math.floor(i * step + step / 2)]!)
}

/** What opening a home does, and `prune` after: a box that cannot be recovered now keeps nobody from the others. */
async function recoverWhatCanBe(run: Run, process: Process): Promise<void> {
  const boxes = [...directoryOf(run.world, 'boxes').entries.keys()].filter((name) => name.endsWith('.json'))
  const errors = []
  for (const boxId of boxes.map((name) => name.slice(0, -5))) errors.push(await settledWork(run.perform(process, { kind: 'recover', boxId })))
  errors.push(await settledWork(run.perform(process, { kind: 'collect', dryRun: false })))
  const failure = errors.find((error) => error !== null)
  if (failure !== undefined) throw failure
}
