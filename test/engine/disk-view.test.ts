// What a machine sees of the layers, where the file system does not do what it is asked to.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import type * as FileSystem from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { DiskView, removeDiskView, removeNames } from '../../hosts/node/qemu/disk-view.ts'
import type { Places } from '../../hosts/node/qemu/run-directory.ts'
import { BoxLiteError } from '../../src/error.ts'
import { errorCode } from '../error-code.ts'

const links = vi.hoisted(() => ({ left: Infinity, code: '' }))
vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof FileSystem>()
  const linkSync: typeof fs.linkSync = (from, to) => {
    if (links.left-- > 0) return fs.linkSync(from, to)
    throw Object.assign(new Error('injected'), { code: links.code })
  }
  return { ...fs, linkSync }
})

const [top, middle, base] = [`${'1'.repeat(32)}.qcow2`, `${'2'.repeat(32)}.qcow2`, `${'3'.repeat(32)}.raw`]

describe('the view of a disk', () => {
  let directory: string
  let places: Places

  beforeEach(async () => {
    links.left = Infinity
    directory = await mkdtemp(join(tmpdir(), 'boxlite-view-'))
    places = { layers: join(directory, 'layers'), run: join(directory, 'run'), runFromLayers: '../run' }
    await mkdir(places.layers)
    await mkdir(places.run)
    for (const layer of [top, middle, base]) await writeFile(join(places.layers, layer), layer)
  })
  afterEach(() => rm(directory, { recursive: true }))

  const seen = async (): Promise<string[]> => (await readdir(places.run, { recursive: true })).sort()

  it('has each layer under its own name while it is opened, those below the top where they can only be read, and then none', async () => {
    const view = (await DiskView.make(places, [top, middle, base]))!
    const said = await view.during([top], [middle, base], async () => {
      for (const layer of [top, middle, base]) expect(await readFile(join(places.run, layer), 'utf8')).toBe(layer)
      expect((await readdir(view.frozen)).sort()).toEqual([middle, base].sort())
      return 'opened'
    })
    expect([said, await seen()]).toEqual(['opened', ['frozen']])
    expect(await DiskView.find(places)).not.toBeNull()
  })

  it.each([0, 1, 2])('leaves no name where one of them cannot be made, number %i, or what was done with them fails', async (left) => {
    const view = (await DiskView.make(places, [top, middle, base]))!
    const failed = view.during([top], [middle], () => Promise.reject(new BoxLiteError('busy', 'injected')))
    expect(await errorCode(failed)).toBe('busy')
    Object.assign(links, { left, code: 'ENOSPC' })
    expect(await errorCode(view.during([top], [middle, base], async () => undefined))).toBe('no_space')
    expect(await seen()).toEqual(['frozen'])
  })

  it('is none where files cannot have two names, and leaves nothing', async () => {
    Object.assign(links, { left: 0, code: 'EPERM' })
    expect(await DiskView.make(places, [top, middle, base])).toBeNull()
    expect([await seen(), await DiskView.find(places)]).toEqual([[], null])
  })

  it('of an owner that died is taken back, what else there is stays', async () => {
    const view = (await DiskView.make(places, [top, middle]))!
    await writeFile(join(places.run, 'console.log'), 'said')
    await view.during([top], [middle], async () => {
      await removeNames(places.run)
      expect(await seen()).toEqual(['console.log', 'frozen'])
    })
    await removeDiskView(places.run)
    expect(await seen()).toEqual(['console.log'])
    await removeDiskView(join(directory, 'absent'))
  })
})
