// The shortest ways to run something: a command in a box that is gone afterwards, and Python.
import { beforeEach, describe, expect, it } from 'vitest'
import type { BoxLite } from '../../src/boxlite.ts'
import { CodeBox } from '../../src/code-box.ts'
import type { CreateProgress } from '../../src/create-box.ts'
import type { Guest } from '../../src/guest.ts'
import { runOnce, type RunOptions } from '../../src/run.ts'
import { ModelWorld } from './model-host.ts'

let world: ModelWorld
let lite: BoxLite

beforeEach(async () => {
  world = await ModelWorld.create()
  lite = await world.open()
})

/** Runs in a home of its own, which is closed afterwards. */
const runHere = (command: string | readonly string[], options?: RunOptions) => runOnce((opening) => world.open(opening), command, options)

const never = (): Promise<BoxLite> => Promise.reject(new Error('a home is given'))

describe('run', () => {
  it('runs a command in a fresh box and leaves nothing behind', async () => {
    expect(await runHere(['echo', 'hi'])).toMatchObject({ stdout: 'hi\n', exitCode: 0, signal: null, timedOut: false, truncated: false })
    expect([await lite.list(), world.machines.alive.size]).toEqual([[], 0])
  })

  it('gives a line to the shell', async () => {
    expect(await runHere('echo hi')).toMatchObject({ exitCode: 0 })
  })

  it('that fails, or cannot start its command, leaves nothing behind either', async () => {
    expect(await runHere(['false'])).toMatchObject({ exitCode: 1 })
    await expect(runHere(['nothing'])).rejects.toMatchObject({ code: 'not_found' })
    await expect(runHere(['true'], { image: 'nothing' })).rejects.toMatchObject({ code: 'not_found' })
    expect([await lite.list(), world.machines.alive.size]).toEqual([[], 0])
  })

  it('ends a command in time', async () => {
    expect(await runHere(['hang'], { timeoutMs: 20 })).toMatchObject({ exitCode: null, timedOut: true })
    expect(await lite.list()).toEqual([])
  })
})

describe('a CodeBox', () => {
  it('runs each piece of code in a process of its own, in one box that goes when it stops', async () => {
    const code = new CodeBox(never, { lite, image: 'base' })
    expect(await code.run('print(1)')).toMatchObject({ stdout: '-c print(1)', exitCode: 0 })
    expect(await code.run('print(2)')).toMatchObject({ stdout: '-c print(2)' })
    expect((await lite.list()).map(({ state }) => state)).toEqual(['running'])
    await code.stop()
    expect([await lite.list(), world.machines.alive.size]).toEqual([[], 0])
    await expect(code.run('print(3)')).rejects.toMatchObject({ code: 'invalid_state' })
  })

  it('takes the image python where nobody says which, and closes the home that was opened for it', async () => {
    let closed = false
    const open = async (): Promise<BoxLite> => {
      const opened = await world.open()
      const close = opened.close.bind(opened)
      opened.close = () => {
        closed = true
        return close()
      }
      return opened
    }
    await expect(new CodeBox(open).run('1')).rejects.toMatchObject({ code: 'not_found', message: expect.stringContaining("'python'") })
    expect(closed).toBe(true)
    closed = false
    const code = new CodeBox(open, { image: 'base' })
    await code.run('1')
    await code.stop()
    expect(closed).toBe(true)
  })

  it('that was never used makes nothing', async () => {
    await new CodeBox(never).stop()
  })
})

describe('images', () => {
  it('come into the home when they are first used, once, and stay when their record goes', async () => {
    expect(await lite.images.list()).toMatchObject([{ reference: 'base', createdAt: null }])
    const [one, two] = await Promise.all([lite.create({ image: 'base' }), lite.create({ image: 'base' })])
    const [image] = await lite.images.list()
    expect(image).toMatchObject({ reference: 'base', virtualSizeBytes: 4 * 1024 * 1024 })
    expect(image!.createdAt).toBeInstanceOf(Date)
    expect(world.memory.records.images.size).toBe(1)
    await lite.images.remove('base')
    await lite.prune()
    expect(await lite.images.get('base')).toBeNull()
    for (const box of [one, two]) expect((await box.exec('echo', ['there'])).stdout).toBe('there\n')
  })

  it('are used from the home where there is no guest to bring them from', async () => {
    const { digest } = await lite.images.add('base')
    const guest = world.guest
    world.guest = null
    lite = await world.open()
    const box = await lite.create({ image: 'base' })
    expect((await lite.create({ image: digest })).id).not.toBe(box.id)
    await expect(box.start()).rejects.toMatchObject({ code: 'engine_unavailable' })
    world.guest = guest
    await box.start()
  })

  it('of a recipe are built when the first box of them is made, once, with the steps told', async () => {
    const model = await world.guest!()
    let builds = 0
    const build: Guest['build'] = async (reference, { onProgress }) => {
      builds++
      onProgress?.({ stage: 'build', step: 'making the image', doneSteps: 0, totalSteps: null })
      return { ...model.image('base')!, reference }
    }
    world.guest = async () => ({ ...model, references: ['base', 'python'], build })
    const code = new CodeBox(never, { lite })
    await code.run('1')
    const told: CreateProgress[] = []
    const box = await lite.create({ image: 'python', onProgress: (progress) => told.push(progress) })
    expect([builds, (await box.info()).image, told]).toEqual([1, 'python', []])
    await lite.images.remove('python')
    await lite.create({ image: 'python', onProgress: (progress) => told.push(progress) })
    expect(told[0]).toEqual({ stage: 'build', step: 'making the image', doneSteps: 0, totalSteps: null })
    await expect(lite.create({ image: 'ruby' })).rejects.toMatchObject({ code: 'not_found' })
  })

  it('whose bytes are not what their checksum says do not come in', async () => {
    const good = await world.guest!()
    world.guest = async () => ({ ...good, image: (reference) => ({ ...good.image(reference)!, sha256: '0'.repeat(64) }) })
    await expect(lite.create({ image: 'base' })).rejects.toMatchObject({ code: 'corrupt' })
    expect([world.memory.layers.size, world.memory.records.images.size]).toEqual([0, 0])
  })

  it('that nobody can build here are refused with what to do', async () => {
    await expect(lite.images.build('python')).rejects.toMatchObject({ code: 'unsupported' })
    await expect(lite.images.import('base', { path: 'x.tar' })).rejects.toMatchObject({ code: 'already_exists' })
    await expect(lite.images.remove('nothing')).rejects.toMatchObject({ code: 'not_found' })
  })
})
