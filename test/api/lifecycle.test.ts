// The life of a box, on machines of a model: every state, every end, every owner.
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { BoxLite } from '../../src/boxlite.ts'
import type { Box } from '../../src/box.ts'
import type { BoxEvent } from '../../src/box-events.ts'
import { BoxLiteError } from '../../src/error.ts'
import type { ModelMachine } from './model-engine.ts'
import { ModelWorld } from './model-host.ts'

let world: ModelWorld
let lite: BoxLite

beforeEach(async () => {
  world = await ModelWorld.create()
  lite = await world.open()
})

const stateOf = async (box: Box): Promise<string | null> => (await box.info()).state
const textOf = async (box: Box): Promise<string> => (await box.exec('get').orThrow()).stdout
const put = async (box: Box, text: string): Promise<void> => void (await box.exec('put', [text]).orThrow())
const onlyMachine = (): ModelMachine => {
  expect(world.machines.alive.size).toBe(1)
  return [...world.machines.alive.values()][0]!
}

describe('a box', () => {
  it('is created, runs, stops, and runs again with the disk that it had', async () => {
    const box = await lite.create({ name: 'web', image: 'base' })
    expect(await stateOf(box)).toBe('created')
    await box.start()
    expect(await stateOf(box)).toBe('running')
    await put(box, 'kept')
    await box.stop()
    expect([await stateOf(box), world.machines.alive.size]).toEqual(['stopped', 0])
    await box.start()
    expect(await textOf(box)).toBe('kept')
  })

  it('is started by the first exec, and starting a running one does nothing', async () => {
    const box = await lite.create({ image: 'base' })
    expect((await box.exec('echo', ['hello'])).stdout).toBe('hello\n')
    await box.start()
    expect(world.machines.calls.filter((call) => call === 'launch')).toHaveLength(1)
  })

  it('starts once, however many ask for it at the same time', async () => {
    const box = await lite.create({ image: 'base' })
    await Promise.all([box.exec('true'), box.exec('true'), box.start(), (await lite.get(box.id))!.exec('true')])
    expect(world.machines.calls.filter((call) => call === 'launch')).toHaveLength(1)
  })

  it('is followed until its caller has enough of it', async () => {
    const box = await lite.create({ image: 'base' })
    await box.start()
    onlyMachine().console = async function* () {
      yield new TextEncoder().encode('hello')
      await new Promise(() => undefined)
    }
    const controller = new AbortController()
    const logs = box.logs({ follow: true, signal: controller.signal })
    expect(await logs.next()).toEqual({ done: false, value: 'hello' })
    const more = logs.next()
    controller.abort()
    await expect(more).rejects.toMatchObject({ code: 'aborted' })
  })

  it('tells nothing of its guest through a home that is closed', async () => {
    const box = await lite.create({ image: 'base' })
    await box.start()
    const asked = box.metrics()
    await lite.close()
    expect((await asked).guest).not.toBeNull()
    await expect(box.metrics()).rejects.toMatchObject({ code: 'invalid_state' })
  })

  it('gives its guest a clock, random bytes and a name before anything runs in it', async () => {
    const box = await lite.create({ name: 'web', image: 'base' })
    await box.start()
    const { guest } = onlyMachine()
    expect(guest.hostname).toBe('web')
    expect(guest.entropyBytes).toBe(64)
    expect(Number(guest.clockNs / 1_000_000n)).toBeGreaterThan(Date.UTC(2026, 10, 22))
  })

  it('records its machine before it is launched, and forgets it when it ended', async () => {
    const box = await lite.create({ image: 'base' })
    let recorded = false
    const launch = world.machines.call.bind(world.machines)
    world.machines.call = (name) => {
      if (name === 'launch') recorded = new TextDecoder().decode(world.memory.records.boxes.get(box.id)).includes('"machine":{')
      launch(name)
    }
    await box.start()
    expect(recorded).toBe(true)
    await box.stop()
    expect(new TextDecoder().decode(world.memory.records.boxes.get(box.id))).toContain('"machine":null')
  })

  it('runs with what it was made with', async () => {
    const box = await lite.create({ image: 'base', cpus: 2, memoryMib: 128, env: { A: 'one', B: 'two' }, hostname: 'other' })
    expect((await box.exec('env', [], { env: { B: 'three' } })).stdout.split('\n').sort()).toEqual(['A=one', 'B=three'])
    expect(onlyMachine().spec).toMatchObject({ cpus: 2, memoryMib: 128, detach: false })
    expect(onlyMachine().guest.hostname).toBe('other')
    expect((await box.info()).settings).toMatchObject({ image: 'base', cpus: 2, memoryMib: 128, hostname: 'other' })
  })

  it('is told the time when it goes on after a pause, and when its program slept', async () => {
    const clockOf = (): number => Number(onlyMachine().guest.clockNs / 1_000_000n)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const box = await lite.create({ image: 'base' })
      await box.start()
      // A timer that rings when it should says nothing; one that rings an hour late does.
      const toldMs = clockOf()
      world.nowMs += 5_000
      await vi.advanceTimersByTimeAsync(5_000)
      expect(clockOf()).toBe(toldMs)
      const thawedMs = (world.nowMs += 3_600_000)
      await vi.advanceTimersByTimeAsync(5_000)
      expect(clockOf()).toBeGreaterThanOrEqual(thawedMs)
      await box.pause()
      const wokenMs = (world.nowMs += 3_600_000)
      await box.resume()
      expect(clockOf()).toBeGreaterThanOrEqual(wokenMs)
      await lite.close()
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  it('tells its events in their order', async () => {
    const box = await lite.create({ image: 'base' })
    const seen: string[] = []
    const stop = box.on('state', ({ state }) => seen.push(state))
    const events: BoxEvent[] = []
    const reading = (async () => {
      for await (const event of box.events()) events.push(event)
    })()
    await box.start()
    await box.pause()
    await box.resume()
    await box.stop()
    stop()
    await box.start()
    expect(seen).toEqual(['starting', 'running', 'paused', 'running', 'stopping', 'stopped'])
    await box.remove({ force: true })
    await reading
    expect(events.map(({ kind }) => kind).slice(0, 2)).toEqual(['state', 'state'])
    expect(events.filter(({ kind }) => kind === 'ended')).toMatchObject([{ exit: { reason: 'shutdown' } }, { exit: { reason: 'killed' } }])
    expect(events.at(-1)).toMatchObject({ kind: 'removed', boxId: box.id })
  })

  it('refuses a limit of time that no timer can keep, and goes on as it was', async () => {
    const box = await lite.create({ image: 'base' })
    for (const startTimeoutMs of [0, -1, 0.5, NaN, Infinity]) {
      await expect(box.start({ startTimeoutMs })).rejects.toMatchObject({ code: 'invalid_argument', facts: { startTimeoutMs } })
    }
    expect([await stateOf(box), world.machines.alive.size]).toEqual(['created', 0])
    await box.start()
    await expect(box.stop({ stopTimeoutMs: 2 ** 31 })).rejects.toMatchObject({ code: 'invalid_argument' })
    expect(await stateOf(box)).toBe('running')
  })

  it('refuses what its state does not allow', async () => {
    const box = await lite.create({ image: 'base' })
    await expect(box.pause()).rejects.toMatchObject({ code: 'invalid_state' })
    await box.start()
    await box.snapshot.create('a')
    await expect(box.snapshot.restore('a')).rejects.toMatchObject({ code: 'invalid_state' })
    await expect(box.disk()).rejects.toMatchObject({ code: 'invalid_state' })
    await expect(box.remove()).rejects.toMatchObject({ code: 'invalid_state' })
    await box.pause()
    await expect(box.exec('true')).rejects.toMatchObject({ code: 'invalid_state', message: expect.stringContaining('paused') })
    await expect(box.start()).rejects.toMatchObject({ code: 'invalid_state' })
    await box.stop()
    await box.remove()
    await expect(box.info()).rejects.toMatchObject({ code: 'not_found' })
  })

  it('that goes out of scope stops, and is removed only where it was made so', async () => {
    const ids: string[] = []
    for (const autoRemove of [false, true]) {
      await using box = await lite.create({ image: 'base', autoRemove })
      await box.start()
      ids.push(box.id)
    }
    expect(world.machines.alive.size).toBe(0)
    expect((await lite.list()).map(({ id }) => id)).toEqual([ids[0]])
  })

  it('is refused with a sentence where it would need a network', async () => {
    for (const option of ['ports', 'network', 'volumes']) {
      const refusal = { code: 'unsupported', remedy: `Leave '${option}' out.` }
      await expect(lite.create({ image: 'base', [option]: [] } as object)).rejects.toMatchObject(refusal)
    }
    await expect(lite.create({ imgae: 'base' } as object)).rejects.toMatchObject({ code: 'invalid_argument' })
    await expect(lite.create({ image: 'nothing' })).rejects.toMatchObject({ code: 'not_found' })
    expect(await lite.list()).toEqual([])
  })

  it('is refused what the engine cannot give, and nothing is clamped', async () => {
    for (const wanted of [{ cpus: 5 }, { memoryMib: 8 }, { memoryMib: 8192 }]) {
      await expect(lite.create({ image: 'base', ...wanted })).rejects.toMatchObject({ code: 'unsupported' })
    }
  })

  it('without anything to start from says so before a machine is made', async () => {
    const box = await lite.create({ diskSizeGb: 0.001953125 })
    await expect(box.start()).rejects.toMatchObject({ code: 'invalid_state', message: expect.stringContaining('ext4') })
    expect([await stateOf(box), world.machines.calls.includes('prepare')]).toEqual(['failed', false])
    expect((await box.info()).attention).toContain('ext4')
  })
})

describe('a machine that ends by itself', () => {
  it('leaves a stopped box where the guest powered off, a failed one where it crashed; either starts again', async () => {
    for (const [command, state] of [['crash', 'failed'], ['poweroff', 'stopped']] as const) {
      const box = await lite.create({ image: 'base' })
      await box.start()
      const ended = new Promise((resolve) => box.on('ended', resolve))
      if (command === 'crash') await expect(box.exec('crash')).rejects.toMatchObject({ code: 'io' })
      else onlyMachine().finish('shutdown', 'the guest powered off')
      await ended
      expect(await stateOf(box)).toBe(state)
      expect((await box.exec('echo', ['again'])).stdout).toBe('again\n')
      await box.remove({ force: true })
    }
  })

  it('before its guest answered fails the start with the last lines of its console', async () => {
    world.machines.agent = { deaf: ['hello'] }
    const box = await lite.create({ image: 'base' })
    const failure = box.start().catch((error: unknown) => error)
    while (world.machines.alive.size === 0) await new Promise((resolve) => setImmediate(resolve))
    onlyMachine().finish('crashed', 'no root')
    expect(await failure).toMatchObject({ code: 'io', facts: { console: 'model: the last line\n' } })
    expect(await stateOf(box)).toBe('failed')
  })

  it('takes a box that removes itself with it', async () => {
    const box = await lite.create({ image: 'base', autoRemove: true })
    await box.start()
    const removed = new Promise((resolve) => box.on('removed', resolve))
    onlyMachine().finish('shutdown', 'the guest powered off')
    await removed
    expect(await lite.list()).toEqual([])
  })
})

describe('a stop that fails', () => {
  it('is tried again by the next', async () => {
    const box = await lite.create({ image: 'base' })
    await box.start()
    world.machines.failing.set('kill', new BoxLiteError('timeout', 'injected: kill'))
    await expect(box.stop({ force: true })).rejects.toMatchObject({ code: 'timeout' })
    expect([await stateOf(box), world.machines.alive.size]).toEqual(['stopping', 1])
    world.machines.failing.clear()
    await box.stop({ force: true })
    expect([await stateOf(box), world.machines.alive.size]).toEqual(['stopped', 0])
  })
})

describe('a start that fails', () => {
  it('at any call leaves a box that starts the next time, and no machine', async () => {
    for (const call of ['prepare', 'launch', 'openAgent'] as const) {
      const box = await lite.create({ image: 'base' })
      world.machines.failing.set(call, new BoxLiteError('io', `injected: ${call}`))
      await expect(box.start()).rejects.toMatchObject({ code: 'io', message: expect.stringContaining(`injected: ${call}`) })
      expect([await stateOf(box), world.machines.alive.size]).toEqual(['failed', 0])
      world.machines.failing.clear()
      expect((await box.exec('true')).exitCode).toBe(0)
      await box.remove({ force: true })
    }
  })

  it('because the guest does not answer is told in time', async () => {
    world.machines.agent = { deaf: ['hello'] }
    const box = await lite.create({ image: 'base' })
    await expect(box.start({ startTimeoutMs: 20 })).rejects.toMatchObject({ code: 'timeout', facts: { console: 'model: the last line\n' } })
    expect(world.machines.alive.size).toBe(0)
  })

  it("because the box's own program does not begin is told in time", async () => {
    world.machines.agent = { deaf: ['exit'] }
    const box = await lite.create({ image: 'base', cmd: ['serve'] })
    await expect(box.start({ startTimeoutMs: 50 })).rejects.toMatchObject({ code: 'timeout' })
    expect([await stateOf(box), world.machines.alive.size]).toEqual(['failed', 0])
  })

  it('because its caller failed ends the machine by the means of who has it, before others are tried', async () => {
    const box = await lite.create({ image: 'base' })
    const defect = new Error("the caller's own")
    const onProgress = ({ stage }: { readonly stage: string }): void => {
      if (stage === 'guest') throw defect
    }
    await expect(box.start({ onProgress })).rejects.toBe(defect)
    const { calls, alive } = world.machines
    expect([calls.filter((call) => call === 'kill' || call === 'find')[0], alive.size]).toEqual(['kill', 0])
  })

  it('because it was aborted leaves nothing running', async () => {
    world.machines.agent = { deaf: ['hello'] }
    const box = await lite.create({ image: 'base' })
    const abort = new AbortController()
    const failure = box.start({ signal: abort.signal }).catch((error: unknown) => error)
    while (world.machines.alive.size === 0) await new Promise((resolve) => setImmediate(resolve))
    abort.abort()
    expect(await failure).toMatchObject({ code: 'aborted' })
    expect([await stateOf(box), world.machines.alive.size]).toEqual(['failed', 0])
  })

  it('because no engine works here says of each why', async () => {
    const refused = [{ engine: 'qemu', accelerator: null, reason: 'It is not installed.', remedy: 'Install it.' }] as const
    world.engines[0]!.status = { ...world.engines[0]!.status, accelerator: null, refused }
    const box = await lite.create({ image: 'base' })
    await expect(box.start()).rejects.toMatchObject({ code: 'engine_unavailable', remedy: 'Install it.', facts: { refused } })
    expect((await world.open()).engine).toMatchObject({ name: null, accelerator: null, refused })
  })
})

describe('a stop', () => {
  it('ends the machine of a guest that does not shut down', async () => {
    world.machines.agent = { deaf: ['SHUT_DOWN'] }
    const box = await lite.create({ image: 'base' })
    await box.start()
    await box.stop({ stopTimeoutMs: 20 })
    expect([await stateOf(box), world.machines.alive.size]).toEqual(['stopped', 0])
    expect(world.machines.calls).toContain('kill')
  })

  it('by force asks no guest', async () => {
    const box = await lite.create({ image: 'base' })
    await box.start()
    const ended = new Promise((resolve) => box.on('ended', resolve))
    await box.stop({ force: true })
    expect(await ended).toMatchObject({ exit: { reason: 'killed' } })
    expect(await stateOf(box)).toBe('stopped')
  })

  it('of a paused box wakes it, so that it can shut down', async () => {
    const box = await lite.create({ image: 'base' })
    await box.start()
    await box.pause()
    const ended = new Promise((resolve) => box.on('ended', resolve))
    await box.stop()
    expect(await ended).toMatchObject({ exit: { reason: 'shutdown' } })
  })
})
