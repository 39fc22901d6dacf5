import { describe, expect, it } from 'vitest'
import { isBoxLiteError } from '../../src/error.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { chainOf, clone, digest, Home, id, layer, machineRecord, makeBox, snapshotCreate, snapshotRestore } from './operation-home.ts'

/** The code and the message of what a promise rejects with. */
async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => null,
    (cause: unknown) => cause,
  )
  if (!isBoxLiteError(error)) throw new Error(`no refusal but ${String(error)}`)
  return `${error.code}: ${error.message}`
}

async function homeWithBox(): Promise<Home> {
  const home = new Home()
  await home.run(makeBox(1))
  return home
}

async function runningHome(): Promise<Home> {
  const home = await homeWithBox()
  await home.run({ kind: 'box.start', boxId: id(1), machine: machineRecord })
  home.machine.launch(home.record().live)
  return home
}

describe('box.create', () => {
  it('makes a box beside records that are no records', async () => {
    const home = new Home()
    for (const [number, text] of ['null', '', '7', '[]', '{"name":null}', '{'].entries()) {
      home.memory.records.boxes.set(id(100 + number), new TextEncoder().encode(text))
    }
    expect((await home.run(makeBox(1))).record.name).toBe('box1')
  })

  it('makes an empty box with a live layer of its own, durable before the record names it', async () => {
    const home = new Home()
    const { record } = await home.run(makeBox(1))
    expect(record).toMatchObject({ generation: 1, id: id(1), name: 'box1', config: { n: 1 }, live: layer(10) })
    expect(record).toMatchObject({ snapshots: [], liveParent: null, pending: null, machine: null, resume: null })
    expect(home.record()).toEqual(record)
    expect(home.effects).toEqual([
      'LOCK_BOX',
      'LOCK_HOME',
      'LOCK_NAME',
      'FIND_NAME:not_found',
      'CREATE_LAYER',
      'WRITE_LAYER',
      'SYNC_LAYER',
      'SYNC_DIRECTORY',
      'COMMIT_RECORD',
    ])
    await home.check()
  })

  it('keeps a configuration that it does not know byte for byte', async () => {
    const home = new Home()
    const config = { '10': 1, '9': [null, true, -1.5e3, '\u0000\n"\\/é🙂'], deep: { deeper: {} } }
    await home.run(makeBox(1, { config }))
    await home.run(snapshotCreate(100, 'a'))
    expect(home.record().config).toEqual(config)
    expect(new TextDecoder().decode(home.memory.records.boxes.get(id(1))!)).toContain(`"config":${JSON.stringify(config)},`)
  })

  it('brings base layers in and puts the live layer on them', async () => {
    const home = new Home()
    const layers = [
      { name: `${id(50)}.raw`, parent: null },
      { name: layer(51), parent: `${id(50)}.raw` },
      { name: layer(52), parent: layer(51) },
    ]
    const snapshot = { id: id(60), name: 's', description: '', layer: layer(51), createdAt: 1, virtualSizeBytes: String(1 << 20), parent: null }
    const snapshots = [{ ...snapshot, consistency: 'stopped' as const }]
    await home.run(makeBox(1, { layers, base: layer(52), sizeBytes: null, snapshots, liveParent: id(60) }))
    expect(await chainOf(new MemoryStore(home.memory), home.record().live)).toEqual([layer(10), layer(52), layer(51), `${id(50)}.raw`])
    expect(home.record().snapshots[0]).toMatchObject({ id: id(60), layer: layer(51), state: null })
    await home.check()
  })

  it('refuses what does not fit together, and leaves nothing behind', async () => {
    const home = await homeWithBox()
    const before = home.layers()
    const raw = { name: `${id(50)}.raw`, parent: null }
    const shape = { description: '', createdAt: 1, virtualSizeBytes: '1024', parent: null, consistency: 'stopped' as const }
    const snapshot = { ...shape, id: id(60), name: 's', layer: raw.name }
    const cases: [Parameters<typeof makeBox>[1], string][] = [
      [{ name: 'box1' }, "already_exists: box 'box1' already exists"],
      [{ name: '' }, 'invalid_argument: Box name cannot be empty'],
      [{ name: 'a/b' }, 'invalid_argument: Box name contains invalid characters (/, \\, or null byte)'],
      [{ boxId: 'x' }, 'invalid_argument: box.create: the box id is not valid'],
      [{ layerId: 'x' }, 'invalid_argument: box.create: the layer id is not valid'],
      [{ base: layer(10) }, 'invalid_argument: box.create: the base is not valid'],
      [{ base: 'image' }, 'invalid_argument: box.create: the base is not valid'],
      [{ base: 'image', image: digest }, `not_found: image '${digest}' not found`],
      [{ layers: [raw, raw] }, 'invalid_argument: box.create: a list with the same new layer twice is not valid'],
      [{ layers: [{ name: '../x', parent: null }] }, 'invalid_argument: box.create: the name of a new layer is not valid'],
      [{ layers: [{ name: layer(51), parent: layer(10) }] }, 'invalid_argument: box.create: the parent of a new layer is not valid'],
      [{ layers: [raw], snapshots: [{ ...snapshot, parent: id(61) }] }, 'invalid_argument: box.create: a snapshot is not valid'],
      [{ layers: [raw], snapshots: [snapshot, snapshot] }, 'invalid_argument: box.create: a snapshot is not valid'],
      [{ snapshots: [snapshot] }, 'invalid_argument: box.create: a snapshot is not valid'],
      [{ layers: [raw], snapshots: [{ ...snapshot, virtualSizeBytes: '512' }] }, 'invalid_argument: box.create: the size of a snapshot is not valid'],
      [{ liveParent: id(60) }, 'invalid_argument: box.create: the parent is not valid'],
      [{ sizeBytes: 1000 }, 'invalid_argument: box.create: the size is not valid'],
      [{ layers: [raw], base: raw.name, sizeBytes: 512 }, 'invalid_argument: the disk must not be smaller than the 1024 bytes it starts from'],
      [{ sizeBytes: Number.NaN, liveParent: null }, 'invalid_argument: box.create: the size is not valid'],
      [{ boxId: id(1), name: null }, `busy: the record of '${id(1)}' was changed by someone else; nothing was done`],
    ]
    for (const [more, message] of cases) expect(await refusal(home.run(makeBox(2, more)))).toBe(message)
    expect(home.layers()).toEqual(before)
    expect(home.memory.records.boxes.size).toBe(1)
    await home.check()
  })

  it('stands on an image', async () => {
    const home = new Home()
    const image = { kind: 'image.add', imageId: digest, reference: 'debian:13', layers: [{ name: `${id(50)}.raw`, parent: null }], nowMs: 5 } as const
    const { record } = await home.run(image)
    expect(record).toMatchObject({ id: digest, reference: 'debian:13', layer: `${id(50)}.raw`, virtualSizeBytes: '1024' })
    expect(record).toMatchObject({ template: null, createdAt: 5, generation: 1 })
    await home.run(makeBox(1, { image: digest, base: 'image', sizeBytes: null }))
    expect(await chainOf(new MemoryStore(home.memory), layer(10))).toEqual([layer(10), `${id(50)}.raw`])
    expect(await refusal(home.run(image))).toBe(`already_exists: image '${digest}' already exists`)
    await home.run({ kind: 'image.remove', imageId: digest })
    expect(await refusal(home.run({ kind: 'image.remove', imageId: digest }))).toBe(`not_found: image '${digest}' not found`)
    await home.check()
  })
})

describe('snapshots of a stopped box', () => {
  it('freeze the live layer under a new one, both durable before the commit', async () => {
    const home = await homeWithBox()
    const { record, snapshot } = await home.run(snapshotCreate(100, 'a'))
    expect(home.effects).toEqual([
      'LOCK_BOX',
      'LOCK_HOME',
      'READ_RECORD',
      'SYNC_DIRECTORY',
      'SYNC_DIRECTORY',
      'READ_HEAD',
      'CREATE_LAYER',
      'WRITE_LAYER',
      'SYNC_LAYER',
      'SYNC_LAYER',
      'SYNC_DIRECTORY',
      'COMMIT_RECORD',
    ])
    expect(snapshot).toEqual({
      id: id(100),
      name: 'a',
      description: 'about a',
      layer: layer(10),
      state: null,
      createdAt: 1000,
      virtualSizeBytes: String(1 << 20),
      parent: null,
      consistency: 'stopped',
    })
    expect(record).toMatchObject({ generation: 2, live: layer(101), liveParent: id(100), pending: null })
    expect(await chainOf(new MemoryStore(home.memory), layer(101))).toEqual([layer(101), layer(10)])
    await home.check()
  })

  it('come back by id or by name, with the disk of now kept where asked', async () => {
    const home = await homeWithBox()
    await home.run(snapshotCreate(100, 'a'))
    await home.run(snapshotCreate(110, 'b'))
    const { record } = await home.run(snapshotRestore(120, 'a', 'kept'))
    expect(record).toMatchObject({ live: layer(120), liveParent: id(100) })
    expect(record.snapshots.map(({ name, layer: of, parent }) => [name, of, parent])).toEqual([
      ['a', layer(10), null],
      ['b', layer(101), id(100)],
      ['kept', layer(111), id(110)],
    ])
    const again = await home.run(snapshotRestore(130, id(110)))
    expect(again.record).toMatchObject({ live: layer(130), liveParent: id(110) })
    await home.check()
  })

  it('are found by their id before their name, and never by a part of either', async () => {
    const home = await homeWithBox()
    await home.run(snapshotCreate(100, 'a'))
    await home.run(snapshotCreate(110, id(100)))
    expect((await home.run(snapshotRestore(120, id(100)))).record.liveParent).toBe(id(100))
    expect(await refusal(home.run(snapshotRestore(130, id(100).slice(0, 31))))).toMatch(/^not_found: snapshot/)
  })

  it('are removed from the record alone, and give their children their parent', async () => {
    const home = await homeWithBox()
    for (const [number, name] of [[100, 'a'], [110, 'b'], [120, 'c']] as const) {
      await home.run(snapshotCreate(number, name))
    }
    const layers = home.layers()
    await home.run({ kind: 'snapshot.remove', boxId: id(1), snapshot: 'b' })
    expect(home.record().snapshots.map(({ name, parent }) => [name, parent])).toEqual([['a', null], ['c', id(100)]])
    const { record } = await home.run({ kind: 'snapshot.remove', boxId: id(1), snapshot: id(120) })
    expect(record.liveParent).toBe(id(100))
    expect(home.layers()).toEqual(layers)
    await home.check()
  })

  it('refuse with the published texts, and leave nothing behind', async () => {
    const home = await homeWithBox()
    await home.run(snapshotCreate(100, 'a'))
    const before = home.record()
    const layers = home.layers()
    expect(await refusal(home.run(snapshotCreate(110, 'a')))).toBe(`already_exists: snapshot 'a' already exists for box '${id(1)}'`)
    expect(await refusal(home.run(snapshotRestore(110, 'x')))).toBe(`not_found: snapshot 'x' not found for box '${id(1)}'`)
    const remove = { kind: 'snapshot.remove', boxId: id(1), snapshot: 'x' } as const
    expect(await refusal(home.run(remove))).toBe(`not_found: snapshot 'x' not found for box '${id(1)}'`)
    expect(await refusal(home.run(snapshotRestore(110, 'a', 'a')))).toBe(`already_exists: snapshot 'a' already exists for box '${id(1)}'`)
    expect(await refusal(home.run(snapshotCreate(110, '..')))).toBe("invalid_argument: Snapshot name '..' is not allowed")
    expect(await refusal(home.run(snapshotRestore(110, '.a')))).toBe("invalid_argument: Snapshot name cannot start with '.'")
    expect(await refusal(home.run({ ...remove, snapshot: '' }))).toBe('invalid_argument: Snapshot name cannot be empty')
    expect(await refusal(home.run({ ...snapshotCreate(110, 'b'), description: 'd'.repeat(4097) }))).toMatch(/^invalid_argument/)
    expect(await refusal(home.run({ ...snapshotCreate(110, 'b'), description: '\ud800' }))).toMatch(/^invalid_argument/)
    expect(await refusal(home.run({ ...snapshotCreate(110, 'b'), snapshotId: id(100) }))).toMatch(/^invalid_argument/)
    expect(await refusal(home.run({ ...snapshotCreate(110, 'b'), layerId: id(10) }))).toMatch(/^already_exists/)
    expect(await refusal(home.run(snapshotCreate(110, 'a', 9)))).toBe(`not_found: box '${id(9)}' not found`)
    expect(home.record()).toEqual(before)
    expect(home.layers()).toEqual(layers)
  })

  it('are at most 1,000 a box', async () => {
    const home = new Home()
    const layers = [{ name: layer(50), parent: null }]
    const one = { description: '', layer: layer(50), createdAt: 1, virtualSizeBytes: String(1 << 20), parent: null, consistency: 'stopped' as const }
    const snapshots = Array.from({ length: 1000 }, (_, i) => ({ ...one, id: id(1000 + i), name: `s${i}` }))
    await home.run(makeBox(1, { layers, base: layer(50), snapshots }))
    expect(await refusal(home.run(snapshotCreate(100, 'a')))).toBe('limit: a box has at most 1000 snapshots')
    const more = [...snapshots, { ...one, id: id(3000), name: 'more' }]
    expect(await refusal(home.run(makeBox(2, { layers: [], snapshots: more })))).toBe('limit: a box has at most 1000 snapshots')
  })
})

describe('clones', () => {
  it('of a snapshot stand on its layer and change nothing of the source', async () => {
    const home = await homeWithBox()
    await home.run(snapshotCreate(100, 'a'))
    const before = home.record()
    const { record, source } = await home.run(clone(2, 'a'))
    expect(source).toEqual(before)
    expect(home.record()).toEqual(before)
    expect(record).toMatchObject({ id: id(2), name: 'box2', config: { n: 1 }, generation: 1, live: layer(20), snapshots: [], liveParent: null })
    expect(await chainOf(new MemoryStore(home.memory), layer(20))).toEqual([layer(20), layer(10)])
    await home.check()
  })

  it('of a live disk freeze it under an overlay of the source', async () => {
    const home = await homeWithBox()
    const { record, source } = await home.run({ ...clone(2, null), config: { own: true } })
    expect(source).toMatchObject({ live: layer(21), generation: 2, snapshots: [] })
    expect(record).toMatchObject({ live: layer(20), config: { own: true } })
    const store = new MemoryStore(home.memory)
    expect([await chainOf(store, layer(20)), await chainOf(store, layer(21))]).toEqual([[layer(20), layer(10)], [layer(21), layer(10)]])
    await home.check()
  })

  it('of a running box switch its machine, and the clone comes after', async () => {
    const home = await runningHome()
    await home.run(clone(2, null))
    expect(home.machine).toMatchObject({ state: 'running', open: layer(21), frozen: false })
    expect(home.record()).toMatchObject({ live: layer(21), pending: null })
    await home.check()
  })

  it('refuse a name or an id that is taken', async () => {
    const home = await homeWithBox()
    expect(await refusal(home.run({ ...clone(2, null), name: 'box1' }))).toBe("already_exists: box 'box1' already exists")
    expect(await refusal(home.run({ ...clone(2, null), cloneId: id(1) }))).toMatch(/^invalid_argument/)
    expect(await refusal(home.run(clone(2, 'x')))).toBe(`not_found: snapshot 'x' not found for box '${id(1)}'`)
    expect(home.record().generation).toBe(1)
  })
})

describe('a running box', () => {
  it('is frozen, paused, drained and flushed, and goes on in the new layer', async () => {
    const home = await runningHome()
    const { record, snapshot, findings } = await home.run(snapshotCreate(100, 'a'))
    expect(snapshot).toMatchObject({ layer: layer(10), consistency: 'frozen' })
    expect(record).toMatchObject({ live: layer(101), pending: null, machine: machineRecord })
    expect(home.machine).toMatchObject({ state: 'running', open: layer(101), frozen: false })
    expect(findings).toEqual([])
    expect(home.effects).toEqual([
      ...['LOCK_BOX', 'LOCK_HOME', 'READ_RECORD', 'SYNC_DIRECTORY', 'SYNC_DIRECTORY', 'ASK', 'RESUME', 'THAW', 'READ_HEAD'],
      ...['CREATE_LAYER', 'WRITE_LAYER', 'SYNC_LAYER', 'SYNC_DIRECTORY'],
      ...['FREEZE', 'PAUSE', 'DRAIN', 'FLUSH', 'SYNC_LAYER', 'COMMIT_RECORD', 'SWITCH', 'RESUME', 'THAW', 'COMMIT_RECORD'],
    ])
    await home.check()
  })

  it('is left alone by an owner who held the lock before', async () => {
    const home = await runningHome()
    const store = new MemoryStore(home.memory)
    const scope = { kind: 'box', id: id(1) } as const
    const held = { scope, held: (await store.lock(scope))! }
    home.machine.state = 'paused'
    await home.run(snapshotCreate(100, 'a'), { held: [held] })
    expect(home.machine).toMatchObject({ state: 'paused', open: layer(101) })
    expect(home.record().snapshots[0]!.consistency).toBe('crash')
    home.machine.state = 'silent'
    expect(await refusal(home.run(snapshotCreate(110, 'b'), { held: [held] }))).toBe(`timeout: the machine of box '${id(1)}' does not answer`)
    expect(home.machine.state).toBe('silent')
  })

  it('that does not freeze in time is caught as a power cut leaves it, and that is reported', async () => {
    const home = await runningHome()
    home.machine.freeze = async () => Promise.reject(new (await import('../../src/error.ts')).BoxLiteError('timeout', 'no'))
    const { snapshot, findings } = await home.run(snapshotCreate(100, 'a'))
    expect(snapshot.consistency).toBe('crash')
    expect(findings).toEqual([{ kind: 'not-frozen', boxId: id(1) }])
  })

  it('refuses to be restored, started and removed', async () => {
    const home = await runningHome()
    await home.run(snapshotCreate(100, 'a'))
    const start = { kind: 'box.start', boxId: id(1), machine: machineRecord } as const
    expect(await refusal(home.run(snapshotRestore(110, 'a')))).toBe(
      'invalid_state: Cannot restore snapshot while box is running. Stop the box first.',
    )
    expect(await refusal(home.run(start))).toBe('invalid_state: Cannot start box: it is running already.')
    expect(await refusal(home.run({ kind: 'box.remove', boxId: id(1), force: false }))).toMatch(/^invalid_state/)
    await home.run({ kind: 'box.stop', boxId: id(1) })
    expect(home.machine.state).toBe('none')
    expect(home.record().machine).toBeNull()
    await home.run(start)
    home.machine.launch(home.record().live)
    await home.run({ kind: 'box.remove', boxId: id(1), force: true })
    expect(home.machine.state).toBe('none')
    expect(home.hasBox(1)).toBe(false)
  })

  it('cannot be touched where machines are out of reach', async () => {
    const home = await runningHome()
    const store = new MemoryStore(home.memory)
    expect(await refusal(home.run(snapshotCreate(100, 'a'), { store, machines: undefined as never }))).toMatch(/^unsupported/)
    expect(home.record().snapshots).toEqual([])
  })
})
