import { describe, expect, it } from 'vitest'
import { HeadMemory } from '../../src/operation/head-memory.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { chainOf, clone, Home, id, layer, makeBox, snapshotCreate, snapshotRestore } from './operation-home.ts'

const opened = (home: Home): number => home.faults.names.filter((name) => name === 'store.readLayerHead').length

async function longChain(heads: HeadMemory): Promise<Home> {
  const home = new Home()
  await home.run(makeBox(1), { heads })
  for (let i = 0; i < 20; i++) await home.run(snapshotCreate(100 + 2 * i, `s${i}`), { heads })
  home.faults.names.length = 0
  return home
}

describe('remembered heads', () => {
  it('spare an operation all layers of a chain but its top', async () => {
    const heads = new HeadMemory()
    const home = await longChain(heads)
    await home.run(snapshotCreate(500, 'more'), { heads })
    // The live layer, and the one below it, which was the top a moment ago.
    expect(opened(home)).toBe(2)
    home.faults.names.length = 0
    await home.run(snapshotCreate(510, 'without'))
    expect(opened(home)).toBe(22)
    await home.check()
  })

  it('do not hide that the top of a chain is missing', async () => {
    const heads = new HeadMemory()
    const home = await longChain(heads)
    home.memory.layers.delete(layer(121))
    await expect(home.run(snapshotRestore(600, 's11'), { heads })).rejects.toMatchObject({ code: 'corrupt', facts: { reason: 'layer_missing' } })
  })

  it('do not hide from a restore or a clone of a snapshot that a layer deep below it is missing, cut or no image', async () => {
    const damage: readonly ((home: Home, name: string) => void)[] = [
      (home, name) => home.memory.layers.delete(name),
      (home, name) => home.memory.layers.set(name, { pages: new Map(), lengthBytes: 0 }),
    ]
    for (const harm of damage) {
      const heads = new HeadMemory()
      const home = await longChain(heads)
      harm(home, layer(105))
      await expect(home.run(snapshotRestore(600, 's11'), { heads })).rejects.toMatchObject({ code: 'corrupt' })
      await expect(home.run(clone(610, 's11'), { heads })).rejects.toMatchObject({ code: 'corrupt' })
      // Those above were read anew and are known again.
      home.faults.names.length = 0
      await expect(home.run(snapshotRestore(620, 's11'), { heads })).rejects.toMatchObject({ code: 'corrupt' })
      expect(opened(home)).toBeGreaterThan(5)
    }
  })

  it('are known again after a restore that read them', async () => {
    const heads = new HeadMemory()
    const home = await longChain(new HeadMemory())
    await home.run(snapshotRestore(600, 's19'), { heads })
    home.faults.names.length = 0
    await home.run(snapshotCreate(610, 'after'), { heads })
    expect(opened(home)).toBe(2)
  })

  it('of layers that someone else merged still lead to the same disk', async () => {
    const heads = new HeadMemory()
    const home = await longChain(heads)
    for (let i = 0; i < 15; i++) await home.run({ kind: 'snapshot.remove', boxId: id(1), snapshot: `s${i}` })
    expect(await home.run({ kind: 'merge', temporaryId: id(900), limit: 100 })).toMatchObject({ merged: 15 })
    await home.run({ kind: 'collect', dryRun: false })
    const { record } = await home.run(snapshotCreate(500, 'after'), { heads })
    expect(await chainOf(new MemoryStore(home.memory), record.live)).toHaveLength(7)
    await home.check()
  })

  it('do not make a chain too long that was merged', async () => {
    const heads = new HeadMemory()
    const home = await longChain(heads)
    // As if a thousand layers had lain below a frozen one.
    const frozen = heads.get(layer(135))!
    const backing = new TextDecoder('latin1').decode(frozen.bytes).indexOf(layer(133))
    const headOn = (below: string) => {
      const bytes = frozen.bytes.slice()
      bytes.set(new TextEncoder().encode(below), backing)
      return { ...frozen, bytes }
    }
    heads.put(layer(135), headOn(layer(5000)))
    for (let i = 0; i < 1000; i++) heads.put(layer(5000 + i), headOn(layer(5001 + i)))
    await home.run(snapshotCreate(500, 'more'), { heads })
    home.faults.names.length = 0
    await home.run(snapshotCreate(510, 'and more'), { heads })
    expect(opened(home)).toBeLessThan(25)
    home.faults.names.length = 0
    await home.run(snapshotCreate(520, 'without the doubt'), { heads })
    expect(opened(home)).toBe(2)
    await home.check()
  })

  it('of a chain whose lower half was merged away do not make it corrupt', async () => {
    const heads = new HeadMemory()
    const home = await longChain(heads)
    for (let i = 0; i < 15; i++) await home.run({ kind: 'snapshot.remove', boxId: id(1), snapshot: `s${i}` })
    // What is remembered ends above the layers that go.
    for (let i = 0; i < 15; i++) heads.forget(layer(101 + 2 * i))
    expect(await home.run({ kind: 'merge', temporaryId: id(900), limit: 100 })).toMatchObject({ merged: 15 })
    await home.run({ kind: 'collect', dryRun: false })
    await home.run(snapshotCreate(500, 'after'), { heads })
    await home.check()
  })

  it('are those used last, as they were', () => {
    const heads = new HeadMemory()
    const bytes = Uint8Array.of(1, 0, 2, 0, 0)
    for (let i = 0; i < 4096; i++) heads.put(layer(i), { fileBytes: i, bytes })
    expect(heads.get(layer(0))).toEqual({ fileBytes: 0, bytes })
    heads.put(layer(5000), { fileBytes: 9, bytes: new Uint8Array(3) })
    expect(heads.get(layer(1))).toBeNull()
    expect(heads.get(layer(0))).toEqual({ fileBytes: 0, bytes })
    expect(heads.get(layer(5000))).toEqual({ fileBytes: 9, bytes: new Uint8Array(3) })
  })
})
