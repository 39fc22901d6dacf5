import { describe, expect, it } from 'vitest'
import { exportBox, type ExportOptions } from '../../src/archive/export.ts'
import { importBox, type ImportOptions } from '../../src/archive/import.ts'
import type { Disk } from '../../src/disk/disk.ts'
import type { LayerFile } from '../../src/host.ts'
import type { BoxRecord } from '../../src/operation/record.ts'
import { makeSmallBox } from './make-box.ts'
import { chunked, collect } from './streams.ts'
import { fillImage, KIB, MIB, newId, TestHome } from './test-home.ts'

const exported = async (home: TestHome, box: BoxRecord, options?: ExportOptions): Promise<Buffer> =>
  Buffer.from(await collect(exportBox(home.host, box.id, options)))

const imported = async (home: TestHome, archive: Uint8Array, options: Partial<ImportOptions> = {}): Promise<BoxRecord> =>
  (await importBox(home.host, chunked(archive, 10_000), { newId, nowMs: 1, ...options })).record

async function addImage(home: TestHome, work: (disk: Disk) => Promise<void>, imageId: string): Promise<void> {
  const fill = (_index: number, _layer: unknown, file: LayerFile): Promise<void> => fillImage(file, MIB, work)
  const layers = [{ name: `${newId()}.qcow2`, parent: null }]
  await home.perform({ kind: 'image.add', imageId, reference: 'base', layers, nowMs: 1 }, { fill })
}

/** A box on an image of this home, with a little of its own above. */
async function makeBoxOnImage(home: TestHome, work: (disk: Disk) => Promise<void>, imageId = 'a'.repeat(64)): Promise<BoxRecord> {
  await addImage(home, work, imageId)
  const box = await home.create({ name: 'on-image', image: imageId, base: 'image' })
  await home.write(box, (disk) => disk.write(MIB - 100, Buffer.from('own')))
  return box
}

const baseContent = (disk: Disk): Promise<void> => disk.write(0, Buffer.alloc(200 * KIB, 'base'))

describe('an archive without its base', () => {
  it('names it by digest, and is imported where an image has that content', async () => {
    const home = new TestHome()
    const box = await makeBoxOnImage(home, baseContent)
    const archive = await exported(home, box, { withoutBase: true })
    expect(archive.includes('basebase')).toBe(false)
    expect(['layers/0.layer', 'layers/1.layer'].map((name) => archive.includes(name))).toEqual([false, true])
    const other = new TestHome()
    await makeBoxOnImage(other, (disk) => disk.write(0, Buffer.from('another base')), 'b'.repeat(64))
    await expect(imported(other, archive, { name: 'copy' })).rejects.toMatchObject({ code: 'not_found' })
    await addImage(other, baseContent, 'c'.repeat(64))
    const copy = await imported(other, archive, { name: 'copy' })
    expect((await other.read(copy.live)).equals(await home.read(box.live))).toBe(true)
    expect(await other.garbage()).toEqual([])
    expect((await exported(other, copy, { withoutBase: true })).length).toBe(archive.length)
    expect((await exported(home, box)).includes('basebase')).toBe(true)
  })

  it('looks for its base in a home that nobody collects meanwhile', async () => {
    const home = new TestHome()
    const archive = await exported(home, await makeBoxOnImage(home, baseContent), { withoutBase: true })
    const other = new TestHome()
    const alone = await other.store.lock({ kind: 'home', mode: 'exclusive' })
    await expect(imported(other, archive)).rejects.toMatchObject({ code: 'busy' })
    await alone?.release()
    await expect(imported(other, archive)).rejects.toMatchObject({ code: 'not_found' })
    expect(await other.store.lock({ kind: 'home', mode: 'exclusive' })).not.toBeNull()
  })

  it('is refused for a box that stands on nothing but its own', async () => {
    const home = new TestHome()
    await expect(exported(home, await makeSmallBox(home), { withoutBase: true })).rejects.toMatchObject({ code: 'unsupported' })
  })
})

