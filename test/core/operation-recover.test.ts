import { describe, expect, it } from 'vitest'
import { BoxLiteError } from '../../src/error.ts'
import type { Recovery } from '../../src/operation/operation.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { clone, Home, id, layer, machineRecord, makeBox, snapshotCreate } from './operation-home.ts'

const recover = { kind: 'recover', boxId: id(1) } as const
const dead = (): Promise<never> => Promise.reject(new BoxLiteError('timeout', 'dead'))

/** A box with a machine, as its owner's death in the middle of a snapshot leaves it: `pending`, and the machine paused. */
async function interrupted(operation: 'snapshot' | 'clone' = 'snapshot'): Promise<Home> {
  const home = new Home()
  await home.run(makeBox(1))
  await home.run({ kind: 'box.start', boxId: id(1), machine: machineRecord })
  home.machine.launch(layer(10))
  home.machine.switchTo = () => {
    Object.assign(home.machine, { ask: dead, kill: dead })
    return dead()
  }
  await expect(home.run(operation === 'snapshot' ? snapshotCreate(100, 'a') : clone(2, null))).rejects.toThrow()
  for (const method of ['switchTo', 'ask', 'kill']) Reflect.deleteProperty(home.machine, method)
  expect(home.record().pending).toMatchObject({ kind: 'switch', from: layer(10) })
  expect(home.machine).toMatchObject({ state: 'paused', open: layer(10) })
  home.machine.done.length = 0
  return home
}

async function running(): Promise<Home> {
  const home = new Home()
  await home.run(makeBox(1))
  await home.run({ kind: 'box.start', boxId: id(1), machine: machineRecord })
  home.machine.launch(layer(10))
  home.machine.done.length = 0
  return home
}

async function expectSettled(home: Home, recovered: Recovery): Promise<void> {
  expect((await home.run(recover)).recovered).toBe(recovered)
  expect(home.record().pending).toBeNull()
  await home.check()
  const { generation } = home.record()
  expect((await home.run(recover)).recovered).toBe(home.record().machine === null ? 'none' : 'resumed')
  expect(home.record().generation).toBe(generation)
}

describe('taking the lock of a box', () => {
  it('finds nothing to do where nothing is recorded, and commits nothing', async () => {
    const home = new Home()
    await home.run(makeBox(1))
    expect(await home.run(recover)).toMatchObject({ recovered: 'none', record: { generation: 1 } })
    expect(home.effects).toEqual(['LOCK_BOX', 'LOCK_HOME', 'READ_RECORD', 'SYNC_DIRECTORY', 'SYNC_DIRECTORY'])
  })

  it('clears a machine that is gone', async () => {
    const home = await running()
    home.machine.state = 'none'
    await expectSettled(home, 'cleared')
    expect(home.record().machine).toBeNull()
  })

  it('takes a living machine over: it runs and is thawed', async () => {
    const home = await running()
    Object.assign(home.machine, { state: 'paused', frozen: true })
    await expectSettled(home, 'resumed')
    expect(home.machine).toMatchObject({ state: 'running', open: layer(10), frozen: false })
  })

  it('ends a machine that gives no answer, that has another layer open, or that does not resume', async () => {
    const worse: ((home: Home) => void)[] = [
      (home) => (home.machine.state = 'silent'),
      (home) => (home.machine.open = layer(99)),
      (home) => (home.machine.open = ''),
      (home) => (home.machine.open = '../../etc/passwd'),
      (home) => (home.machine.resume = dead),
      (home) => (home.machine.ask = dead),
    ]
    for (const worsen of worse) {
      const home = await running()
      worsen(home)
      await expectSettled(home, 'killed')
      expect([home.machine.state, home.record().machine]).toEqual(['none', null])
    }
  })

  it('ends a machine that should have ended with its owner, whatever it has open and whatever was pending', async () => {
    const orphan = { ...machineRecord, detached: false }
    for (const state of ['running', 'paused'] as const) {
      const home = new Home()
      await home.run(makeBox(1))
      await home.run({ kind: 'box.start', boxId: id(1), machine: orphan })
      home.machine.launch(layer(10))
      home.machine.state = state
      await expectSettled(home, 'killed')
      expect([home.machine.state, home.record().machine, home.record().live]).toEqual(['none', null, layer(10)])
      expect(home.machine.done).not.toContain('resume')
    }
  })

  it('does nothing where a machine can be neither asked nor ended', async () => {
    const home = await running()
    Object.assign(home.machine, { ask: dead, kill: dead })
    await expect(home.run(recover)).rejects.toMatchObject({ code: 'timeout' })
    await expect(home.run(snapshotCreate(100, 'a'))).rejects.toMatchObject({ code: 'timeout' })
    expect(home.record()).toMatchObject({ generation: 2, machine: machineRecord, snapshots: [] })
  })

  it('reports a guest that does not say that it thawed', async () => {
    const home = await running()
    home.machine.thaw = dead
    expect(await home.run(recover)).toMatchObject({ recovered: 'resumed', findings: [{ kind: 'not-thawed', boxId: id(1) }] })
  })
})

describe('a switch that was cut off', () => {
  it('is completed where the machine has the frozen layer open', async () => {
    for (const state of ['paused', 'running'] as const) {
      const home = await interrupted()
      home.machine.state = state
      await expectSettled(home, 'switched')
      expect(home.machine).toMatchObject({ state: 'running', open: layer(101), frozen: false })
      expect(home.machine.done.slice(0, 6)).toEqual(['ask', 'pause', 'drain', 'switch', 'resume', 'thaw'])
      expect(home.record().snapshots.map(({ name }) => name)).toEqual(['a'])
    }
  })

  it('is done where the machine has the new layer open', async () => {
    const home = await interrupted()
    home.machine.open = layer(101)
    await expectSettled(home, 'resumed')
    expect(home.machine).toMatchObject({ state: 'running', open: layer(101), frozen: false })
  })

  it('is cleared with the machine where that is gone, and ended where it gives no answer', async () => {
    for (const [state, recovered] of [['none', 'cleared'], ['silent', 'killed']] as const) {
      const home = await interrupted()
      home.machine.state = state
      await expectSettled(home, recovered)
      expect(home.record()).toMatchObject({ machine: null, live: layer(101) })
      expect(home.machine.state).toBe('none')
    }
  })

  it('is undone where the machine cannot be moved: the frozen layer is live again, the snapshot was never made', async () => {
    for (const operation of ['snapshot', 'clone'] as const) {
      const home = await interrupted(operation)
      home.machine.switchTo = dead
      await expectSettled(home, 'undone')
      expect(home.record()).toMatchObject({ live: layer(10), snapshots: [], liveParent: null, machine: machineRecord })
      expect(home.machine).toMatchObject({ state: 'running', open: layer(10), frozen: false })
      expect(home.hasBox(2)).toBe(false)
    }
  })

  it('is settled before the operation that found it', async () => {
    const home = await interrupted()
    const { recovered, record } = await home.run(snapshotCreate(200, 'b'))
    expect(recovered).toBe('switched')
    expect(record.snapshots.map(({ name, layer: of }) => [name, of])).toEqual([['a', layer(10)], ['b', layer(101)]])
    expect(home.machine).toMatchObject({ state: 'running', open: layer(201) })
  })

  it('keeps restore and removal away while the machine lives', async () => {
    const home = await interrupted()
    await expect(home.run({ kind: 'box.remove', boxId: id(1), force: false })).rejects.toMatchObject({ code: 'invalid_state' })
    expect(home.record().pending).toBeNull()
  })
})

describe('a snapshot of a running box whose switch fails', () => {
  it('goes on where the machine says it has the new layer open all the same', async () => {
    const home = await running()
    home.machine.switchTo = async (_box, to) => {
      home.machine.open = to
      return dead()
    }
    await home.run(snapshotCreate(100, 'a'))
    expect(home.machine).toMatchObject({ state: 'running', open: layer(101), frozen: false })
    await home.check()
  })

  it('is taken back where it still has the old one, and says so', async () => {
    const home = await running()
    home.machine.switchTo = dead
    await expect(home.run(snapshotCreate(100, 'a'))).rejects.toMatchObject({
      code: 'timeout',
      message: 'the running machine could not move to the new layer; the snapshot was taken back: dead',
    })
    expect(home.record()).toMatchObject({ live: layer(10), snapshots: [], pending: null, machine: machineRecord })
    expect(home.machine).toMatchObject({ state: 'running', open: layer(10), frozen: false })
    await home.run({ kind: 'collect', dryRun: false })
    expect(home.layers()).toEqual([layer(10)])
    await home.check()
  })

  it('ends a machine that does not answer; the snapshot stands', async () => {
    const home = await running()
    home.machine.switchTo = async () => {
      home.machine.state = 'silent'
      return dead()
    }
    await expect(home.run(snapshotCreate(100, 'a'))).rejects.toMatchObject({ code: 'timeout', facts: { reason: 'machine_killed' } })
    expect(home.record()).toMatchObject({ live: layer(101), pending: null, machine: null, snapshots: [{ name: 'a' }] })
    expect(home.machine.state).toBe('none')
    await home.check()
  })
})

describe('a commit of unknown outcome', () => {
  for (const when of ['before', 'after'] as const) {
    it(`is answered by the old truth with a higher generation, and the machine goes on (${when})`, async () => {
      const home = await running()
      const at = await callOf(home, 'store.commitRecord')
      Object.assign(home.faults, { calls: 0, at: [at], when })
      await expect(home.run(snapshotCreate(100, 'a'))).rejects.toMatchObject({ code: 'io', facts: { reason: 'taken_back' } })
      expect(home.record()).toMatchObject({ generation: 4, live: layer(10), snapshots: [], pending: null, machine: machineRecord })
      expect(home.machine).toMatchObject({ state: 'running', open: layer(10), frozen: false })
      // What was made stays: nobody could know whether something names it.
      expect(home.layers()).toEqual([layer(10), layer(101)])
    })
  }

  it('is none where the store says that nothing was touched: the machine goes on, and what was made is removed', async () => {
    const home = await running()
    class Full extends MemoryStore {
      override commitRecord = (): Promise<void> => Promise.reject(new BoxLiteError('no_space', 'full', { facts: { unchanged: true } }))
    }
    await expect(home.run(snapshotCreate(100, 'a'), { store: new Full(home.memory) })).rejects.toMatchObject({ code: 'no_space' })
    expect(home.record()).toMatchObject({ generation: 2, live: layer(10), machine: machineRecord })
    expect(home.machine).toMatchObject({ state: 'running', open: layer(10), frozen: false })
    expect(home.layers()).toEqual([layer(10)])
  })

  it('that only clears `pending` spoils nothing: the snapshot is made, and the next owner clears it', async () => {
    for (const facts of [{}, { unchanged: true }]) {
      const home = await running()
      let commits = 0
      class Flaky extends MemoryStore {
        override commitRecord(...args: Parameters<MemoryStore['commitRecord']>): Promise<void> {
          return ++commits === 2 ? Promise.reject(new BoxLiteError('io', 'flaky', { facts })) : super.commitRecord(...args)
        }
      }
      const { record } = await home.run(snapshotCreate(100, 'a'), { store: new Flaky(home.memory) })
      expect(record.pending).toEqual({ kind: 'switch', from: layer(10), to: layer(101) })
      expect(home.machine).toMatchObject({ state: 'running', open: layer(101), frozen: false })
      await expectSettled(home, 'resumed')
      expect(home.record().snapshots.map(({ name }) => name)).toEqual(['a'])
    }
  })

  it('that cannot be taken back either ends the machine, and the box failed', async () => {
    const home = await running()
    class Broken extends MemoryStore {
      override commitRecord = (): Promise<void> => Promise.reject(new BoxLiteError('io', 'broken'))
    }
    await expect(home.run(snapshotCreate(100, 'a'), { store: new Broken(home.memory) })).rejects.toMatchObject({
      code: 'io',
      message: `box '${id(1)}' failed: a change could neither be made durable nor taken back: broken`,
    })
    expect(home.machine.state).toBe('none')
    await expectSettled(home, 'cleared')
    expect(home.record()).toMatchObject({ live: layer(10), machine: null })
  })
})

/** The number of the first call of this name that the snapshot of a running box makes. */
async function callOf(home: Home, name: string): Promise<number> {
  const twin = await running()
  twin.faults.names.length = 0
  await twin.run(snapshotCreate(100, 'a'))
  expect(home.record()).toMatchObject({ generation: 2 })
  return twin.faults.names.indexOf(name)
}
