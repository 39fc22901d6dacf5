// Snapshots, clones and archives of boxes that run, on machines of a model that write the box's real disk.
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { BoxLite } from '../../src/boxlite.ts'
import type { Box } from '../../src/box.ts'
import { BoxLiteError } from '../../src/error.ts'
import type { LockScope } from '../../src/host.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { ModelCall } from './model-engine.ts'
import { ModelWorld } from './model-host.ts'

let world: ModelWorld
let lite: BoxLite
let box: Box

beforeEach(async () => {
  world = await ModelWorld.create()
  lite = await world.open()
  box = await lite.create({ name: 'web', image: 'base' })
  await put('one')
})

/** What fsck finds but space to be had and boxes that run. */
const damage = async () => (await lite.fsck()).findings.filter(({ severity }) => severity !== 'note' && severity !== 'leftover')
const textOf = async (of: Box = box): Promise<string> => (await of.exec('get').orThrow()).stdout
const put = async (text: string, into: Box = box): Promise<void> => void (await into.exec('put', [text]).orThrow())
const machineOf = (of: Box) => [...world.machines.alive.values()].find(({ spec }) => spec.boxId === of.id)!

/** Lets all the time pass that `work` waits for. */
async function inNoTime<T>(work: () => Promise<T>): Promise<T> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  try {
    const done = work()
    let over = false
    done.catch(() => undefined).finally(() => (over = true))
    while (!over) await vi.advanceTimersByTimeAsync(1000)
    return await done
  } finally {
    vi.useRealTimers()
  }
}

describe('a snapshot of a running box', () => {
  it('freezes, pauses, drains, flushes and switches it, and it goes on', async () => {
    world.machines.calls = []
    expect(await box.snapshot.create('a')).toMatchObject({ name: 'a', consistency: 'frozen' })
    expect(world.machines.calls.filter((call) => call !== 'status')).toEqual(['pause', 'pause', 'drain', 'flush', 'switchTo', 'resume'])
    expect(machineOf(box).guest).toMatchObject({ frozen: 1, thawed: 1 })
    await put('two')
    expect(await textOf()).toBe('two')
    await box.snapshot.restore('a', { restart: true })
    expect([await textOf(), (await box.info()).state]).toEqual(['one', 'running'])
    expect(await damage()).toEqual([])
  })

  it('whose guest does not freeze in time is as a power cut leaves it, and says so', async () => {
    world.machines.agent = { deaf: ['FREEZE', 'THAW'] }
    await box.stop()
    await box.start()
    const findings: string[] = []
    box.on('finding', ({ finding }) => findings.push(finding.kind))
    expect(await inNoTime(() => box.snapshot.create('a'))).toMatchObject({ consistency: 'crash' })
    expect(findings).toEqual(['not-frozen', 'not-thawed'])
    expect(await textOf()).toBe('one')
  })

  it('whose guest froze, and may have thawed by itself before it was paused, is as a power cut leaves it', async () => {
    const machine = machineOf(box)
    const pause = machine.pause.bind(machine)
    const pauseAfter = (ms: number): void => {
      machine.pause = async () => {
        await new Promise((resolve) => setTimeout(resolve, ms))
        await pause()
      }
    }
    pauseAfter(10_000)
    expect(await inNoTime(() => box.snapshot.create('late'))).toMatchObject({ consistency: 'crash' })
    pauseAfter(9_000)
    expect(await inNoTime(() => box.snapshot.create('in time'))).toMatchObject({ consistency: 'frozen' })
    expect([await textOf(), (await box.info()).state]).toEqual(['one', 'running'])
  })

  it('of a paused box leaves it paused', async () => {
    await box.pause()
    expect(await box.snapshot.create('a')).toMatchObject({ consistency: 'crash' })
    expect((await box.info()).state).toBe('paused')
    await box.resume()
    expect(await textOf()).toBe('one')
  })

  it('that fails at any call leaves a box that runs on, or one that failed and starts again with every flushed byte', async () => {
    for (const call of ['pause', 'drain', 'flush', 'switchTo', 'resume', 'status'] as const satisfies ModelCall[]) {
      const one = await lite.create({ image: 'base' })
      await put('safe', one)
      world.machines.failing.set(call, new BoxLiteError('io', `injected: ${call}`))
      const outcome = await one.snapshot.create('a').then(() => 'made', (error: unknown) => (error as BoxLiteError).code)
      world.machines.failing.clear()
      expect(outcome, call).not.toBe('made')
      expect(await textOf(one), call).toBe('safe')
      await put('after', one)
      expect(await one.snapshot.create('b'), call).toMatchObject({ name: 'b' })
      await one.remove({ force: true })
    }
    expect(await damage()).toEqual([])
  })
})

describe('a restore', () => {
  it('without restart is refused while the box runs, and with it keeps what was there', async () => {
    await box.snapshot.create('a')
    await put('two')
    await expect(box.snapshot.restore('a')).rejects.toMatchObject({ code: 'invalid_state' })
    await expect(box.snapshot.restore('b', { restart: true })).rejects.toMatchObject({ code: 'not_found' })
    expect((await box.info()).state).toBe('running')
    await box.snapshot.restore('a', { restart: true, keepCurrent: 'before' })
    expect(await textOf()).toBe('one')
    await box.snapshot.restore('before', { restart: true })
    expect(await textOf()).toBe('two')
  })

  it('with restart is done, or refused with nothing done to the box, whenever another program wants the home or the box', async () => {
    await box.snapshot.create('a')
    const store = new MemoryStore(world.memory)
    const codeOf = (call: Promise<unknown>): Promise<string> => call.then(() => 'done', (error: unknown) => (error as BoxLiteError).code)
    const outcomes = new Set<string>()
    const scopes: LockScope[] = [{ kind: 'home', mode: 'exclusive' }, { kind: 'box', id: box.id }]
    for (let ticks = 0; ticks < 200; ticks++) {
      await put('two')
      let isOver = false
      const restoring = codeOf(box.snapshot.restore('a', { restart: true })).finally(() => (isOver = true))
      for (let tick = 0; tick < ticks / 2; tick++) await Promise.resolve()
      // From now on the lock is wanted all the time, and kept once it is there.
      for (let tries = 1; !isOver; tries++) {
        const held = await store.lock(scopes[ticks % 2]!)
        if (held !== null) await restoring
        await held?.release()
        if (tries % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
      const outcome = await restoring
      outcomes.add(outcome)
      // It runs in any case.
      expect([ticks, outcome, (await box.info()).state, await textOf()]).toEqual([ticks, outcome, 'running', outcome === 'done' ? 'one' : 'two'])
    }
    expect([...outcomes].toSorted()).toEqual(['busy', 'done'])
  })

  it('with restart says what it has done where the box does not start again', async () => {
    await box.snapshot.create('a')
    await put('two')
    world.machines.failing.set('launch', new BoxLiteError('busy', 'injected'))
    await expect(box.snapshot.restore('a', { restart: true })).rejects.toMatchObject({
      code: 'invalid_state',
      message: 'It is done, but the box did not start again: injected',
    })
    world.machines.failing.clear()
    expect(await textOf()).toBe('one')
  })

  it('with restart does not remove a box that removes itself when it stops', async () => {
    const own = await lite.create({ image: 'base', autoRemove: true })
    await put('mine', own)
    await own.snapshot.create('a')
    await own.snapshot.restore('a', { restart: true })
    expect(await textOf(own)).toBe('mine')
    await own.stop()
    expect(await lite.get(own.id)).toBeNull()
  })
})

describe('a clone of a running box', () => {
  it('starts as the disk was, and each goes its own way', async () => {
    const copy = await box.clone({ name: 'copy' })
    await put('two')
    expect([await textOf(copy), await textOf()]).toEqual(['one', 'two'])
    await put('three', copy)
    expect([await textOf(copy), await textOf()]).toEqual(['three', 'two'])
    expect(machineOf(copy).guest.hostname).toBe('copy')
  })
})

describe('an archive of a running box', () => {
  it('holds the disk as it was when the export began, with the snapshots, and the box goes on', async () => {
    await box.snapshot.create('a', { description: 'first' })
    await put('two')
    const chunks: Uint8Array[] = []
    for await (const chunk of box.export()) {
      if (chunks.length === 0) await put('three')
      chunks.push(chunk)
    }
    expect(await textOf()).toBe('three')
    expect((await box.snapshot.list()).map(({ name }) => name)).toEqual(['a'])
    const other = await lite.import((async function* () {
      yield* chunks
    })(), { name: 'other' })
    expect(await textOf(other)).toBe('two')
    expect(await other.info()).toMatchObject({ image: 'base', currentSnapshot: 'a', snapshotCount: 1 })
    await other.snapshot.restore('a', { restart: true })
    expect(await textOf(other)).toBe('one')
    expect(await damage()).toEqual([])
  })

  it('that is left in the middle lets go of the home', async () => {
    for await (const chunk of box.export()) {
      void chunk
      break
    }
    await put('two')
    await box.stop()
    expect((await lite.prune()).deleted).toBeGreaterThanOrEqual(0)
  })

  it('whose process dies in the middle leaves no snapshot of its own behind, and the snapshots of others stay', async () => {
    // As an export leaves it that dies between its two commits: ids are numbers here, the next one is known.
    const leaveOne = async (of: Box): Promise<void> => {
      const next = (Number.parseInt(world.host.newId(), 16) + 1).toString(16).padStart(32, '0')
      expect((await of.snapshot.create(`export-${next}`)).id).toBe(next)
    }
    const names = async (of: Box): Promise<string[]> => (await of.snapshot.list()).map(({ name }) => name)
    await box.snapshot.create(`export-${'0'.repeat(32)}`)
    const kept = await names(box)
    await leaveOne(box)
    expect(await names(box)).toHaveLength(2)
    await world.kill()
    lite = await world.open()
    box = (await lite.get(box.id))!
    expect(await names(box)).toEqual(kept)
    expect(await textOf()).toBe('one')
    // Where nothing is to be recovered, whoever starts the box meets it, or who prunes.
    await box.stop()
    await leaveOne(box)
    await box.start()
    expect(await names(box)).toEqual(kept)
    await box.stop()
    await leaveOne(box)
    await lite.prune()
    expect(await names(box)).toEqual(kept)
    expect(await damage()).toEqual([])
  })

  it('carries settings, but no secrets and no policy of this host', async () => {
    const own = await lite.create({ image: 'base', env: { TOKEN: 'secret' }, autoRemove: true, cpus: 2, labels: { a: 'b' } })
    const chunks: Uint8Array[] = []
    for await (const chunk of own.export()) chunks.push(chunk)
    const other = await lite.import((async function* () {
      yield* chunks
    })())
    const { settings } = await other.info()
    expect(settings).toEqual({ image: 'base', cpus: 2, memoryMib: 512, labels: { a: 'b' } })
  })
})
