// Several processes at one running box. Its detached machine is nobody's: each speaks with the guest through a port of its own, and
// whoever changes the box has its lock for that long.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Box } from '../../src/box.ts'
import type { BoxLite } from '../../src/boxlite.ts'
import { VISITOR_PORTS } from '../../src/engine.ts'
import { isBoxLiteError } from '../../src/error.ts'
import type { ModelMachine } from './model-engine.ts'
import { ModelWorld } from './model-host.ts'

let world: ModelWorld
let first: BoxLite
let mine: Box

beforeEach(async () => {
  world = await ModelWorld.create()
  first = await world.open()
  mine = await first.create({ name: 'web', image: 'base', detach: true })
  await put(mine, 'one')
})
afterEach(() => void vi.useRealTimers())

const textOf = async (box: Box): Promise<string> => (await box.exec('get').orThrow()).stdout
const put = async (box: Box, text: string): Promise<void> => void (await box.exec('put', [text]).orThrow())
const stateOf = async (box: Box): Promise<string | null> => (await box.info()).state
const machine = (): ModelMachine => [...world.machines.alive.values()][0]!
const launches = (): number => world.machines.calls.filter((call) => call === 'launch').length

/** The box as another process has it. */
async function elsewhere(): Promise<Box> {
  return (await (await world.open()).get('web'))!
}

/** A command that goes on until it is killed, and how it ended. */
async function hanging(box: Box, sessions: number): Promise<{ readonly end: Promise<unknown>; kill(): Promise<void> }> {
  const abort = new AbortController()
  const execution = box.exec('hang', [], { signal: abort.signal })
  const end = execution.then((result) => result, (error: unknown) => (isBoxLiteError(error) ? error.code : error))
  await vi.waitFor(() => expect(machine().sessions).toBe(sessions))
  return {
    end,
    async kill() {
      abort.abort()
      expect(await end).toBe('aborted')
    },
  }
}

describe('a box with a detached machine', () => {
  it('runs the commands of two processes at once, and opening the home takes nothing from anybody', async () => {
    const one = await hanging(mine, 1)
    const theirs = await elsewhere()
    expect(await textOf(theirs)).toBe('one')
    const two = await hanging(theirs, 2)
    expect([await textOf(mine), await textOf(theirs), launches()]).toEqual(['one', 'one', 1])
    expect(first.metrics()).toMatchObject({ numRunningBoxes: 1 })
    await theirs.start()
    await one.kill()
    await two.kill()
  })

  it('is snapshotted, cloned and exported by one while a command of another goes on', async () => {
    const theirs = await elsewhere()
    const one = await hanging(theirs, 2)
    expect(await mine.snapshot.create('a')).toMatchObject({ consistency: 'frozen' })
    const third = await elsewhere()
    expect(await third.snapshot.create('b')).toMatchObject({ consistency: 'frozen' })
    expect(await textOf(await third.clone())).toBe('one')
    for await (const chunk of third.export()) expect(chunk.length).toBeGreaterThan(0)
    await put(theirs, 'two')
    await one.kill()
    await mine.snapshot.restore('a', { restart: true })
    expect([await textOf(theirs), await textOf(mine)]).toEqual(['one', 'one'])
  })

  it('that one process stops ends the commands of the others with an error, and they see it', async () => {
    const theirs = await elsewhere()
    const one = await hanging(mine, 1)
    const told = new Promise((resolve) => mine.on('state', resolve))
    expect(await theirs.stop()).toMatchObject({ reason: 'shutdown' })
    expect(await one.end).toBe('io')
    expect(await told).toMatchObject({ state: 'stopped', previous: 'running' })
    expect([await stateOf(mine), await stateOf(theirs)]).toEqual(['stopped', 'stopped'])
    await theirs.start()
    expect([await textOf(mine), launches()]).toEqual(['one', 2])
  })

  it('tells its events to whoever changes it, once each', async () => {
    const seen: string[] = []
    const stop = mine.on('state', ({ previous, state }) => seen.push(`${previous} -> ${state}`))
    await mine.snapshot.create('a')
    await mine.pause()
    await mine.resume()
    await mine.snapshot.restore('a', { restart: true })
    await put(mine, 'two')
    await mine.stop()
    stop()
    const stopped = ['running -> stopping', 'stopping -> stopped']
    expect(seen).toEqual(['running -> paused', 'paused -> running', ...stopped, 'stopped -> starting', 'starting -> running', ...stopped])
  })

  it('that one process removes is gone for the others', async () => {
    const theirs = await elsewhere()
    const one = await hanging(mine, 1)
    await expect(theirs.remove()).rejects.toMatchObject({ code: 'invalid_state' })
    await theirs.remove({ force: true })
    expect(await one.end).toBe('io')
    await expect(mine.exec('true')).rejects.toMatchObject({ code: 'not_found' })
  })

  it('that ends by itself is stopped for everybody, and its record says so', async () => {
    const theirs = await elsewhere()
    const told = new Promise((resolve) => mine.on('state', resolve))
    machine().finish('crashed', 'injected')
    expect([await stateOf(theirs), (await theirs.info()).machine]).toEqual(['stopped', null])
    expect(await told).toMatchObject({ state: 'stopped' })
    expect(new TextDecoder().decode(world.memory.records.boxes.get(mine.id))).toContain('"machine":null')
    expect(await textOf(theirs)).toBe('one')
  })

  it('goes on for the others when one of them dies in the middle of a command', async () => {
    const theirs = await elsewhere()
    await hanging(theirs, 2)
    await world.killOne(1)
    expect(machine().sessions).toBe(1)
    const one = await hanging(await elsewhere(), 2)
    expect(await mine.snapshot.create('a')).toMatchObject({ consistency: 'frozen' })
    await one.kill()
  })

  it('goes on for the others when one of them dies in the middle of a snapshot', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const box = await first.create({ name: 'other', image: 'base', detach: true })
    await mine.stop()
    await put(box, 'one')
    for (const [index, call] of (['drain', 'switchTo'] as const).entries()) {
      const theirs = (await (await world.open()).get('other'))!
      world.machines.hang(call)
      const dead = new Promise<void>((resolve) => world.machines.on(call, () => void world.killOne(1 + index).then(resolve)))
      theirs.snapshot.create(call).catch(() => undefined)
      await dead
      expect(machine().state).toBe('paused')
      const text = textOf(box)
      await vi.advanceTimersByTimeAsync(15_000)
      expect([machine().state, await text]).toEqual(['running', 'one'])
      expect((await box.snapshot.create(`after ${call}`)).consistency).toBe('frozen')
    }
    expect((await box.snapshot.list()).map(({ name }) => name)).toEqual(['after switchTo', 'switchTo', 'after drain'])
  })

  it('has room for so many, who get in each other\'s way in nothing else, and says when it is full', async () => {
    const others = await Promise.all(Array.from({ length: VISITOR_PORTS - 1 }, elsewhere))
    for (const box of others) expect(await textOf(box)).toBe('one')
    const late = await elsewhere()
    await expect(late.exec('true')).rejects.toMatchObject({ code: 'busy', facts: { limit: VISITOR_PORTS } })
    expect(await late.snapshot.create('a')).toMatchObject({ consistency: 'frozen' })
    await late.start()
    expect((await late.info()).machine).toMatchObject({ detached: true })
    await world.killOne(1)
    expect(await textOf(late)).toBe('one')
  })

  it('gets a port back that nobody used for a while, but none with a command on it', async () => {
    const one = await hanging(mine, 1)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const theirs = await elsewhere()
    expect(await textOf(theirs)).toBe('one')
    expect(machine().sessions).toBe(2)
    await vi.advanceTimersByTimeAsync(15_000)
    expect(machine().sessions).toBe(1)
    vi.useRealTimers()
    expect(await textOf(theirs)).toBe('one')
    await one.kill()
  })

  it('is paused by one process, whose it is until it goes on', async () => {
    const theirs = await elsewhere()
    await mine.pause()
    await expect(mine.exec('true')).rejects.toMatchObject({ code: 'invalid_state' })
    await expect(theirs.snapshot.create('a')).rejects.toMatchObject({ code: 'busy' })
    await expect(theirs.stop()).rejects.toMatchObject({ code: 'busy' })
    expect((await mine.metrics()).guest).toBeNull()
    await mine.resume()
    expect([await textOf(theirs), await textOf(mine)]).toEqual(['one', 'one'])
    await theirs.stop()
  })

  it('is shown by every process: what it is, what its guest says, what its console said', async () => {
    const theirs = await elsewhere()
    expect(await theirs.info()).toMatchObject({ state: 'running', machine: { engine: 'qemu', accelerator: 'tcg', detached: true, pid: 4711 } })
    expect((await theirs.metrics()).guest).toMatchObject({ processCount: 3 })
    const said: string[] = []
    for await (const text of theirs.logs()) said.push(text)
    expect(said.join('')).toBe('model: kept\n')
  })
})

describe('a box whose machine ends with its program', () => {
  it('is shown to others, but used by that program alone, and they are told what to do', async () => {
    const own = await first.create({ name: 'own', image: 'base' })
    await own.start()
    const theirs = (await (await world.open()).get('own'))!
    expect(await theirs.info()).toMatchObject({ state: 'running', machine: { detached: false } })
    for (const call of [theirs.metrics(), theirs.start(), theirs.exec('true'), theirs.stop(), theirs.snapshot.create('a')]) {
      await expect(call).rejects.toMatchObject({ code: 'busy', facts: { pid: 4711 }, remedy: expect.stringContaining('detach: true') })
    }
  })
})

describe('whatever processes do at once', () => {
  it('ends with what it is for or with a defined refusal, and the home is whole', async () => {
    const calls: readonly ((box: Box, step: number) => PromiseLike<unknown>)[] = [
      (box) => box.exec('true').orThrow(),
      (box) => box.exec('get').orThrow(),
      (box, step) => box.snapshot.create(`s${step}`),
      (box) => box.start({ detach: true }),
      (box) => box.stop(),
      (box) => box.metrics(),
      (box) => box.info(),
    ]
    const boxes = [mine, await elsewhere(), await elsewhere()]
    const refusals = new Set<unknown>()
    for (let step = 0; step < 120; step++) {
      // A fixed walk through all pairs of calls and processes.
      const work = boxes.map((box, who) => calls[(step * (who + 1) + Math.floor(step / calls.length)) % calls.length]!(box, step * 3 + who))
      for (const end of await Promise.allSettled(work)) {
        if (end.status === 'rejected') refusals.add(isBoxLiteError(end.reason) ? end.reason.code : end.reason)
      }
    }
    expect([...refusals].filter((code) => code !== 'busy' && code !== 'io' && code !== 'invalid_state')).toEqual([])
    expect(world.machines.alive.size).toBeLessThanOrEqual(1)
    for (const box of boxes) expect(await textOf(box)).toBe('one')
    const { findings } = await first.fsck()
    expect(findings.filter(({ severity }) => severity !== 'note' && severity !== 'leftover')).toEqual([])
  })
})
