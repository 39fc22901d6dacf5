// What is run and cut: single operations in every home, pairs, seeded triples, two processes at once, and
// single operations in which one call fails. A scenario is known by its name, which replays it.

import { calls, taskOf, settledWork, type Bench } from './bench.ts'
import type { Context } from './checker.ts'
import { faultScenario, recoveryFaultScenario } from './faults.ts'
import { Random } from './hash.ts'
import { HOME_KINDS, liveLayer, runIn, TEMPLATES, type HomeKind } from './homes.ts'
import { judge, judgeMachines } from './judge.ts'
import { OLD_KINDS } from './old-homes.ts'
import { isRefusal, type Run } from './run.ts'
import type { Task } from './truth.ts'
import { duel, twoProcesses } from './two-processes.ts'

export const TEMPLATE_NAMES: readonly string[] = Object.keys(TEMPLATES)

/** Runs the scenario of that name, cuts it, and judges all it leaves. */
export async function runScenario(bench: Bench, scenario: string): Promise<void> {
  const [kind, first = '', ...words] = scenario.split(' ')
  const rest = [first, ...words].join(' ')
  if (kind === 'single') await single(bench, scenario, first as HomeKind, words.join(' '))
  else if (kind === 'pair') await sequence(bench, scenario, rest.split(' > '))
  else if (kind === 'triple') await sequence(bench, scenario, triple(Number(rest)))
  else if (kind === 'two') await twoProcesses(bench, scenario, Number(rest))
  else if (kind === 'duel') await duel(bench, scenario, rest)
  else if (kind === 'fault' || kind === 'errnos') await faultScenario(bench, scenario, first as HomeKind, words.join(' '))
  else if (kind === 'recovery' || kind === 'errnos-in-recovery') await recoveryFaultScenario(bench, scenario, first as HomeKind, words.join(' '))
  else throw new Error(`no such scenario: ${scenario}`)
  await bench.checker.drain()
}

async function single(bench: Bench, scenario: string, kind: HomeKind, template: string): Promise<void> {
  const stopped = kind === 'rich' || kind === 'plain'
  await cutOperation(bench, runIn(await bench.home(kind), stopped ? bench.bounds : bench.sampling), scenario, template, 0)
}

/** Operations one after the other: of two the second is cut, of three each. */
async function sequence(bench: Bench, scenario: string, templates: readonly string[]): Promise<void> {
  const run = runIn(await bench.home('rich'), templates.length === 2 ? bench.bounds : bench.sampling)
  for (const [i, template] of templates.entries()) {
    if (i === 0 && templates.length === 2) await firstOfPair(bench, run, template)
    else await cutOperation(bench, run, scenario, template, i)
    await bench.checker.drain()
  }
}

async function firstOfPair(bench: Bench, run: Run, template: string): Promise<void> {
  const process = run.process(bench.core(0))
  const error = await settledWork(run.carryOut(process, taskOf(template)))
  await process.locks.close()
  if (error === null && template === 'start') launchMachine(run, taskOf(template))
}

async function cutOperation(bench: Bench, run: Run, scenario: string, template: string, i: number): Promise<void> {
  const trail = [`${template}:`]
  const running = run.machines.alive.length > 0
  // Each old home was left in a way of its own.
  const operation = running ? `${template}, running` : template === 'adopt' ? scenario.replace('single ', '') : template
  const context: Context = { operation, scenario, again: taskOf(template, i, true) }
  bench.checker.watch(run, context, trail)
  const process = run.process(bench.core(0), bench.wrap(run, { hook: calls(trail, running ? run : null) }))
  try {
    await run.carryOut(process, taskOf(template, i))
    trail.push(`${template} is answered: done`)
    if (template === 'start') launchMachine(run, taskOf(template, i))
    judgeMachines(judge(run.world, run.expected), run.machines.alive)
  } catch (error) {
    if (!isRefusal(error)) bench.checker.report(context, error, trail)
  }
  await process.locks.close()
  run.world.onEffect = null
}

/** What follows a recorded start: the machine itself. */
function launchMachine(run: Run, operation: Task): void {
  if (operation.kind === 'box.start') run.machines.launch(operation.boxId, operation.machine, liveLayer(run, operation.boxId))
}

function triple(seed: number): string[] {
  const random = new Random(seed)
  return [0, 1, 2].map(() => random.pick(TEMPLATE_NAMES))
}

/** The scenarios that are run whole: every single operation in every home, every pair, every failing call. */
export function singles(): string[] {
  return HOME_KINDS.flatMap((kind) => TEMPLATE_NAMES.map((template) => `single ${kind} ${template}`))
}

export function pairs(): string[] {
  return TEMPLATE_NAMES.flatMap((first) => TEMPLATE_NAMES.map((second) => `pair ${first} > ${second}`))
}

/** A box of every old home, adopted. */
export function adoptions(): string[] {
  return OLD_KINDS.map((kind) => `single ${kind} adopt`)
}

/** Two processes, one overtaken by the other once, at every call: what must keep out of each other's way. */
export function duels(): string[] {
  const kinds = ['create / collect', 'snapshot / collect', 'clone live / collect', 'import / collect', 'merge / snapshot', 'merge / collect']
  const more = ['create / create', 'clone s2 / create', 'snapshot / snapshot', 'delete a / clone live', 'restore / merge', 'remove s2 / merge']
  return [...kinds, ...more].flatMap((kind) => Array.from({ length: 48 }, (_, made) => `duel ${kind} / ${made}`))
}

/** One call fails: of every task, and of the recovery after it was cut. */
export function faults(): string[] {
  return [...FAULTY_TASKS.map((task) => `fault ${task}`), ...CRASHED_TASKS.map((task) => `recovery ${task}`)]
}

/** The same with every errno there is. */
export function errnos(): string[] {
  return [...FAULTY_TASKS.map((task) => `errnos ${task}`), ...CRASHED_TASKS.map((task) => `errnos-in-recovery ${task}`)]
}

const FAULTY_TASKS = [
  ...['rich', 'running', 'detached'].flatMap((kind) => TEMPLATE_NAMES.map((template) => `${kind} ${template}`)),
  ...['old-moved', 'old-torn', 'old-based'].map((kind) => `${kind} adopt`),
]
const CRASHED_TASKS = [
  ...TEMPLATE_NAMES.map((template) => `rich ${template}`),
  // Where nothing is done with the machine it is taken over in one way.
  ...['snapshot', 'clone live', 'delete a', 'stop', 'merge'].flatMap((template) => [`detached ${template}`, `running ${template}`]),
  'silent snapshot',
  'old-moved adopt',
]
