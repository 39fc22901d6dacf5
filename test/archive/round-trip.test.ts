import { describe, expect, it } from 'vitest'
import { exportBox } from '../../src/archive/export.ts'
import { importBox } from '../../src/archive/import.ts'
import type { BoxRecord } from '../../src/operation/record.ts'
import { chunked, collect } from './streams.ts'
import { KIB, MIB, newId, TestHome } from './test-home.ts'

/** A box with a history that branches, data of several sizes, zeroed and discarded ranges. */
async function makeBox(home: TestHome): Promise<BoxRecord> {
  let box = await home.create({
    name: 'web',
    config: { cpus: 2, image: 'base', env: { TOKEN: 'secret-value' }, labels: { team: 'a', app: 'b' }, volumes: [{ hostPath: '/home/me' }] },
    sizeBytes: 3 * MIB + 5 * 512,
  })
  await home.write(box, async (disk) => {
    await disk.write(0, Buffer.alloc(300 * KIB, 'first '))
    await disk.write(3 * MIB + 100, Buffer.from('at the very end'))
  })
  box = await home.snapshot(box.id, 'one', 'the first')
  await home.write(box, async (disk) => {
    await disk.writeZeroes(64 * KIB, 128 * KIB)
    await disk.write(MIB + 7, Buffer.from('two'))
  })
  box = await home.snapshot(box.id, 'two')
  await home.write(box, (disk) => disk.write(2 * MIB, Buffer.alloc(64 * KIB, 'gone')))
  box = await home.snapshot(box.id, 'three')
  box = await home.restore(box.id, 'one')
  await home.write(box, (disk) => disk.discard(0, 64 * KIB))
  box = await home.snapshot(box.id, 'branch')
  await home.write(box, (disk) => disk.write(5, Buffer.from('live')))
  return home.removeSnapshot(box.id, 'two')
}

describe('an archive', () => {
  it('brings every snapshot and the disk back as they were, and the tree', async () => {
    const home = new TestHome()
    const box = await makeBox(home)
    const archive = await collect(exportBox(home.host, box.id))
    const other = new TestHome()
    const { record } = await importBox(other.host, chunked(archive, 10_000), { newId })
    const { config, ...contents } = (await home.contents(box.id)) as { config: Record<string, unknown> }
    expect(await other.contents(record.id)).toEqual({ ...contents, config: { image: 'base', cpus: 2, labels: { app: 'b', team: 'a' } } })
    expect(await other.garbage()).toEqual([])
  })

  it('of an imported box is the archive it was imported from, byte for byte', async () => {
    const home = new TestHome()
    const box = await makeBox(home)
    const archive = await collect(exportBox(home.host, box.id))
    expect(await collect(exportBox(home.host, box.id))).toEqual(archive)
    const other = new TestHome()
    const { record } = await importBox(other.host, chunked(archive, 65_536), { newId })
    const again = await collect(exportBox(other.host, record.id))
    expect(Buffer.from(again).equals(archive)).toBe(true)
  })
})
