import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, openSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BoxLite, openOldHome } from '../../hosts/node/node.ts'
import type { LayerFile } from '../../src/host.ts'
import { adoptBox, type Adoption } from '../../src/legacy/adopt.ts'
import { newId, TestHome } from '../archive/test-home.ts'
import { OldHome, qcow2Header } from './old-home.ts'

const LIVE = 'disks/disk.qcow2'

/** Makes an image as the prior implementation has it: an absolute backing name. */
function makeImage(home: OldHome, path: string, backing: string | null, commands: string[]): void {
  const full = home.absolute(path)
  mkdirSync(dirname(full), { recursive: true })
  const format = path.endsWith('.qcow2') ? 'qcow2' : 'raw'
  const below = backing === null ? ['1M'] : []
  const on = backing === null ? [] : ['-b', home.absolute(backing), '-F', backing.endsWith('.qcow2') ? 'qcow2' : 'raw']
  execFileSync('qemu-img', ['create', '-q', '-f', format, ...on, full, ...below])
  execFileSync('qemu-io', ['-f', format, ...commands.flatMap((command) => ['-c', command]), full])
}

/** What qemu reads from an image of the old home. */
const qemuReads = (home: OldHome, path: string): Buffer => {
  const raw = home.absolute('converted.raw')
  execFileSync('qemu-img', ['convert', '-O', 'raw', home.absolute(path), raw])
  const bytes = readFileSync(raw)
  rmSync(raw)
  return bytes
}

/** A box on a raw base, with two snapshots and an older branch. */
function makeOldBox(home: OldHome): void {
  makeImage(home, 'images/disk-images/sha256-abc.ext4', null, ['write -P 1 0 300k'])
  makeImage(home, 'bases/k3xq.qcow2', 'images/disk-images/sha256-abc.ext4', ['write -P 2 64k 64k'])
  makeImage(home, home.in('snapshots/first/disk.qcow2'), 'bases/k3xq.qcow2', ['write -P 3 128k 1k'])
  makeImage(home, home.in('snapshots/second/disk.qcow2'), home.in('snapshots/first/disk.qcow2'), ['write -z 0 64k'])
  makeImage(home, home.in(LIVE), home.in('snapshots/first/disk.qcow2'), ['write -P 5 900k 64k'])
}

async function adopt(old: OldHome, target: TestHome): Promise<Adoption> {
  const home = await openOldHome(old.root)
  try {
    return await adoptBox(target.host, home, old.box, { newId, nowMs: 1 })
  } finally {
    await home.files.close()
  }
}

describe('adoption', () => {
  it('copies a box with its snapshots, and changes nothing in the old home', async () => {
    await using old = new OldHome()
    makeOldBox(old)
    const tree = old.tree()
    const target = new TestHome()
    const { record, recovery } = await adopt(old, target)
    expect(recovery.fate).toBe('none')
    expect(record.name).toBe(old.box)
    const [first, second] = record.snapshots
    expect(record.snapshots.map(({ name, parent, consistency }) => [name, parent, consistency])).toEqual([
      ['first', null, 'crash'],
      ['second', first?.id, 'crash'],
    ])
    expect(record.liveParent).toBe(first?.id)
    expect((await target.read(record.live)).equals(qemuReads(old, old.in(LIVE)))).toBe(true)
    expect((await target.read(first?.layer ?? '')).equals(qemuReads(old, old.in('snapshots/first/disk.qcow2')))).toBe(true)
    expect((await target.read(second?.layer ?? '')).equals(qemuReads(old, old.in('snapshots/second/disk.qcow2')))).toBe(true)
    expect(old.tree()).toEqual(tree)
    expect(await target.garbage()).toEqual([])
    expect((await target.store.list('layers')).every((name) => name.endsWith('.qcow2'))).toBe(true)
  })

  it('is a call of the public API', async () => {
    await using old = new OldHome()
    makeOldBox(old)
    const home = await openOldHome(old.root)
    const lite = await BoxLite.open({ homeDir: join(old.root, 'store') })
    const { box, recovery } = await lite.adopt(home, old.box)
    expect([box.name, recovery.fate]).toEqual([old.box, 'none'])
    expect((await box.snapshot.list()).map(({ name }) => name).sort()).toEqual(['first', 'second'])
    expect((await lite.get(old.box))?.id).toBe(box.id)
    await lite.close()
    await home.files.close()
  })

  it('happens once: the name is taken then', async () => {
    await using old = new OldHome()
    makeOldBox(old)
    const target = new TestHome()
    await adopt(old, target)
    await expect(adopt(old, target)).rejects.toMatchObject({ code: 'already_exists' })
    expect(await target.garbage()).toEqual([])
  })

  it('settles an interrupted snapshot first', async () => {
    await using old = new OldHome()
    makeOldBox(old)
    const live = qemuReads(old, old.in(LIVE))
    mkdirSync(old.absolute(old.in('snapshots/third')))
    renameSync(old.absolute(old.in(LIVE)), old.absolute(old.in('snapshots/third/disk.qcow2')))
    old.markSnapshot('third')
    const target = new TestHome()
    const { record, recovery } = await adopt(old, target)
    expect(recovery).toMatchObject({ fate: 'restored', snapshot: 'third' })
    expect(record.snapshots.map(({ name }) => name)).toEqual(['first', 'second'])
    expect((await target.read(record.live)).equals(live)).toBe(true)
  })

  it('finds the disks of a home that was moved', async () => {
    await using old = new OldHome()
    makeOldBox(old)
    await using moved = new OldHome()
    execFileSync('cp', ['-r', `${old.root}/.`, moved.root])
    const expected = qemuReads(old, old.in(LIVE))
    rmSync(old.absolute('bases'), { recursive: true })
    const target = new TestHome()
    const { record } = await adopt(moved, target)
    expect(record.snapshots).toHaveLength(2)
    expect((await target.read(record.live)).equals(expected)).toBe(true)
  })

  it('refuses a box that needs a person first, and a box without a disk', async () => {
    await using old = new OldHome()
    await expect(adopt(old, new TestHome())).rejects.toMatchObject({ code: 'invalid_state' })
    old.markSnapshot('gone')
    await expect(adopt(old, new TestHome())).rejects.toMatchObject({ code: 'invalid_state', facts: { fate: 'lost' } })
  })

  it.each(['/etc/passwd', '/h/bases/../../../etc/passwd', '/h/snapshots/../disk.qcow2', 'json:{"driver":"file"}', '/h/elsewhere/x.qcow2'])(
    'follows no backing name that leads elsewhere: %s',
    async (name) => {
      await using old = new OldHome()
      makeImage(old, old.in(LIVE), null, ['write 0 64k'])
      writeFileSync(old.absolute(old.in(LIVE)), qcow2Header(name))
      const target = new TestHome()
      await expect(adopt(old, target)).rejects.toMatchObject({ facts: { path: old.in(LIVE) } })
      expect(await target.store.list('layers')).toEqual([])
    },
  )

  it('follows no symbolic link, whichever part of a path it is', async () => {
    for (const link of ['bases', 'bases/k3xq.qcow2', 'images', 'images/disk-images', 'images/disk-images/sha256-abc.ext4']) {
      await using old = new OldHome()
      makeOldBox(old)
      renameSync(old.absolute(link), old.absolute('moved-away'))
      symlinkSync(old.absolute('moved-away'), old.absolute(link))
      await expect(adopt(old, new TestHome())).rejects.toMatchObject({ code: 'corrupt' })
    }
  })

  it('refuses a chain that bites its own tail', async () => {
    await using old = new OldHome()
    makeOldBox(old)
    execFileSync('qemu-img', ['rebase', '-u', '-b', old.absolute('bases/k3xq.qcow2'), '-F', 'qcow2', old.absolute('bases/k3xq.qcow2')])
    await expect(adopt(old, new TestHome())).rejects.toMatchObject({ code: 'limit' })
  })

  it('is refused while a machine of the box may live', async () => {
    await using old = new OldHome()
    makeOldBox(old)
    const refused = async (evidence: string | RegExp): Promise<void> => {
      await expect(adopt(old, new TestHome())).rejects.toMatchObject({ code: 'busy' })
      await expect(adopt(old, new TestHome())).rejects.toThrow(evidence)
    }
    old.write(old.in('shim.pid'), `${process.pid}\n12345\n`)
    await refused(`process ${process.pid}`)
    old.write(old.in('shim.pid'), 'garbage')
    await refused('does not say a process id')
    const dead = spawn('true')
    await once(dead, 'exit')
    old.write(old.in('shim.pid'), `${dead.pid}\n`)
    const holder = spawn('cat', [], { stdio: ['pipe', 'ignore', openSync(old.absolute(old.in(LIVE)), 'r+')] })
    await once(holder, 'spawn')
    await refused(`process ${holder.pid} has`)
    holder.stdin?.end()
    await once(holder, 'exit')
    expect((await adopt(old, new TestHome())).record.name).toBe(old.box)
  })

  it('never looks outside the boxes for one', async () => {
    await using old = new OldHome()
    makeOldBox(old)
    old.write('shim.pid', 'garbage')
    const home = await openOldHome(old.root)
    for (const id of ['..', '../boxes', 'a/b', '']) {
      await expect(adoptBox(new TestHome().host, home, id, { newId, nowMs: 1 })).rejects.toMatchObject({ code: 'invalid_argument' })
    }
    await home.files.close()
  })

  it('leaves nothing in the new home when the old one cannot be read', async () => {
    await using old = new OldHome()
    makeOldBox(old)
    const home = await openOldHome(old.root)
    const opening = home.files.open.bind(home.files)
    home.files.open = async (path, mode) => {
      const file = await opening(path, mode)
      const broken = { size: () => file.size(), close: () => file.close(), read: () => Promise.reject(new Error('bad sector')) }
      return path.endsWith('.ext4') ? (broken as unknown as LayerFile) : file
    }
    const target = new TestHome()
    await expect(adoptBox(target.host, home, old.box, { newId, nowMs: 1 })).rejects.toThrow('bad sector')
    expect([await target.store.list('layers'), await target.store.list('boxes')]).toEqual([[], []])
    await home.files.close()
  })
})
