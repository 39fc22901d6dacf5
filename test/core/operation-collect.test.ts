import { describe, expect, it } from 'vitest'
import { createImage } from '../../src/disk/create.ts'
import { BoxLiteError } from '../../src/error.ts'
import type { Directory } from '../../src/host.ts'
import type { Finding } from '../../src/operation/operation.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { chainOf, clone, digest, Home, id, layer, machineRecord, makeBox, snapshotCreate, snapshotRestore } from './operation-home.ts'

const collect = { kind: 'collect', dryRun: false } as const
const merge = { kind: 'merge', temporaryId: id(900), limit: 1000 } as const
const raw = { name: `${id(50)}.raw`, parent: null }

async function put(home: Home, name: string): Promise<void> {
  const file = await new MemoryStore(home.memory).createLayer(name)
  await createImage(file, { sizeBytes: 1 << 20 })
}

const names = (findings: readonly Finding[], kind: Finding['kind']): string[] =>
  findings.flatMap((finding) => (finding.kind === kind && 'name' in finding ? [finding.name] : [])).sort()

describe('collection', () => {
  it('deletes what nothing reaches and keeps all that a live disk, a snapshot or an image stands on', async () => {
    const home = new Home()
    await home.run({ kind: 'image.add', imageId: digest, reference: 'r', layers: [raw], nowMs: 1 })
    await home.run(makeBox(1, { image: digest, base: 'image', sizeBytes: null }))
    await home.run(snapshotCreate(100, 'a'))
    await home.run(snapshotRestore(200, 'a'))
    await home.run(clone(2, 'a'))
    await put(home, layer(700))
    await put(home, `${id(701)}.tmp`)
    const outcome = await home.run(collect)
    expect(names(outcome.findings, 'garbage')).toEqual([layer(101), layer(700), `${id(701)}.tmp`])
    expect(outcome).toMatchObject({ layers: 4, deleted: 3, complete: true })
    expect(home.layers()).toEqual([layer(10), layer(20), raw.name, layer(200)].sort())
    await home.check()
    expect(await home.run(collect)).toMatchObject({ layers: 4, deleted: 0, findings: [] })
  })

  it('names what it would delete in a dry run, and deletes nothing', async () => {
    const home = new Home()
    await put(home, layer(700))
    const { deleted, findings } = await home.run({ kind: 'collect', dryRun: true })
    expect([deleted, findings]).toEqual([0, [{ kind: 'garbage', directory: 'layers', name: layer(700), deleted: false }]])
    expect(home.layers()).toEqual([layer(700)])
  })

  it('syncs the directories before it believes them, alone in the home', async () => {
    const home = new Home()
    await home.run(collect)
    expect(home.effects.slice(0, 6)).toEqual(['LOCK_HOME', 'SYNC_DIRECTORY', 'SYNC_DIRECTORY', 'SYNC_DIRECTORY', 'LIST', 'LIST'])
    const other = await new MemoryStore(home.memory).lock({ kind: 'home', mode: 'shared' })
    await expect(home.run(collect)).rejects.toMatchObject({ code: 'busy' })
    await other?.release()
  })

  it('reports a name that is none of ours and lets it be', async () => {
    const home = new Home()
    const strange = ['notes.txt', `${id(1).toUpperCase()}X.qcow2`, '', '..', `${id(1)}.qcow2.bak`, '\ud800']
    for (const directory of ['layers', 'boxes', 'images', 'states'] as const) {
      class Odd extends MemoryStore {
        override list = async (of: Directory): Promise<string[]> => (of === directory ? strange : [])
      }
      const { findings, deleted } = await home.run(collect, { store: new Odd(home.memory) })
      expect(findings.every(({ kind }) => kind === 'unknown-name')).toBe(true)
      expect([findings.length, deleted]).toEqual([strange.length, 0])
    }
  })

  it('deletes nothing where one record cannot be read', async () => {
    for (const damage of ['torn', 'of a newer format', 'with a wrong checksum'] as const) {
      const home = new Home()
      await home.run(makeBox(1))
      await home.run(makeBox(2))
      await put(home, layer(700))
      const bytes = home.memory.records.boxes.get(id(2))!
      const text = new TextDecoder().decode(bytes)
      const damaged = {
        torn: text.slice(0, 40),
        'of a newer format': text.replace('"format":1', '"format":2'),
        'with a wrong checksum': text.replace('box2', 'box3'),
      }
      home.memory.records.boxes.set(id(2), new TextEncoder().encode(damaged[damage]))
      const outcome = await home.run(collect)
      expect(outcome).toMatchObject({ deleted: 0, complete: false })
      const reason = damage === 'of a newer format' ? 'record_format' : 'record_corrupt'
      expect(outcome.findings).toContainEqual({ kind: 'unreadable', directory: 'boxes', name: id(2), reason })
      expect(home.layers()).toContain(layer(20))
      expect(home.layers()).toContain(layer(700))
      expect(await home.run(merge)).toMatchObject({ merged: 0 })
    }
  })

  it('deletes nothing where one chain cannot be followed', async () => {
    const damages: [string, (home: Home) => Promise<void>, string][] = [
      ['a missing layer', async (home) => void home.memory.layers.delete(layer(10)), 'layer_missing'],
      ['a torn header', async (home) => cut(home, 10), 'layer_refused'],
      ['a circle', async (home) => backOn(home, 10, 101), 'chain_cycle'],
    ]
    for (const [what, damage, reason] of damages) {
      const home = new Home()
      await home.run(makeBox(1))
      await home.run(snapshotCreate(100, 'a'))
      await put(home, layer(700))
      await damage(home)
      const outcome = await home.run(collect)
      expect(outcome, what).toMatchObject({ deleted: 0, complete: false })
      expect(outcome.findings.map((finding) => ('reason' in finding ? finding.reason : '')), what).toContain(reason)
      expect(home.layers(), what).toContain(layer(700))
    }
  })

  it('deletes nothing where names cannot be made durable', async () => {
    const home = new Home()
    await put(home, layer(700))
    class Weak extends MemoryStore {
      override readonly guarantees = { atomicReplace: true, directorySync: false, transactions: false }
    }
    expect(await home.run(collect, { store: new Weak(home.memory) })).toMatchObject({ deleted: 0, complete: true })
    expect(home.layers()).toEqual([layer(700)])
  })

  it('goes on where one name cannot be deleted', async () => {
    const home = new Home()
    await put(home, layer(700))
    await put(home, layer(701))
    class Stubborn extends MemoryStore {
      override remove(directory: Directory, name: string): Promise<void> {
        return name === layer(700) ? Promise.reject(new BoxLiteError('io', 'held by a scanner')) : super.remove(directory, name)
      }
    }
    const { findings, deleted } = await home.run(collect, { store: new Stubborn(home.memory) })
    expect(findings).toContainEqual({ kind: 'not-deleted', directory: 'layers', name: layer(700), code: 'io' })
    expect([deleted, home.layers()]).toEqual([1, [layer(700)]])
  })

  it('takes a home of many layers, in slices', async () => {
    const home = new Home()
    await home.run(makeBox(1))
    for (let i = 0; i < 9000; i++) home.memory.layers.set(layer(10_000 + i), { pages: new Map(), lengthBytes: 0 })
    expect(await home.run(collect)).toMatchObject({ layers: 1, deleted: 9000 })
    expect(home.layers()).toEqual([layer(10)])
  })
})

describe('merging', () => {
  it('folds every unnamed layer with one child, and each disk keeps its name', async () => {
    const home = new Home()
    await home.run(makeBox(1, { layers: [raw], base: raw.name, sizeBytes: 1 << 20 }))
    for (const [number, name] of [[100, 'a'], [110, 'b'], [120, 'c'], [130, 'd']] as const) {
      await home.run(snapshotCreate(number, name))
    }
    for (const name of ['a', 'c', 'd']) await home.run({ kind: 'snapshot.remove', boxId: id(1), snapshot: name })
    const record = home.record()
    expect(await home.run(merge)).toEqual({ merged: 4, findings: [] })
    expect(home.record()).toEqual(record)
    expect(await chainOf(new MemoryStore(home.memory), record.live)).toEqual([layer(131), layer(101)])
    expect(await home.run(merge)).toMatchObject({ merged: 0 })
    await home.run(collect)
    expect(home.layers()).toEqual([layer(101), layer(131)])
    await home.check()
  })

  it('leaves a layer that two layers stand on, or that a record names', async () => {
    const home = new Home()
    await home.run(makeBox(1))
    await home.run(clone(2, null))
    await home.run(snapshotCreate(100, 'a'))
    expect(await home.run(merge)).toEqual({ merged: 0, findings: [] })
    await home.run({ kind: 'box.remove', boxId: id(2), force: false })
    expect(await home.run(merge)).toEqual({ merged: 1, findings: [] })
    expect(await chainOf(new MemoryStore(home.memory), home.record().live)).toEqual([layer(101), layer(21)])
  })

  it('waits for a box that is active or owned by someone else, also one that shares the chain', async () => {
    const home = new Home()
    await home.run(makeBox(1))
    await home.run(snapshotCreate(100, 'a'))
    await home.run(snapshotCreate(110, 'b'))
    await home.run(clone(2, 'b'))
    for (const name of ['a', 'b']) await home.run({ kind: 'snapshot.remove', boxId: id(1), snapshot: name })
    const held = await new MemoryStore(home.memory).lock({ kind: 'box', id: id(2) })
    const waits = { kind: 'merge-waits', layer: layer(101), boxId: id(2) }
    expect(await home.run(merge)).toEqual({ merged: 0, findings: [waits] })
    await held?.release()
    await home.run({ kind: 'box.start', boxId: id(2), machine: machineRecord })
    home.machine.launch(layer(20))
    expect(await home.run(merge)).toEqual({ merged: 0, findings: [waits] })
    await home.run({ kind: 'box.stop', boxId: id(2) })
    expect(await home.run(merge)).toEqual({ merged: 1, findings: [] })
    await home.check()
  })

  it('publishes nothing that is not what was asked for', async () => {
    const home = new Home()
    await home.run(makeBox(1))
    await home.run(snapshotCreate(100, 'a'))
    await home.run({ kind: 'snapshot.remove', boxId: id(1), snapshot: 'a' })
    const before = home.layers()
    for (const sizeBytes of [1 << 19, 1 << 21]) {
      const fold = async (_fold: unknown, target: Parameters<typeof createImage>[0]): Promise<void> => createImage(target, { sizeBytes })
      await expect(home.run(merge, { bulk: { fold } })).rejects.toMatchObject({ code: 'corrupt' })
      expect(home.layers()).toEqual(before)
    }
    expect(await home.run({ ...merge, limit: 0 })).toMatchObject({ merged: 0 })
  })
})

/** Makes one layer back on another. */
async function backOn(of: Home, number: number, on: number): Promise<void> {
  const file = await new MemoryStore(of.memory).openLayer(layer(number), 'write')
  await file.truncate(0)
  await createImage(file, { sizeBytes: 1 << 20, backing: { name: layer(on), format: 'qcow2' } })
}

/** Tears the header of a layer off. */
async function cut(of: Home, number: number): Promise<void> {
  const file = await new MemoryStore(of.memory).openLayer(layer(number), 'write')
  await file.truncate(50)
}
