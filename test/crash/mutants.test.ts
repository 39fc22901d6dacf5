// The checker checks itself: each broken host must be caught, or its survival is argued here.

import { describe, expect, it } from 'vitest'
import { Core } from '../../src/core/core.ts'
import { Bench } from './bench.ts'
import { Checker } from './checker.ts'
import type { Home, HomeKind } from './homes.ts'
import { mutants, type Mutant } from './mutants.ts'
import { duels, runScenario } from './scenarios.ts'

const bounds = { variantsPerNode: 12, imagesPerPoint: 100, seed: 1 }
/** States that are judged of each scenario: a mutant that is caught is caught early. */
const STATES = 200

/** Where a mutant is looked for, the likeliest first. */
const SCENARIOS = [
  ...['snapshot', 'create', 'import', 'restore and keep', 'clone live'].map((name) => `single rich ${name}`),
  ...['remove s1', 'delete a', 'merge', 'add image'].map((name) => `single rich ${name}`),
  'single linked collect',
  ...['snapshot', 'clone live', 'delete a', 'stop'].flatMap((name) => [`single detached ${name}`, `single running ${name}`]),
  ...['snapshot', 'delete a'].map((name) => `single silent ${name}`),
  ...Array.from({ length: 20 }, (_, seed) => `two ${seed}`),
  // Two owners of one box meet in a single call: there all of them are tried.
  ...duels().filter((name, i) => i % 6 === 3 || name.includes(' snapshot / snapshot ')),
]

/** Mutants that no crash and no interleaving can tell from the real thing, and why. */
const SURVIVORS: Readonly<Record<string, string>> = {
  'holds back store publishLayer': 'a merge changes no byte, and the collection that deletes what was folded syncs layers/ before it looks',
  'leaves out store publishLayer': 'the layer stays as it was and the temporary one is garbage: space is not given back, nothing is lost',
  'holds back store remove': 'only what nothing reaches is removed: sooner or later is the same',
  'leaves out store remove': 'what stays is garbage for the next collection',
  'leaves out machine freeze': 'a guest that does not freeze has its disk caught as a power cut would leave it, which is whole',
  'holds back machine pause': 'what a guest issues between drain and pause is acknowledged to nobody: it goes to the new layer with the machine',
  'holds back machine resume': 'a guest that is thawed before it is resumed runs a moment later',
}

/** Where a mutant is looked for that recovers. */
const CRASHES = [
  ...['snapshot', 'delete a', 'merge'].map((name) => `single rich ${name}`),
  ...['single plain remove spare image', 'single linked collect'],
  ...['detached', 'running', 'silent'].map((kind) => `single ${kind} snapshot`),
]

/**
 * The mutants that are caught when a recovering process is one. The others carry out wrongly what recovery never does (it makes
 * no layer, folds none and removes no record), what has no rival then (the locks), or what has nothing left to do: a machine
 * that is found in the middle of a switch was paused and drained before its record said so.
 */
const RECOVERING: readonly string[] = [
  ...['commitRecord', 'syncDirectory', 'remove'].map((effect) => `leaves out store ${effect}`),
  ...['switchTo', 'resume', 'thaw', 'kill'].map((effect) => `leaves out machine ${effect}`),
  ...['file of a record', 'directory boxes', 'directory images', 'directory layers'].map((what) => `does not sync the ${what}`),
  'looks through symbolic links',
]

const cores = [await Core.create(), await Core.create()] as const
const homes = new Map<HomeKind, Home>()

async function caughtBy(mutant: Mutant, recovers = false): Promise<string | null> {
  for (const scenario of recovers ? CRASHES : SCENARIOS) {
    const checker = new Checker(cores[0], 1)
    checker.enough = STATES
    const bench = new Bench(cores, checker, bounds, homes)
    if (recovers) checker.wrap = mutant.wrap
    else bench.wrap = mutant.wrap
    await runScenario(bench, scenario)
    const [failure] = checker.failures
    if (failure !== undefined) return `${scenario}: ${failure.message}`
  }
  return null
}

describe('a host is caught that', () => {
  for (const mutant of mutants().filter(({ name }) => SURVIVORS[name] === undefined)) {
    it(mutant.name, { timeout: 600_000 }, async () => expect(await caughtBy(mutant)).not.toBeNull())
  }
})

describe('a recovering host is caught that', () => {
  for (const name of RECOVERING) {
    it(name, { timeout: 600_000 }, async () => {
      const mutant = mutants().find((other) => other.name === name)!
      expect(await caughtBy(mutant, true)).not.toBeNull()
    })
  }
})

describe('a host does no harm that', () => {
  for (const mutant of mutants().filter(({ name }) => SURVIVORS[name] !== undefined)) {
    it(`${mutant.name}: ${SURVIVORS[mutant.name]}`, { timeout: 600_000 }, async () => expect(await caughtBy(mutant)).toBeNull())
  }

  it('is a mutant that there is', () => {
    const names = new Set(mutants().map(({ name }) => name))
    expect(Object.keys(SURVIVORS).filter((name) => !names.has(name))).toEqual([])
  })
})
