// Every single call of an operation failing once, before and after it took place; then a recovery by another process, a
// second one that finds nothing to do, and a retry.
import { describe, expect, it } from 'vitest'
import { BoxLiteError, isBoxLiteError, type ErrorCode } from '../../src/error.ts'
import type { Operation } from '../../src/operation/operation.ts'
import type { BoxRecord } from '../../src/operation/record.ts'
import { clone, digest, Home, id, layer, machineRecord, makeBox, snapshotCreate, snapshotRestore } from './operation-home.ts'

interface Scenario {
  readonly name: string
  readonly operation: Operation
  prepare(home: Home): Promise<void>
  /** Makes a home as another allowed ending leaves it. */
  otherwise?(home: Home): Promise<void>
}

const stopped = async (home: Home): Promise<void> => {
  await home.run(makeBox(1))
  await home.run(snapshotCreate(500, 'old'))
}

const running = async (home: Home): Promise<void> => {
  await stopped(home)
  await home.run({ kind: 'box.start', boxId: id(1), machine: machineRecord })
  home.machine.launch(home.record().live)
}

/** As a crash right after the commit of a running box's snapshot leaves it. */
const interrupted = async (home: Home): Promise<void> => {
  await running(home)
  const dead = (): Promise<never> => Promise.reject(new BoxLiteError('io', 'dead'))
  home.machine.switchTo = () => {
    Object.assign(home.machine, { ask: dead, kill: dead })
    return dead()
  }
  await expect(home.run(snapshotCreate(700, 'cut'))).rejects.toThrow()
  for (const method of ['switchTo', 'ask', 'kill']) Reflect.deleteProperty(home.machine, method)
  expect(home.record().pending).not.toBeNull()
}

const bases = [{ name: `${id(50)}.raw`, parent: null }, { name: layer(51), parent: `${id(50)}.raw` }]
const scenarios: Scenario[] = [
  { name: 'box.create', operation: makeBox(2, { layers: bases, base: layer(51), sizeBytes: null }), prepare: stopped },
  { name: 'box.remove', operation: { kind: 'box.remove', boxId: id(1), force: false }, prepare: stopped },
  { name: 'box.remove by force', operation: { kind: 'box.remove', boxId: id(1), force: true }, prepare: running },
  { name: 'box.start', operation: { kind: 'box.start', boxId: id(1), machine: machineRecord }, prepare: stopped },
  { name: 'box.stop', operation: { kind: 'box.stop', boxId: id(1) }, prepare: running },
  { name: 'snapshot.create', operation: snapshotCreate(600, 'new'), prepare: stopped },
  { name: 'snapshot.create of a running box', operation: snapshotCreate(600, 'new'), prepare: running },
  { name: 'snapshot.restore', operation: snapshotRestore(600, 'old'), prepare: stopped },
  { name: 'snapshot.restore that keeps', operation: snapshotRestore(600, 'old', 'kept'), prepare: stopped },
  { name: 'snapshot.remove', operation: { kind: 'snapshot.remove', boxId: id(1), snapshot: 'old' }, prepare: stopped },
  { name: 'clone of a snapshot', operation: clone(2, 'old'), prepare: stopped },
  { name: 'clone', operation: clone(2, null), prepare: stopped },
  { name: 'clone of a running box', operation: clone(2, null), prepare: running },
  // A machine that cannot be moved keeps its layer, and the snapshot that nobody acknowledged was never made.
  { name: 'recover', operation: { kind: 'recover', boxId: id(1) }, prepare: interrupted, otherwise: running },
  { name: 'image.add', operation: { kind: 'image.add', imageId: digest, reference: 'r', layers: bases, nowMs: 1 }, prepare: stopped },
  {
    name: 'image.remove',
    operation: { kind: 'image.remove', imageId: digest },
    prepare: async (home) => {
      await home.run({ kind: 'image.add', imageId: digest, reference: 'r', layers: bases, nowMs: 1 })
    },
  },
  {
    name: 'collect',
    operation: { kind: 'collect', dryRun: false },
    prepare: async (home) => {
      await stopped(home)
      await home.run(makeBox(3, { layers: bases, base: layer(51), sizeBytes: null }))
      await home.run({ kind: 'box.remove', boxId: id(3), force: false })
    },
  },
  {
    name: 'merge',
    operation: { kind: 'merge', temporaryId: id(900), limit: 10 },
    prepare: async (home) => {
      await stopped(home)
      await home.run(snapshotCreate(520, 'mid'))
      await home.run({ kind: 'snapshot.remove', boxId: id(1), snapshot: 'mid' })
      await home.run({ kind: 'snapshot.remove', boxId: id(1), snapshot: 'old' })
    },
  },
]

/** What a record says, but for what depends on how a machine fared. */
function essence(record: BoxRecord): unknown {
  const { generation: _generation, check: _check, machine: _machine, pending: _pending, ...rest } = record
  return { ...rest, snapshots: rest.snapshots.map(({ consistency: _consistency, ...snapshot }) => snapshot) }
}

function essences(home: Home): Record<string, unknown> {
  return Object.fromEntries([...home.memory.records.boxes.keys()].map((boxId) => [boxId, essence(home.record(Number.parseInt(boxId, 16)))]))
}

async function recoverAll(home: Home): Promise<void> {
  for (const boxId of [...home.memory.records.boxes.keys()]) await home.run({ kind: 'recover', boxId })
}

/** One run in which the calls of these numbers fail; returns false when not even the first was reached. */
async function runWithFault(
  scenario: Scenario,
  endings: Record<string, unknown>[],
  at: readonly number[],
  when: 'before' | 'after',
  code: ErrorCode,
): Promise<boolean> {
  const home = new Home()
  await scenario.prepare(home)
  const before = essences(home)
  home.faults.calls = 0
  home.faults.names.length = 0
  Object.assign(home.faults, { at, when, code })
  const outcome = await home.run(scenario.operation).then(
    () => null,
    (error: unknown) => error,
  )
  if (home.faults.calls <= at[0]!) return false
  home.faults.at = []
  const trace = `${scenario.name}: ${code} ${when} ${at.map((call) => `${home.faults.names[call]} (${call})`).join()}: ${String(outcome)}`
  if (outcome !== null) expect(isBoxLiteError(outcome), trace).toBe(true)
  await home.check()
  if (outcome === null) expect(endings, trace).toContainEqual(essences(home))

  await recoverAll(home)
  await home.check()
  const settled = essences(home)
  for (const [boxId, record] of Object.entries(settled)) {
    expect([before, ...endings].flatMap((known) => known[boxId] ?? []), trace).toContainEqual(record)
    const box = home.record(Number.parseInt(boxId, 16))
    expect(box.pending, trace).toBeNull()
    if (box.machine !== null) expect(home.machine, trace).toMatchObject({ state: 'running', open: box.live, frozen: false })
  }
  if (home.hasBox(1) && home.record(1).machine === null) expect(home.machine.state, trace).toBe('none')
  const generations = [...home.memory.records.boxes.values()].map((bytes) => bytes.join())
  await recoverAll(home)
  expect([...home.memory.records.boxes.values()].map((bytes) => bytes.join()), trace).toEqual(generations)

  await home.run({ kind: 'collect', dryRun: false })
  await home.check()
  await home.run(scenario.operation).catch((error: unknown) => expect(isBoxLiteError(error), trace).toBe(true))
  await home.check()
  return true
}

/** Every allowed ending of a scenario, one call failing or none. */
async function endingsOf(scenario: Scenario): Promise<Record<string, unknown>[]> {
  const good = new Home()
  await scenario.prepare(good)
  await good.run(scenario.operation)
  const other = new Home()
  await scenario.otherwise?.(other)
  return scenario.otherwise ? [essences(good), essences(other)] : [essences(good)]
}

describe('an operation of which one call fails', () => {
  for (const scenario of scenarios) {
    it(`leaves the home as it was or as it was to be: ${scenario.name}`, async () => {
      const endings = await endingsOf(scenario)
      let runs = 0
      // `busy` promises that nothing was done.
      for (const [when, code] of [['before', 'io'], ['after', 'io'], ['before', 'busy']] as const) {
        for (let at = 0; await runWithFault(scenario, endings, [at], when, code); at++) runs++
      }
      expect(runs).toBeGreaterThan(10)
    })
  }
})

describe('an operation of which two calls near each other fail', () => {
  for (const scenario of scenarios.filter(({ name }) => /running|recover|force|keeps/.test(name))) {
    it(`leaves the home as it was or as it was to be: ${scenario.name}`, async () => {
      const endings = await endingsOf(scenario)
      let runs = 0
      for (const when of ['before', 'after'] as const) {
        for (let gap = 1; gap <= 4; gap++) {
          for (let at = 0; await runWithFault(scenario, endings, [at, at + gap], when, 'io'); at++) runs++
        }
      }
      expect(runs).toBeGreaterThan(40)
    })
  }
})
