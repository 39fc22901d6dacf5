// Two processes in one home, an operation each, interleaved at every call; in half of the runs one of
// them is killed on the way, its locks with it.

import type { Task } from './truth.ts'
import { calls, taskOf, type Bench } from './bench.ts'
import type { Context } from './checker.ts'
import type { Hook } from './crash-fs.ts'
import { Random } from './hash.ts'
import { runIn, TEMPLATES, type HomeKind } from './homes.ts'
import { isRefusal, type Process, type Run } from './run.ts'
import { anyTurn, onePreemption, Turns } from './turns.ts'

const homes: readonly HomeKind[] = ['rich', 'rich', 'rich', 'detached', 'running']

export async function twoProcesses(bench: Bench, scenario: string, seed: number): Promise<void> {
  const random = new Random(seed)
  const run = runIn(await bench.home(random.pick(homes)), bench.sampling)
  const templates = [random.pick(Object.keys(TEMPLATES)), random.pick(Object.keys(TEMPLATES))] as const
  const turns = new Turns(random.below(2) === 0 ? anyTurn(random) : onePreemption(random.below(60)), [0, 1])
  const trail = [`two processes, 0: ${templates[0]}, 1: ${templates[1]}:`]
  const context: Context = { operation: 'two processes', scenario, again: null }
  const victim = random.below(2) === 0 ? (random.below(2) as 0 | 1) : null
  const deathAt = random.below(80)
  bench.checker.watch(run, context, trail)
  const ends = ([0, 1] as const).map((number) => {
    const process = processOf(bench, run, turns, trail, number)
    const failed = (error: unknown): void => bench.checker.report(context, error, trail)
    const work = operate(run, process, taskOf(templates[number], number), number, trail).catch(failed)
    return { process, work: work.finally(() => turns.leave(number)) }
  })
  const death = new Promise<void>((resolve) => {
    turns.dying = (made) => {
      if (victim === null || made !== deathAt) return null
      turns.dying = () => null
      trail.push(`${victim}: is killed`)
      void ends[victim]!.process.locks.close().then(resolve)
      return victim
    }
  })
  await Promise.all(ends.map(({ work }, number) => (number === victim ? Promise.race([work, death]) : work)))
  run.world.onEffect = null
}

/**
 * `<template> / <template> / <calls>`: process 0 makes so many calls, process 1 runs to its end, process 0 goes on. What both make
 * has the same name.
 */
export async function duel(bench: Bench, scenario: string, words: string): Promise<void> {
  const [first, second, made] = words.split(' / ') as [string, string, string]
  const run = runIn(await bench.home('rich'), bench.sampling)
  const turns = new Turns(onePreemption(Number(made)), [0, 1])
  const trail = [`two processes, 0: ${first}, 1: ${second}, after ${made} calls:`]
  const context: Context = { operation: 'two processes', scenario, again: null }
  bench.checker.watch(run, context, trail)
  await Promise.all(
    ([0, 1] as const).map(async (number) => {
      const operation = number === 0 ? taskOf(first) : taskOf(second, 0, true)
      try {
        await operate(run, processOf(bench, run, turns, trail, number), operation, number, trail)
      } catch (error) {
        bench.checker.report(context, error, trail)
      }
      turns.leave(number)
    }),
  )
  run.world.onEffect = null
}

function processOf(bench: Bench, run: Run, turns: Turns, trail: string[], number: 0 | 1): Process {
  const traced = calls(trail, number === 0 && run.machines.alive.length > 0 ? run : null, `${number}: `)
  const turn = turns.hook(number)
  const hook: Hook = async (call, act) => turn(call, () => traced(call, act))
  return run.process(bench.core(number), bench.wrap(run, { hook }))
}

async function operate(run: Run, process: Process, operation: Task, number: number, trail: string[]): Promise<void> {
  try {
    await run.carryOut(process, operation)
    trail.push(`${number}: ${operation.kind} is answered: done`)
  } catch (error) {
    if (!isRefusal(error)) throw error
    trail.push(`${number}: ${operation.kind} is refused`)
  }
}
