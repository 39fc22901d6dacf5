// Random sequences of operations beside a model that knows only names: what is there, what must be refused, and that the
// home is whole after every step.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isBoxLiteError, type ErrorCode } from '../../src/error.ts'
import type { Operation } from '../../src/operation/operation.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { count } from '../counts.ts'
import { chainOf, Home, id, machineRecord, makeBox } from './operation-home.ts'

const runs = count(150, 5000)
console.log(`random sequences of operations on homes: ${runs}`)

/** Snapshot name to the name of its parent, in the order of the record. */
interface ModelBox {
  snapshots: Map<string, string | null>
  parent: string | null
  running: boolean
}

class Model {
  readonly boxes = new Map<number, ModelBox>()
  #next = 1000

  fresh(): string {
    return id(this.#next++)
  }

  freshNumber(): number {
    return this.#next++
  }
}

const kinds = ['box', 'create', 'restore', 'keep', 'remove', 'clone', 'cloneSnapshot', 'delete', 'start', 'stop', 'collect', 'merge'] as const
type Step = { kind: (typeof kinds)[number]; box: number; name: string }

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...kinds, 'create', 'create', 'restore', 'remove'),
  box: fc.constantFrom(1, 1, 1, 2, 3),
  name: fc.constantFrom('a', 'b', 'c'),
})

/** The operation of a step, and the code that the model says it is refused with, or null; `done` tells the model. */
function plan(model: Model, { kind, box, name }: Step): { operation: Operation; code: ErrorCode | null; done: () => void } | null {
  const one = model.boxes.get(box)
  const boxId = id(box)
  const missing = one === undefined ? 'not_found' : null
  const unknown = missing ?? (one!.snapshots.has(name) ? null : 'not_found')
  switch (kind) {
    case 'box':
      if (one) return null
      return {
        operation: { ...makeBox(box), layerId: model.fresh() },
        code: null,
        done: () => model.boxes.set(box, { snapshots: new Map(), parent: null, running: false }),
      }
    case 'create':
      return {
        operation: { kind: 'snapshot.create', boxId, name, description: '', snapshotId: model.fresh(), layerId: model.fresh(), nowMs: 1 },
        code: missing ?? (one!.snapshots.has(name) ? 'already_exists' : null),
        done: () => {
          one!.snapshots.set(name, one!.parent)
          one!.parent = name
        },
      }
    case 'restore':
    case 'keep': {
      const kept = kind === 'keep' ? `kept ${model.freshNumber()}` : null
      const keepCurrent = kept === null ? null : { name: kept, snapshotId: model.fresh() }
      return {
        operation: { kind: 'snapshot.restore', boxId, snapshot: name, layerId: model.fresh(), keepCurrent, nowMs: 1 },
        code: missing ?? (one!.running ? 'invalid_state' : unknown),
        done: () => {
          if (kept !== null) one!.snapshots.set(kept, one!.parent)
          one!.parent = name
        },
      }
    }
    case 'remove':
      return {
        operation: { kind: 'snapshot.remove', boxId, snapshot: name },
        code: unknown,
        done: () => {
          const parent = one!.snapshots.get(name)!
          one!.snapshots.delete(name)
          for (const [child, of] of one!.snapshots) if (of === name) one!.snapshots.set(child, parent)
          if (one!.parent === name) one!.parent = parent
        },
      }
    default:
      return planBox(model, { kind, box, name })
  }
}

function planBox(model: Model, { kind, box, name }: Step): ReturnType<typeof plan> {
  const one = model.boxes.get(box)
  const boxId = id(box)
  const missing = one === undefined ? 'not_found' : null
  switch (kind) {
    case 'clone':
    case 'cloneSnapshot': {
      const clone = (box % 3) + 1
      const snapshot = kind === 'clone' ? null : name
      const taken = model.boxes.has(clone) ? 'already_exists' : null
      const ids = { cloneId: id(clone), cloneLayerId: model.fresh(), layerId: model.fresh() }
      return {
        operation: { kind: 'clone', boxId, snapshot, ...ids, name: `box${clone}`, config: null },
        code: taken ?? missing ?? (snapshot === null || one!.snapshots.has(snapshot) ? null : 'not_found'),
        done: () => model.boxes.set(clone, { snapshots: new Map(), parent: null, running: false }),
      }
    }
    case 'delete':
      return {
        operation: { kind: 'box.remove', boxId, force: false },
        code: missing ?? (one!.running ? 'invalid_state' : null),
        done: () => model.boxes.delete(box),
      }
    case 'start':
      // One machine at a time: the tests' machine is one.
      if ([...model.boxes.values()].some(({ running }) => running)) return null
      return { operation: { kind: 'box.start', boxId, machine: machineRecord }, code: missing, done: () => (one!.running = true) }
    case 'stop':
      return { operation: { kind: 'box.stop', boxId }, code: missing, done: () => (one!.running = false) }
    case 'collect':
      return { operation: { kind: 'collect', dryRun: false }, code: null, done: () => undefined }
    default:
      return { operation: { kind: 'merge', temporaryId: model.fresh(), limit: 100 }, code: null, done: () => undefined }
  }
}

async function compare(home: Home, model: Model): Promise<void> {
  await home.check()
  expect([...home.memory.records.boxes.keys()].sort()).toEqual([...model.boxes.keys()].map((box) => id(box)).sort())
  for (const [box, one] of model.boxes) {
    const { snapshots, liveParent, machine, pending } = home.record(box)
    const names = new Map(snapshots.map((snapshot) => [snapshot.id, snapshot.name]))
    const found = snapshots.map((snapshot) => [snapshot.name, snapshot.parent === null ? null : names.get(snapshot.parent)])
    expect(found).toEqual([...one.snapshots])
    expect([liveParent === null ? null : names.get(liveParent), machine !== null, pending]).toEqual([one.parent, one.running, null])
  }
}

/** Every layer that a record reaches, and how many reached layers back on each. */
async function reached(home: Home): Promise<Map<string, number>> {
  const children = new Map<string, Set<string>>()
  const store = new MemoryStore(home.memory)
  for (const boxId of home.memory.records.boxes.keys()) {
    const { live, snapshots } = home.record(Number.parseInt(boxId, 16))
    for (const top of [live, ...snapshots.map(({ layer }) => layer)]) {
      const chain = await chainOf(store, top)
      for (const [at, name] of chain.entries()) {
        const above = children.get(name) ?? new Set()
        if (at > 0) above.add(chain[at - 1]!)
        children.set(name, above)
      }
    }
  }
  return new Map([...children].map(([name, above]) => [name, above.size]))
}

describe('any sequence of operations', () => {
  it('does what the model says, refuses what it says, and leaves a whole home after every step', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const home = new Home()
        const model = new Model()
        for (const one of [{ kind: 'box', box: 1, name: 'a' } as const, ...steps]) {
          const planned = plan(model, one)
          if (planned === null) continue
          const error = await home.run(planned.operation).then(
            () => null,
            (cause: unknown) => cause,
          )
          if (error !== null && !isBoxLiteError(error)) throw error
          expect([one, error === null ? null : error.code]).toEqual([one, planned.code])
          if (error === null) planned.done()
          if (error === null && one.kind === 'start') home.machine.launch(home.record(one.box).live)
          await compare(home, model)
          if (one.kind === 'collect') expect([...(await reached(home)).keys()].sort()).toEqual(home.layers())
          if (one.kind === 'merge' && home.machine.state === 'none') await expectMerged(home)
        }
      }),
      { numRuns: runs },
    )
  })
})

/** No layer that no record names is left with a single child. */
async function expectMerged(home: Home): Promise<void> {
  const named = new Set<string>()
  for (const boxId of home.memory.records.boxes.keys()) {
    const { live, snapshots } = home.record(Number.parseInt(boxId, 16))
    for (const layer of [live, ...snapshots.map((snapshot) => snapshot.layer)]) named.add(layer)
  }
  expect([...(await reached(home))].filter(([name, children]) => !named.has(name) && children === 1)).toEqual([])
}
