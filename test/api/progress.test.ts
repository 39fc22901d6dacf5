// How far a slow call is, and what is left of one that its caller ended.
import { beforeEach, describe, expect, it } from 'vitest'
import type { BoxLite } from '../../src/boxlite.ts'
import type { Box } from '../../src/box.ts'
import { CodeBox } from '../../src/code-box.ts'
import type { CallOptions, Progress } from '../../src/progress.ts'
import { runOnce, type RunOptions } from '../../src/run.ts'
import { errorCode } from '../error-code.ts'
import { ModelWorld } from './model-host.ts'

let world: ModelWorld
let lite: BoxLite
let told: Progress[]
/** Called after each commit. */
let atCommit: () => void
const commits = ['COMMIT_RECORD', 'REMOVE_RECORD']
const onProgress = (progress: Progress): void => void told.push(progress)

beforeEach(async () => {
  world = await ModelWorld.create()
  atCommit = () => undefined
  lite = await world.open({ logger: ({ effect }) => commits.includes(effect) && atCommit() })
  told = []
})

/** A signal that is aborted when `stage` is told of for the `times`th time. */
function abortAt(stage: Progress['stage'], times = 1): { signal: AbortSignal; onProgress: (progress: Progress) => void } {
  const controller = new AbortController()
  let left = times
  return {
    signal: controller.signal,
    onProgress: (progress) => {
      told.push(progress)
      if (progress.stage === stage && --left === 0) controller.abort()
    },
  }
}

describe('opening', () => {
  async function leaveTwoBoxes(): Promise<void> {
    for (const name of ['a', 'b']) await (await lite.create({ name, image: 'base' })).start()
    await world.kill()
  }

  it('tells of the engine, and of each box that has to be recovered', async () => {
    await leaveTwoBoxes()
    await world.open({ onProgress })
    expect(told).toEqual([
      { stage: 'engine' },
      { stage: 'recover', doneBoxes: 0, totalBoxes: 2 },
      { stage: 'recover', doneBoxes: 1, totalBoxes: 2 },
    ])
  })

  it('that is aborted lets go of the home; what was recovered stays so', async () => {
    await leaveTwoBoxes()
    expect(await errorCode(world.open(abortAt('recover')))).toBe('aborted')
    const next = await world.open({ onProgress })
    expect(told.filter(({ stage }) => stage === 'recover').at(-1)).toEqual({ stage: 'recover', doneBoxes: 0, totalBoxes: 1 })
    expect(next.recovered).toHaveLength(1)
    await expect(next.prune()).resolves.toMatchObject({ complete: true })
  })

  it('is refused by a signal that is aborted already', async () => {
    expect(await errorCode(world.open({ signal: AbortSignal.abort() }))).toBe('aborted')
  })
})

const start = (box: Box, watched: CallOptions<Progress>): Promise<unknown> => box.start(watched)
const stop = (box: Box, watched: CallOptions<Progress>): Promise<unknown> => box.stop(watched)
const run = (command: string, options: RunOptions) => runOnce((opening) => world.open(opening), command, options)

/** Everything that is in the home, in bytes, and every machine. */
function everything(): string {
  const { records, layers } = world.memory
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
  const box = [...records.boxes].map(([id, bytes]) => `${id} ${text(bytes)}`)
  return JSON.stringify([box.sort(), [...records.images.keys()].sort(), [...layers.keys()].sort(), world.machines.alive.size])
}

const stages = (): string[] => told.map(({ stage }) => stage).filter((stage, at, all) => stage !== all[at - 1])

/** Everything that changes a box, with the stages that it tells of. */
const changes: readonly {
  readonly name: string
  readonly running?: boolean
  readonly told: readonly string[]
  readonly call: (box: Box, watched: CallOptions<Progress>) => Promise<unknown>
}[] = [
  { name: 'snapshot.create', told: ['commit'], call: (box, watched) => box.snapshot.create('new', watched) },
  {
    name: 'snapshot.create of a running box',
    running: true,
    told: ['freeze', 'flush', 'commit', 'switch', 'commit'],
    call: (box, watched) => box.snapshot.create('new', watched),
  },
  { name: 'snapshot.remove', told: ['commit'], call: (box, watched) => box.snapshot.remove('old', watched) },
  { name: 'snapshot.restore', told: ['commit'], call: (box, watched) => box.snapshot.restore('old', { keepCurrent: 'kept', ...watched }) },
  { name: 'clone', told: ['commit'], call: (box, watched) => box.clone(watched) },
  {
    name: 'clone of a running box',
    running: true,
    told: ['freeze', 'flush', 'commit', 'switch', 'commit'],
    call: (box, watched) => box.clone(watched),
  },
  { name: 'remove', told: ['commit'], call: (box, watched) => box.remove(watched) },
  { name: 'remove by force', running: true, told: ['kill', 'commit'], call: (box, watched) => box.remove({ force: true, ...watched }) },
  { name: 'images.remove', told: ['commit'], call: (_box, watched) => lite.images.remove('base', watched) },
]

describe.each(changes)('$name', ({ running = false, told: wanted, call }) => {
  let box: Box
  beforeEach(async () => {
    box = await lite.create({ name: 'web', image: 'base' })
    await box.snapshot.create('old')
    if (running) await box.start()
  })

  it('tells its stages', async () => {
    await call(box, { onProgress })
    expect(stages()).toEqual(wanted)
  })

  it('that is ended by its caller before its first stage is over changes nothing, and is made by the next call', async () => {
    const before = everything()
    const clean = (text: string): string => text.replace(/"generation":\d+/g, '')
    for (const watched of [{ signal: AbortSignal.abort() }, abortAt(wanted[0] as Progress['stage'])]) {
      expect(await errorCode(call(box, watched))).toBe('aborted')
      expect(clean(everything())).toBe(clean(before))
    }
    if (running) expect((await box.exec('echo', ['on'])).stdout).toBe('on\n')
    await call(box, {})
    await expect(lite.fsck()).resolves.toMatchObject({ clean: true })
  })

  it('goes to its end once it is made, whatever its caller says', async () => {
    const controller = new AbortController()
    atCommit = () => controller.abort()
    await call(box, { signal: controller.signal })
    expect(controller.signal.aborted).toBe(true)
  })
})

describe('a call', () => {
  it('does not wait for its turn after its caller has ended it, and whoever comes next still does', async () => {
    const box = await lite.create({ name: 'web', image: 'base' })
    await box.snapshot.create('old')
    // Holds the box until it is read to its end or left.
    const archive = box.export()
    await archive.next()
    const turns = [...changes.slice(0, -1), { call: start }, { call: stop }].filter((change) => !('running' in change))
    for (const { call } of turns) {
      const controller = new AbortController()
      const waiting = call(box, { signal: controller.signal })
      controller.abort()
      expect(await errorCode(waiting)).toBe('aborted')
    }
    let done = false
    const next = box.snapshot.create('next').then(() => (done = true))
    await archive.next()
    expect(done).toBe(false)
    await archive.return()
    await next
    expect((await box.snapshot.list()).map(({ name }) => name)).toEqual(['next', 'old'])
  })
})

describe('a start', () => {
  it('that is ended at any stage leaves a stopped box and no machine', async () => {
    const box = await lite.create({ image: 'base' })
    for (const stage of ['engine', 'machine', 'guest'] as const) {
      expect(await errorCode(box.start(abortAt(stage)))).toBe('aborted')
      expect(world.machines.alive.size).toBe(0)
    }
    await box.start()
  })
})

describe('a call that needs a box which does not run', () => {
  const calls: [string, (box: Box, options: CallOptions<Progress>) => PromiseLike<unknown>][] = [
    ['exec', (box, options) => box.exec('true', [], options)],
    ['shell', (box, options) => box.shell(options)],
    ['copyIn', (box, options) => box.files.copyIn(new Blob(['x']), '/file', options)],
    ['read', (box, options) => box.files.read('/file', options)],
    ['write', (box, options) => box.files.write('/file', 'text', options)],
    ['list', (box, options) => box.files.list('/', options)],
    ['stat', (box, options) => box.files.stat('/', options)],
    ['mkdir', (box, options) => box.files.mkdir('/made', options)],
  ]

  it.each(calls)('%s: tells how far the start is, and leaves no machine to a caller who has ended it', async (_name, call) => {
    const box = await lite.create({ image: 'base' })
    const controller = new AbortController()
    world.machines.on('openAgent', () => controller.abort())
    expect(await errorCode(Promise.resolve(call(box, { signal: controller.signal, onProgress })))).toBe('aborted')
    expect(told.map(({ stage }) => stage)).toEqual(['engine', 'machine', 'guest'])
    // In its turn: the first start has come to its end by then.
    expect((await box.exec('true')).exitCode).toBe(0)
    expect([world.machines.calls.filter((made) => made === 'launch').length, world.machines.alive.size]).toEqual([2, 1])
  })
})

describe('a stop', () => {
  it('says whether the guest shut down or was ended, and is not ended by its caller in the middle', async () => {
    const box = await lite.create({ image: 'base' })
    await box.start()
    expect(await errorCode(box.stop(abortAt('shutdown')))).toBe('aborted')
    expect((await box.info()).state).toBe('running')
    await box.stop({ onProgress })
    expect(stages().slice(-1)).toEqual(['shutdown'])
    told = []
    world.machines.agent = { deaf: ['SHUT_DOWN'] }
    await box.start()
    const controller = new AbortController()
    const stopping = box.stop({ stopTimeoutMs: 20, signal: controller.signal, onProgress })
    box.on('state', () => controller.abort())
    await stopping
    expect([stages(), world.machines.alive.size]).toEqual([['shutdown', 'kill'], 0])
  })
})

describe('a restore with restart', () => {
  it('tells of the stop, the change and the start, and goes to its end once the guest is told', async () => {
    const box = await lite.create({ image: 'base' })
    await box.snapshot.create('old')
    await box.start()
    expect(await errorCode(box.snapshot.restore('old', { restart: true, ...abortAt('shutdown') }))).toBe('aborted')
    expect((await box.info()).state).toBe('running')
    told = []
    await box.snapshot.restore('old', { restart: true, ...abortAt('commit') })
    expect(stages()).toEqual(['shutdown', 'commit', 'engine', 'machine', 'guest'])
    expect((await box.info()).state).toBe('running')
  })
})

describe('an export of a running box', () => {
  it('that is ended at any stage leaves the box as it was, without a snapshot of its own', async () => {
    const box = await lite.create({ image: 'base' })
    await box.start()
    const read = async (watched: CallOptions<Progress>): Promise<void> => {
      for await (const chunk of box.export(watched)) void chunk
    }
    for (const stage of ['freeze', 'commit', 'switch', 'measure', 'export'] as const) {
      expect(await errorCode(read(abortAt(stage))), stage).toBe('aborted')
      expect([await box.snapshot.list(), (await box.exec('echo', ['on'])).stdout]).toEqual([[], 'on\n'])
    }
    told = []
    await read({ onProgress })
    expect(stages()).toEqual(['freeze', 'flush', 'commit', 'switch', 'commit', 'measure', 'export'])
  })
})

describe('an image that two boxes wait for', () => {
  it('comes for the one whose caller still wants it', async () => {
    const leaving = abortAt('copy')
    const [one, two] = await Promise.allSettled([lite.create({ image: 'base', ...leaving }), lite.create({ image: 'base', onProgress })])
    expect(one).toMatchObject({ status: 'rejected', reason: { code: 'aborted' } })
    expect(two.status).toBe('fulfilled')
    expect(stages()).toContain('copy')
    expect(world.memory.records.images.size).toBe(1)
  })

  it('does not come for nobody', async () => {
    expect(await errorCode(lite.create({ image: 'base', ...abortAt('copy') }))).toBe('aborted')
    await lite.close()
    expect([world.memory.records.images.size, world.memory.records.boxes.size]).toEqual([0, 0])
  })
})

describe('closing', () => {
  it('tells of the boxes that it stops, and of none that goes on', async () => {
    await lite.create({ image: 'base', detach: true }).then((box) => box.start())
    await lite.close({ onProgress })
    expect([told, world.machines.alive.size]).toEqual([[], 1])
    lite = await world.open()
    await lite.create({ image: 'base' }).then((box) => box.start())
    await lite.close({ onProgress })
    expect([told, world.machines.alive.size]).toEqual([[{ stage: 'shutdown' }], 1])
  })
})

describe('prune and fsck', () => {
  it('tell how far they are, and are ended by their caller', async () => {
    for (let i = 0; i < 3; i++) {
      const box = await lite.create({ image: 'base' })
      for (const name of ['a', 'b']) await box.snapshot.create(name)
      await box.snapshot.remove('a')
      if (i > 0) await box.remove()
    }
    for (const stage of ['collect', 'merge'] as const) expect(await errorCode(lite.prune(abortAt(stage)))).toBe('aborted')
    expect(await errorCode(lite.fsck(abortAt('fsck')))).toBe('aborted')
    told = []
    await lite.prune({ onProgress })
    expect(stages()).toEqual(['collect', 'merge', 'collect'])
    await lite.fsck({ onProgress })
    expect(told.at(-1)).toMatchObject({ stage: 'fsck', doneLayers: expect.any(Number), totalLayers: expect.any(Number) })
    await expect(lite.fsck()).resolves.toMatchObject({ findings: [] })
  })
})

describe('run', () => {
  it('tells of everything until its command runs, and leaves nothing when it is ended', async () => {
    await run('true', { onProgress })
    expect(stages()).toEqual(['engine', 'copy', 'engine', 'machine', 'guest'])
    for (const stage of ['engine', 'machine', 'guest'] as const) expect(await errorCode(run('true', abortAt(stage)))).toBe('aborted')
    expect([world.memory.records.boxes.size, world.machines.alive.size]).toEqual([0, 0])
  })
})

describe('a CodeBox', () => {
  it('is made for the one call whose caller still wants it', async () => {
    const code = new CodeBox((options) => world.open(options), { image: 'base' })
    const [one, two] = await Promise.allSettled([code.run('1', abortAt('copy')), code.run('2')])
    expect(one).toMatchObject({ status: 'rejected', reason: { code: 'aborted' } })
    expect(two).toMatchObject({ status: 'fulfilled', value: { exitCode: 0 } })
    await code.stop()
    expect(world.memory.records.boxes.size).toBe(0)
  })

  it('that nobody waits for any more is not made, and the next call makes one', async () => {
    const code = new CodeBox((options) => world.open(options), { image: 'base' })
    expect(await errorCode(code.run('1', abortAt('copy')))).toBe('aborted')
    expect(await code.run('2')).toMatchObject({ exitCode: 0 })
    await code.stop()
    expect(world.memory.records.boxes.size).toBe(0)
  })
})
