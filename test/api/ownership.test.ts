// Who runs a box: one process at a time, from the machine's launch to its end, whatever becomes of the process.
import { beforeEach, describe, expect, it } from 'vitest'
import type { BoxLite } from '../../src/boxlite.ts'
import type { Box } from '../../src/box.ts'
import { BoxLiteError } from '../../src/error.ts'
import { ModelEngine } from './model-engine.ts'
import { ModelWorld } from './model-host.ts'

let world: ModelWorld
let lite: BoxLite

beforeEach(async () => {
  world = await ModelWorld.create()
  lite = await world.open()
})

/** What fsck finds but space to be had and boxes that run. */
const damage = async () => (await lite.fsck()).findings.filter(({ severity }) => severity !== 'note' && severity !== 'leftover')
const textOf = async (box: Box): Promise<string> => (await box.exec('get').orThrow()).stdout
const put = async (box: Box, text: string): Promise<void> => void (await box.exec('put', [text]).orThrow())
const stateOf = async (box: Box): Promise<string | null> => (await box.info()).state

async function running(options: { detach?: boolean; autoRemove?: boolean } = {}): Promise<Box> {
  const box = await lite.create({ name: 'web', image: 'base', ...options })
  await put(box, 'one')
  return box
}

describe('a box that runs', () => {
  it('is its owner\'s alone', async () => {
    const box = await running()
    const other = await world.open()
    expect(other.recovered).toEqual([])
    const same = (await other.get('web'))!
    expect(await stateOf(same)).toBe('running')
    const calls = [same.start(), same.stop(), same.exec('true'), same.snapshot.create('a'), same.remove({ force: true })]
    for (const call of await Promise.allSettled(calls)) expect(call).toMatchObject({ status: 'rejected', reason: { code: 'busy' } })
    expect(await textOf(box)).toBe('one')
    await box.stop()
    expect(await textOf(same)).toBe('one')
  })

  it('stops when its home is closed, and was told to shut down', async () => {
    const box = await running()
    const ended = new Promise((resolve) => box.on('ended', resolve))
    await lite.close()
    expect(await ended).toMatchObject({ exit: { reason: 'shutdown' } })
    expect(world.machines.alive.size).toBe(0)
    expect((await (await world.open()).list())[0]).toMatchObject({ name: 'web', state: 'stopped' })
  })

  it('whose owner died is stopped, and has what it flushed', async () => {
    await running()
    await world.kill()
    const next = await world.open()
    expect(next.recovered).toMatchObject([{ name: 'web', recovery: 'cleared', error: null }])
    const box = (await next.get('web'))!
    expect(await stateOf(box)).toBe('stopped')
    expect(await textOf(box)).toBe('one')
  })

  it('and that outlived its owner against its will is ended by whoever comes next', async () => {
    await running()
    await world.killOne(0)
    expect(world.machines.alive.size).toBe(1)
    const next = await world.open()
    expect(next.recovered).toMatchObject([{ name: 'web', recovery: 'killed', error: null }])
    expect(world.machines.alive.size).toBe(0)
    const box = (await next.get('web'))!
    expect(await stateOf(box)).toBe('stopped')
    expect(await textOf(box)).toBe('one')
  })

  it('and removes itself is removed by whoever comes after its owner died', async () => {
    await running({ autoRemove: true })
    await world.kill()
    expect(await (await world.open()).list()).toEqual([])
  })
})

describe('a detached machine', () => {
  it('goes on when its home is closed, and is found again', async () => {
    await running({ detach: true })
    await lite.close()
    expect(world.machines.alive.size).toBe(1)
    const next = await world.open()
    const box = (await next.get('web'))!
    expect(await stateOf(box)).toBe('running')
    expect(await textOf(box)).toBe('one')
    expect(world.machines.calls.filter((call) => call === 'launch')).toHaveLength(1)
    await box.stop()
    expect([world.machines.alive.size, await stateOf(box)]).toEqual([0, 'stopped'])
  })

  it('goes on when its owner died, paused or not, and its snapshots are whole', async () => {
    const box = await running({ detach: true })
    await box.snapshot.create('a')
    await box.pause()
    await world.kill()
    const next = await world.open()
    // It stands still until somebody needs it.
    expect(next.recovered).toEqual([])
    const same = (await next.get('web'))!
    await put(same, 'two')
    expect(await same.snapshot.create('b')).toMatchObject({ consistency: 'frozen' })
    await same.snapshot.restore('a', { restart: true })
    expect(await textOf(same)).toBe('one')
    expect((await same.info()).machine).toMatchObject({ detached: true })
  })

  it('is snapshotted, cloned and removed by a process that does not own it, which lets go of it after', async () => {
    await running({ detach: true })
    await lite.close()
    const next = await world.open()
    const box = (await next.get('web'))!
    expect(await box.snapshot.create('a')).toMatchObject({ consistency: 'frozen' })
    expect(next.metrics().numRunningBoxes).toBe(0)
    expect(await textOf(await box.clone())).toBe('one')
    const third = await world.open()
    expect(await stateOf((await third.get('web'))!)).toBe('running')
    await expect(box.remove()).rejects.toMatchObject({ code: 'invalid_state' })
    await box.remove({ force: true })
    expect([...world.machines.alive.values()].map(({ spec }) => spec.boxId)).not.toContain(box.id)
  })

  it('whose agent misses the first greeting of a new owner is greeted again', async () => {
    await running({ detach: true })
    await lite.close()
    world.machines.agent = { missedHellos: 1 }
    const next = await world.open()
    expect(await textOf((await next.get('web'))!)).toBe('one')
  })

  it('that was interrupted in the middle of a snapshot is brought to its end by the next owner', async () => {
    for (const failing of [['switchTo', 'status', 'kill', 'end'], ['resume', 'kill', 'end']] as const) {
      const one = await lite.create({ image: 'base', detach: true })
      await put(one, 'safe')
      // Its owner loses its machine in the middle, and dies.
      world.machines.on('switchTo', () => {
        for (const call of failing) world.machines.failing.set(call, new BoxLiteError('timeout', `injected: ${call}`))
      })
      await expect(one.snapshot.create('a')).rejects.toMatchObject({ code: 'timeout' })
      await world.kill()
      world.machines.failing.clear()
      lite = await world.open()
      expect(lite.recovered).toHaveLength(1)
      const same = (await lite.get(one.id))!
      expect(await textOf(same)).toBe('safe')
      expect(await damage()).toEqual([])
      await same.remove({ force: true })
    }
  })

  it('is refused by an engine that cannot, before anything is made', async () => {
    world.engines.splice(0, 1, new ModelEngine(world.machines, 'v86', false))
    lite = await world.open()
    await expect(lite.create({ image: 'base', detach: true })).rejects.toMatchObject({ code: 'unsupported' })
    const box = await lite.create({ image: 'base' })
    await expect(box.start({ detach: true })).rejects.toMatchObject({ code: 'unsupported' })
    await box.start()
    expect((await box.info()).machine).toMatchObject({ engine: 'v86', detached: false })
  })

  it('cannot be one that removes itself', async () => {
    await expect(lite.create({ image: 'base', detach: true, autoRemove: true })).rejects.toMatchObject({ code: 'invalid_argument' })
  })

  it('of an engine that this program does not have is left alone', async () => {
    await running({ detach: true })
    await lite.close()
    world.engines.splice(0, 1, new ModelEngine(world.machines, 'v86', false))
    const next = await world.open()
    expect(next.recovered).toEqual([])
    await expect((await next.get('web'))!.start()).rejects.toMatchObject({ code: 'unsupported' })
    expect(world.machines.alive.size).toBe(1)
  })
})

describe('the engine', () => {
  it('is the best that works, and says why not a better one', async () => {
    const reason = { engine: 'qemu', accelerator: null, reason: 'It is not installed.', remedy: null } as const
    world.engines[0]!.status = { ...world.engines[0]!.status, accelerator: null, refused: [reason] }
    world.engines.push(new ModelEngine(world.machines, 'v86', false))
    lite = await world.open()
    expect(lite.engine).toMatchObject({ name: 'v86', accelerator: 'jit', refused: [reason], capabilities: { detach: false } })
  })

  it('is the one that was asked for', async () => {
    world.engines.push(new ModelEngine(world.machines, 'v86', false))
    expect((await world.open({ engine: 'v86' })).engine).toMatchObject({ name: 'v86' })
    expect((await world.open({ engine: world.engines[1]! })).engine).toMatchObject({ name: 'v86' })
    await expect(world.open({ engine: 'xen' as 'qemu' })).rejects.toMatchObject({ code: 'invalid_argument' })
  })

  it('is not asked by whoever only works with disks, and cannot start a box then', async () => {
    world.machines.calls = []
    lite = await world.open({ engine: 'none' })
    const box = await lite.create({ image: 'base' })
    await box.snapshot.create('a')
    expect(lite.engine).toMatchObject({ name: null, refused: [] })
    await expect(box.start()).rejects.toMatchObject({ code: 'engine_unavailable' })
    expect(world.machines.calls).toEqual([])
  })
})

describe('a box made under one engine', () => {
  it('runs under another, disk and snapshots included', async () => {
    const box = await running()
    await box.snapshot.create('a')
    await put(box, 'two')
    await box.stop()
    world.engines.push(new ModelEngine(world.machines, 'v86', false))
    await lite.close()
    const next = await world.open({ engine: 'v86' })
    const same = (await next.get('web'))!
    expect(await textOf(same)).toBe('two')
    await same.snapshot.restore('a', { restart: true })
    expect(await textOf(same)).toBe('one')
    expect((await same.info()).machine).toMatchObject({ engine: 'v86' })
  })
})
