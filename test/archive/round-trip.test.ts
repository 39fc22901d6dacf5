import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { exportBox, type ExportOptions } from '../../src/archive/export.ts'
import { importBox, type ImportOptions } from '../../src/archive/import.ts'
import type { LayerFile } from '../../src/host.ts'
import type { BoxRecord } from '../../src/operation/record.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { makeBranchedBox, makeSmallBox } from './make-box.ts'
import { chunked, collect } from './streams.ts'
import { KIB, newId, TestHome } from './test-home.ts'

class CountingStore extends MemoryStore {
  opened = 0

  override openLayer(name: string, mode: 'read' | 'write'): Promise<LayerFile> {
    this.opened++
    return super.openLayer(name, mode)
  }
}

const folder = mkdtempSync(join(tmpdir(), 'boxlite-archive-'))
afterAll(() => rmSync(folder, { recursive: true }))

const exported = async (home: TestHome, box: BoxRecord, options?: ExportOptions): Promise<Buffer> =>
  Buffer.from(await collect(exportBox(home.host, box.id, options)))

const imported = async (home: TestHome, archive: Uint8Array, options: Partial<ImportOptions> = {}): Promise<BoxRecord> =>
  (await importBox(home.host, chunked(archive, 10_000), { newId, nowMs: 1, ...options })).record

/** The members of an archive, as the system's tar unpacks them. */
function unpacked(archive: Buffer): Map<string, Buffer> {
  const file = join(folder, 'archive.tar')
  writeFileSync(file, archive)
  const names = execFileSync('tar', ['-tf', file], { encoding: 'utf8' }).trim().split('\n')
  return new Map(names.map((name) => [name, execFileSync('tar', ['-xOf', file, name], { maxBuffer: 1e9 })]))
}

describe('an archive', () => {
  it('brings every snapshot and the disk back as they were, and the tree', async () => {
    const home = new TestHome()
    const box = await makeBranchedBox(home)
    const archive = await exported(home, box)
    const other = new TestHome()
    const copy = await imported(other, archive)
    const contents = (await home.contents(box.id)) as Record<string, unknown>
    expect(await other.contents(copy.id)).toEqual({ ...contents, config: { image: 'base', cpus: 2, labels: { app: 'b', team: 'a' }, createdAt: 1 } })
    expect(await other.garbage()).toEqual([])
  })

  it('carries no secret and nothing of this host', async () => {
    const home = new TestHome()
    const archive = await exported(home, await makeBranchedBox(home))
    for (const secret of ['secret-value', 'TOKEN', '/home/me', 'hostPath']) expect(archive.includes(secret)).toBe(false)
    expect(archive.includes('gone')).toBe(true)
  })

  it('of an imported box is the archive it was imported from, byte for byte', async () => {
    const home = new TestHome()
    const box = await makeBranchedBox(home)
    const archive = await exported(home, box)
    expect((await exported(home, box)).equals(archive)).toBe(true)
    const other = new TestHome()
    expect((await exported(other, await imported(other, archive))).equals(archive)).toBe(true)
  })

  it('is the same before and after layers are merged', async () => {
    const home = new TestHome()
    let box = await makeBranchedBox(home)
    let merged = 0
    for (const name of [null, 'branch', 'three', 'one']) {
      if (name !== null) box = await home.removeSnapshot(box.id, name)
      const archive = await exported(home, box)
      merged += await home.merge()
      expect((await exported(home, box)).equals(archive), name ?? 'at first').toBe(true)
    }
    expect(merged).toBeGreaterThan(2)
  })

  it('of a long history costs as much a snapshot as one of a short history', async () => {
    /** How many files are opened for each snapshot, to export and to import it. */
    const opened = async (snapshots: number): Promise<readonly [number, number]> => {
      const [from, to] = [new CountingStore(), new CountingStore()]
      const home = new TestHome(from)
      let box = await home.create()
      for (let i = 0; i < snapshots; i++) {
        await home.write(box, (disk) => disk.write(i * 4 * KIB, new Uint8Array(4 * KIB).fill(i + 1)))
        box = await home.snapshot(box.id, `s${i}`)
      }
      from.opened = 0
      const archive = await exported(home, box)
      const other = new TestHome(to)
      const copy = await imported(other, archive)
      const counts = [from.opened / snapshots, to.opened / snapshots] as const
      expect(await other.contents(copy.id)).toMatchObject({ live: ((await home.contents(box.id)) as { live: string }).live })
      return counts
    }
    const [short, long] = [await opened(10), await opened(60)]
    for (const direction of [0, 1] as const) expect(long[direction]).toBeLessThanOrEqual(short[direction])
  })

  it('opens with tar and is proven by sha256sum', async () => {
    const home = new TestHome()
    const members = unpacked(await exported(home, await makeSmallBox(home)))
    expect([...members.keys()]).toEqual(['manifest.json', 'layers/0.layer', 'layers/1.layer', 'SHA256SUMS'])
    execFileSync('tar', ['-xf', 'archive.tar'], { cwd: folder })
    expect(execFileSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: folder, encoding: 'utf8' })).toContain('layers/1.layer: OK')
  })

  it('holds allocated clusters only, and says of a discarded one that it is zero', async () => {
    const home = new TestHome()
    const members = unpacked(await exported(home, await makeSmallBox(home)))
    const layer = members.get('layers/1.layer') as Buffer
    const records = [Buffer.alloc(24), Buffer.alloc(24), Buffer.alloc(24)] as const
    for (const [index, [kind, offset, length]] of ([[1, 0, 64 * KIB], [2, 64 * KIB, 64 * KIB], [0, 130 * KIB, 0]] as const).entries()) {
      records[index]?.writeUInt32BE(kind, 0)
      records[index]?.writeBigUInt64BE(BigInt(offset), 8)
      records[index]?.writeBigUInt64BE(BigInt(length), 16)
    }
    const data = Buffer.alloc(64 * KIB)
    data.write('above')
    data.write('below', 1000)
    const size = Buffer.alloc(8)
    size.writeBigUInt64BE(BigInt(130 * KIB))
    expect(layer.equals(Buffer.concat([Buffer.from('BOXLAYER'), size, records[0], data, records[1], records[2]]))).toBe(true)
  })

  it('takes another name, or none', async () => {
    const home = new TestHome()
    const archive = await exported(home, await makeSmallBox(home))
    await expect(imported(home, archive)).rejects.toMatchObject({ code: 'already_exists' })
    expect((await imported(home, archive, { name: 'copy' })).name).toBe('copy')
    expect((await imported(home, archive, { name: null })).name).toBeNull()
    expect(await home.garbage()).toEqual([])
  })

  it('of one snapshot holds that one and its disk', async () => {
    const home = new TestHome()
    const box = await makeBranchedBox(home)
    const one = box.snapshots.find(({ name }) => name === 'branch') as BoxRecord['snapshots'][number]
    for (const snapshot of ['branch', one.id]) {
      const archive = await exported(home, box, { snapshot })
      expect(archive.includes('gone')).toBe(false)
      const other = new TestHome()
      const copy = await imported(other, archive)
      expect(copy.snapshots).toMatchObject([{ name: 'branch', parent: null }])
      expect(copy.liveParent).toBe(copy.snapshots[0]?.id)
      expect((await other.read(copy.live)).equals(await home.read(one.layer))).toBe(true)
      expect((await exported(other, copy, { snapshot: 'branch' })).equals(archive)).toBe(true)
    }
    await expect(exported(home, box, { snapshot: 'bran' })).rejects.toThrow(`snapshot 'bran' not found for box '${box.id}'`)
  })

  it('is refused while someone else has the box, and keeps no lock when it is left early', async () => {
    const home = new TestHome()
    const box = await makeSmallBox(home)
    const stream = exportBox(home.host, box.id)
    await stream.next()
    await expect(exported(home, box)).rejects.toMatchObject({ code: 'busy' })
    await stream.return()
    await exported(home, box)
    expect(await home.store.lock({ kind: 'home', mode: 'exclusive' })).not.toBeNull()
  })

  it('is called off by its signal, either way, and leaves nothing', async () => {
    const home = new TestHome()
    const box = await makeBranchedBox(home)
    const archive = await exported(home, box)
    for (const stage of ['measure', 'export', 'import'] as const) {
      const controller = new AbortController()
      const options = {
        signal: controller.signal,
        onProgress: (progress: { stage: string; doneBytes: number }) => {
          if (progress.stage === stage && (stage === 'measure' || progress.doneBytes > 100_000)) controller.abort(new Error('enough'))
        },
      }
      const other = new TestHome()
      const work = stage === 'import' ? imported(other, archive, options) : exported(home, box, options)
      await expect(work).rejects.toMatchObject({ code: 'aborted' })
      expect([await other.store.list('layers'), await other.store.list('boxes')]).toEqual([[], []])
    }
    expect(await exported(home, box)).toHaveLength(archive.length)
  })

  it('reports how far it is, up to the end', async () => {
    const home = new TestHome()
    const box = await makeSmallBox(home)
    const seen: { stage: string; doneBytes: number; totalBytes: number | null }[] = []
    await exported(home, box, { onProgress: (progress) => seen.push(progress) })
    expect(seen[0]).toEqual({ stage: 'measure', doneBytes: 0, totalBytes: null })
    expect(seen.at(-1)).toMatchObject({ stage: 'export', doneBytes: seen.at(-1)?.totalBytes })
  })
})

describe('foreign images', () => {
  const make = (name: string, options: string[], commands: string[]): Buffer => {
    const path = join(folder, name)
    execFileSync('qemu-img', ['create', '-q', ...options, path, '3M'])
    execFileSync('qemu-io', [...commands.flatMap((command) => ['-c', command]), ...(name.endsWith('.raw') ? ['-f', 'raw'] : []), path])
    return readFileSync(path)
  }
  const commands = ['write -P 1 0 200k', 'write -P 2 1100k 3k', 'write -z 512k 256k', 'write -P 3 3071k 1k', 'write -P 0 2M 64k']

  it.each([
    ['raw.raw', ['-f', 'raw']],
    ['small-clusters.qcow2', ['-f', 'qcow2', '-o', 'cluster_size=512']],
    ['large-clusters.qcow2', ['-f', 'qcow2', '-o', 'cluster_size=2M']],
    ['extended.qcow2', ['-f', 'qcow2', '-o', 'extended_l2=on,cluster_size=128k']],
  ])('become layers of our own form with the same bytes: %s', async (name, options) => {
    const image = make(name, options, commands)
    const home = new TestHome()
    const layer = `${newId()}${name.slice(name.lastIndexOf('.'))}`
    const fill = (_index: number, _layer: unknown, file: LayerFile): Promise<void> => file.write(image, 0)
    const box = await home.create({ layers: [{ name: layer, parent: null }], base: layer }, fill)
    await home.write(box, (disk) => disk.write(1_200_000, Buffer.from('own')))
    const archive = await exported(home, box)
    const other = new TestHome()
    const copy = await imported(other, archive)
    expect((await other.read(copy.live)).equals(await home.read(box.live))).toBe(true)
    expect((await exported(other, copy)).equals(archive)).toBe(true)
    expect((await other.store.list('layers')).every((layerName) => layerName.endsWith('.qcow2'))).toBe(true)
  })
})
