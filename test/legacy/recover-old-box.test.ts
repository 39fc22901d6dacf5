import { linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Core } from '../../src/core/core.ts'
import { recoverOldBox, type OldRecovery } from '../../src/legacy/recover-old-box.ts'
import { OldHome, qcow2Header } from './old-home.ts'

const core = await Core.create()
const LIVE = 'disks/disk.qcow2'
const MARKER = '.snapshot_pending'

const recover = (home: OldHome): Promise<OldRecovery> => recoverOldBox(core, home.files, home.box)

/** What is in the box's home, its directories without a mark of their own. */
function boxTree(home: OldHome): Record<string, string> {
  const prefix = home.in('')
  return Object.fromEntries(
    Object.entries(home.tree())
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, content]) => [name.slice(prefix.length), content]),
  )
}

describe("the seed's own tests", () => {
  it('restores the disk', async () => {
    await using home = new OldHome()
    home.write(home.in('snapshots/test-snap/disk.qcow2'), 'disk-data')
    home.markSnapshot('test-snap')
    expect(await recover(home)).toMatchObject({ fate: 'restored', snapshot: 'test-snap', attention: null })
    expect(boxTree(home)).toEqual({ '': '', 'disks/': '', 'snapshots/': '', [LIVE]: 'disk-data' })
  })

  it('no-op when no marker', async () => {
    await using home = new OldHome()
    const before = home.tree()
    expect(await recover(home)).toEqual({ fate: 'none', moved: null, snapshot: null, markerAside: null, attention: null })
    expect(home.tree()).toEqual(before)
  })

  it('handles a corrupt marker', async () => {
    await using home = new OldHome()
    home.write(home.in(MARKER), 'not-json{{{')
    await recover(home)
    expect(boxTree(home)).not.toHaveProperty([MARKER])
  })

  it('preserves a completed snapshot', async () => {
    await using home = new OldHome()
    home.write(home.in(LIVE), 'cow-child')
    home.write(home.in('snapshots/completed-snap/disk.qcow2'), 'snapshot-base')
    home.markSnapshot('completed-snap')
    await recover(home)
    const tree = boxTree(home)
    expect(tree[LIVE]).toBe('cow-child')
    expect(tree['snapshots/completed-snap/disk.qcow2']).toBe('snapshot-base')
    expect(tree).toHaveProperty(['snapshots/completed-snap/'])
    expect(tree).not.toHaveProperty([MARKER])
  })
})

describe('a marker of the current form', () => {
  it('live missing, snapshot present: the disk goes back, and only an empty directory goes', async () => {
    await using home = new OldHome()
    home.write(home.in('snapshots/s/disk.qcow2'), 'disk-data')
    home.write(home.in('snapshots/s/notes.txt'), "somebody's")
    home.markSnapshot('s')
    expect(await recover(home)).toMatchObject({ fate: 'restored', moved: home.in('snapshots/s/disk.qcow2') })
    expect(boxTree(home)).toMatchObject({ [LIVE]: 'disk-data', 'snapshots/s/notes.txt': "somebody's" })
  })

  it('both present and the live disk backs on the snapshot: finished, wherever the home was moved to', async () => {
    await using home = new OldHome()
    const overlay = qcow2Header('/home/somebody/.boxlite/boxes/abcDEF123456/snapshots/s/disk.qcow2')
    home.write(home.in(LIVE), overlay)
    home.write(home.in('snapshots/s/disk.qcow2'), 'base')
    home.markSnapshot('s')
    expect(await recover(home)).toMatchObject({ fate: 'finished', snapshot: 's', markerAside: null, attention: null })
    expect(boxTree(home)).toMatchObject({ [LIVE]: overlay.toString('latin1'), 'snapshots/s/disk.qcow2': 'base' })
    expect(boxTree(home)).not.toHaveProperty([MARKER])
  })

  it.each([
    ['backs on another snapshot', qcow2Header('/h/boxes/b/snapshots/other/disk.qcow2')],
    ['backs on nothing', qcow2Header(null)],
    ['was torn while it was written', qcow2Header('/h/boxes/b/snapshots/s/disk.qcow2').subarray(0, 60)],
    ['is empty', Buffer.alloc(0)],
  ])('both present but the live disk %s: both kept, the box needs attention, the marker is kept aside', async (_, live) => {
    await using home = new OldHome()
    home.write(home.in(LIVE), live)
    home.write(home.in('snapshots/s/disk.qcow2'), 'base')
    home.markSnapshot('s')
    const marker = boxTree(home)[MARKER]
    const { fate, attention, markerAside } = await recover(home)
    expect([fate, markerAside]).toEqual(['unrelated', home.in('.snapshot_pending.aside-1')])
    expect(attention).toContain("'s'")
    expect(boxTree(home)).toMatchObject({ [LIVE]: live.toString('latin1'), 'snapshots/s/disk.qcow2': 'base', '.snapshot_pending.aside-1': marker })
  })

  it('both missing: the box needs attention and no other file is deleted', async () => {
    await using home = new OldHome()
    home.write(home.in('snapshots/s/notes.txt'), "somebody's")
    home.markSnapshot('s')
    const { fate, attention } = await recover(home)
    expect([fate, attention === null]).toEqual(['lost', false])
    expect(boxTree(home)).toHaveProperty(['snapshots/s/notes.txt'])
  })

  it('live present, snapshot missing: never made, nothing to do', async () => {
    await using home = new OldHome()
    home.write(home.in(LIVE), 'disk-data')
    mkdirSync(home.absolute(home.in('snapshots/s')))
    home.markSnapshot('s')
    expect(await recover(home)).toMatchObject({ fate: 'not_made', attention: null })
    expect(boxTree(home)).toEqual({ '': '', 'disks/': '', 'snapshots/': '', [LIVE]: 'disk-data' })
  })

  it('keeps a marker aside under a name of its own', async () => {
    await using home = new OldHome()
    for (const content of ['first', 'second', 'third']) {
      home.write(home.in(MARKER), content)
      await recover(home)
    }
    expect(boxTree(home)).toMatchObject({
      '.snapshot_pending.aside-1': 'first',
      '.snapshot_pending.aside-2': 'second',
      '.snapshot_pending.aside-3': 'third',
    })
  })
})

describe('a marker that cannot be understood', () => {
  it('lets the state decide: the one snapshot disk that nothing backs on goes back', async () => {
    await using home = new OldHome()
    home.write(home.in('snapshots/old/disk.qcow2'), qcow2Header('/h/bases/a.qcow2'))
    home.write(home.in('snapshots/new/disk.qcow2'), qcow2Header('/h/boxes/b/snapshots/old/disk.qcow2'))
    home.write(home.in(MARKER), '')
    expect(await recover(home)).toMatchObject({ fate: 'restored', snapshot: 'new', markerAside: home.in('.snapshot_pending.aside-1') })
    expect(Object.keys(boxTree(home)).sort()).toEqual(
      ['', '.snapshot_pending.aside-1', 'disks/', LIVE, 'snapshots/', 'snapshots/old/', 'snapshots/old/disk.qcow2'].sort(),
    )
  })

  it('takes back the base that stands on the snapshot, and never the snapshot', async () => {
    await using home = new OldHome()
    const saved = qcow2Header(null)
    home.write(home.in('snapshots/s/disk.qcow2'), saved)
    home.write('bases/a.qcow2', qcow2Header(`/h/boxes/${home.box}/snapshots/s/disk.qcow2`))
    home.write(home.in(MARKER), 'x')
    expect(await recover(home)).toMatchObject({ fate: 'restored', moved: 'bases/a.qcow2' })
    expect(home.tree()[home.in('snapshots/s/disk.qcow2')]).toBe(saved.toString('latin1'))
  })

  it('does not take another box of the same snapshot name for one that needs the disk', async () => {
    await using home = new OldHome()
    home.write(home.in('snapshots/s/disk.qcow2'), qcow2Header(null))
    home.write('boxes/other/disks/disk.qcow2', qcow2Header('/h/boxes/other/snapshots/s/disk.qcow2'))
    home.write(home.in(MARKER), 'x')
    expect(await recover(home)).toMatchObject({ fate: 'restored', snapshot: 's' })
  })

  it('reports when a snapshot or a base could be the live disk, and moves none', async () => {
    await using home = new OldHome()
    home.write(home.in('snapshots/s/disk.qcow2'), qcow2Header(null))
    home.write('bases/a.qcow2', qcow2Header(null))
    home.write(home.in(MARKER), 'x')
    const { [home.in(MARKER)]: _marker, ...rest } = home.tree()
    expect(await recover(home)).toMatchObject({ fate: 'ambiguous' })
    expect(home.tree()).toEqual({ ...rest, [home.in(`${MARKER}.aside-1`)]: 'x' })
  })

  it('reports when more than one could be the live disk, and moves none', async () => {
    await using home = new OldHome()
    home.write(home.in('snapshots/a/disk.qcow2'), 'a')
    home.write(home.in('snapshots/b/disk.qcow2'), 'b')
    home.write(home.in(MARKER), '{"snapshot_dir":')
    expect(await recover(home)).toMatchObject({ fate: 'ambiguous' })
    expect(boxTree(home)).toMatchObject({ 'snapshots/a/disk.qcow2': 'a', 'snapshots/b/disk.qcow2': 'b' })
  })

  it('reports a live disk that is no image, and keeps everything', async () => {
    await using home = new OldHome()
    home.write(home.in(LIVE), 'torn')
    home.write(home.in('snapshots/s/disk.qcow2'), qcow2Header(null))
    home.write(home.in(MARKER), '')
    const { fate, attention, markerAside } = await recover(home)
    expect([fate, attention === null, markerAside]).toEqual(['damaged', false, home.in('.snapshot_pending.aside-1')])
    expect(boxTree(home)).toMatchObject({ [LIVE]: 'torn', 'snapshots/s/disk.qcow2': qcow2Header(null).toString('latin1') })
  })

  it('reports when a chain cannot be read', async () => {
    await using home = new OldHome()
    const broken = qcow2Header(null)
    broken.writeUInt32BE(99, 20)
    home.write(home.in('snapshots/a/disk.qcow2'), 'a')
    home.write('boxes/other/disks/disk.qcow2', broken)
    home.write(home.in(MARKER), '[]')
    expect(await recover(home)).toMatchObject({ fate: 'ambiguous' })
  })

  it.each([
    ['nothing', ''],
    ['a beginning', '{'],
    ['a list', '[]'],
    ['null', 'null'],
    ['an object without fields', '{}'],
    ['a directory that is no text', '{"snapshot_dir":1,"container_disk":"/d"}'],
    ['a directory without a disk', '{"snapshot_dir":"/h/snapshots/s"}'],
    ['an empty directory', '{"snapshot_dir":"","container_disk":"/d"}'],
    ['a directory that leads up', '{"snapshot_dir":"/h/..","container_disk":"/d"}'],
    ['a hidden name', '{"snapshot_dir":"/h/.hidden","container_disk":"/d"}'],
    ['a name with a NUL', '{"snapshot_dir":"a\\u0000b","container_disk":"/d"}'],
    ['more behind it', '{"snapshot_dir":"/h/s","container_disk":"/d"} x'],
    ['a deep list', `${'['.repeat(20_000)}`],
    ['a long text', `"${'x'.repeat(70_000)}"`],
  ])('takes %s for no marker', async (_, content) => {
    const live = qcow2Header(null)
    await using home = new OldHome()
    home.write(home.in(LIVE), live)
    home.write(home.in(MARKER), content)
    expect(await recover(home)).toMatchObject({ fate: 'not_made', markerAside: home.in('.snapshot_pending.aside-1') })
    expect(boxTree(home)).toMatchObject({ [LIVE]: live.toString('latin1'), '.snapshot_pending.aside-1': content })
  })
})

describe('a move that was cut in the middle', () => {
  it.each([
    ['current', 'snapshots/s/disk.qcow2', { snapshot_dir: '/h/s', container_disk: '/d' }],
    ['older', '../../bases/a.qcow2', { bases_dir: '/h/bases', container_disk: '/d' }],
    ['unreadable', 'snapshots/s/disk.qcow2', {}],
  ])('goes on: one file under two names is the live disk (%s form)', async (_, place, marker) => {
    await using home = new OldHome()
    const disk = qcow2Header(null)
    home.write(home.in(place), disk)
    linkSync(home.absolute(home.in(place)), home.absolute(home.in(LIVE)))
    home.mark(marker)
    expect(await recover(home)).toMatchObject({ fate: 'restored', attention: null })
    expect(Object.entries(home.tree()).filter(([name]) => name.endsWith('.qcow2'))).toEqual([[home.in(LIVE), disk.toString('latin1')]])
  })
})

describe('a marker of the older form', () => {
  const mark = (home: OldHome): void => home.mark({ bases_dir: home.absolute('bases'), container_disk: home.absolute(home.in(LIVE)) })

  it('takes the newest base back when nothing else needs it', async () => {
    await using home = new OldHome()
    home.write('bases/needed.qcow2', 'older', 1000)
    home.write('bases/ours.qcow2', qcow2Header('/h/bases/needed.qcow2'), 2000)
    mark(home)
    expect(await recover(home)).toMatchObject({ fate: 'restored', moved: 'bases/ours.qcow2', markerAside: null })
    expect(Object.keys(home.tree()).filter((name) => name.endsWith('.qcow2')).sort()).toEqual(['bases/needed.qcow2', home.in(LIVE)])
  })

  it.each([
    ['another box backs on it', { newer: qcow2Header(null), other: '/h/bases/newer.qcow2' }],
    ['another one is free as well', { newer: qcow2Header(null), other: null }],
  ])('reports when %s, and moves nothing', async (_, { newer, other }) => {
    await using home = new OldHome()
    home.write('bases/older.qcow2', qcow2Header(null), 1000)
    home.write('bases/newer.qcow2', newer, 2000)
    home.write('boxes/other/disks/disk.qcow2', qcow2Header(other))
    mark(home)
    const before = home.tree()
    const { fate, markerAside } = await recover(home)
    expect([fate, markerAside]).toEqual(['ambiguous', home.in('.snapshot_pending.aside-1')])
    const moved = { ...before, [home.in('.snapshot_pending.aside-1')]: before[home.in(MARKER)] }
    delete moved[home.in(MARKER)]
    expect(home.tree()).toEqual(moved)
  })

  it('reports when two are equally new', async () => {
    await using home = new OldHome()
    home.write('bases/a.qcow2', 'a', 1000)
    home.write('bases/b.qcow2', qcow2Header('/h/bases/a.qcow2'), 1000)
    mark(home)
    expect(await recover(home)).toMatchObject({ fate: 'ambiguous' })
  })

  it('reports a missing disk when there is no base', async () => {
    await using home = new OldHome()
    mark(home)
    expect(await recover(home)).toMatchObject({ fate: 'lost' })
  })

  it('does nothing when the live disk is there', async () => {
    await using home = new OldHome()
    const live = qcow2Header(null)
    home.write(home.in(LIVE), live)
    home.write('bases/a.qcow2', 'a')
    mark(home)
    expect(await recover(home)).toMatchObject({ fate: 'not_made' })
    expect(home.tree()).toMatchObject({ [home.in(LIVE)]: live.toString('latin1'), 'bases/a.qcow2': 'a' })
  })
})

describe('nothing outside the box is touched', () => {
  it('whatever the marker says', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'boxlite-outside-'))
    writeFileSync(join(outside, 'disk.qcow2'), 'precious')
    const hostile = fc.constantFrom(outside, `${outside}/`, `${outside}/x`, '../../../../etc', '/etc/passwd', '/', '', '.', '..', 's')
    const paths = fc.oneof(hostile, fc.string())
    const value = fc.oneof(paths, fc.constant(null), fc.integer(), fc.constant([]))
    const marker = fc.record({ snapshot_dir: value, bases_dir: value, container_disk: value }, { requiredKeys: [] })
    await fc.assert(
      fc.asyncProperty(marker, fc.boolean(), async (content, hasLive) => {
        await using home = new OldHome()
        home.write('bases/one.qcow2', qcow2Header(null))
        home.write(home.in('snapshots/s/disk.qcow2'), 'snapshot')
        if (hasLive) home.write(home.in(LIVE), 'live')
        home.mark(content)
        await recover(home)
        const contents = Object.values(home.tree())
        expect(contents).toContain('snapshot')
        if (hasLive) expect(home.tree()[home.in(LIVE)]).toBe('live')
        expect(readdirSync(outside)).toEqual(['disk.qcow2'])
      }),
      { numRuns: 150 },
    )
    rmSync(outside, { recursive: true })
  })

  it.each(['disks', 'snapshots', 'snapshots/s', 'snapshots/s/disk.qcow2', LIVE])('through a symbolic link at %s', async (place) => {
    await using home = new OldHome()
    const outside = mkdtempSync(join(tmpdir(), 'boxlite-outside-'))
    mkdirSync(join(outside, 's'))
    for (const name of ['disk.qcow2', 's/disk.qcow2']) writeFileSync(join(outside, name), 'precious')
    home.write(home.in('snapshots/s/disk.qcow2'), 'snapshot')
    home.markSnapshot('s')
    rmSync(home.absolute(home.in(place)), { recursive: true, force: true })
    symlinkSync(place.endsWith('.qcow2') ? join(outside, 'disk.qcow2') : outside, home.absolute(home.in(place)))
    const before = home.tree()
    expect(await recover(home)).toMatchObject({ fate: 'strange', markerAside: null })
    expect(home.tree()).toEqual(before)
    expect(readdirSync(outside, { recursive: true }).sort()).toEqual(['disk.qcow2', 's', 's/disk.qcow2'])
    rmSync(outside, { recursive: true })
  })

  it.each(['', '.', '..', '../other', 'a/b', '/etc', 'a\0b', `${'x'.repeat(256)}`])('by the id %j', async (boxId) => {
    await using home = new OldHome()
    await expect(recoverOldBox(core, home.files, boxId)).rejects.toMatchObject({ code: 'invalid_argument' })
  })

  it('refuses a box that is not there', async () => {
    await using home = new OldHome()
    await expect(recoverOldBox(core, home.files, 'nobody')).rejects.toMatchObject({ code: 'not_found' })
  })
})
