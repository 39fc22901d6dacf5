// The conformance suite on every store that Node can have, and what only a store on files can get wrong.
import { link, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFsFromVolume, Volume } from 'memfs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createNodeFileSystem, type NodeFs } from '../../hosts/node/fs.ts'
import { openNodeStore } from '../../hosts/node/home.ts'
import type { Store } from '../../src/host.ts'
import { FileStore } from '../../src/store/file-store.ts'
import { openHome } from '../../src/store/home.ts'
import { MemoryLocks } from '../../src/store/memory-locks.ts'
import { MemoryHome, MemoryStore } from '../../src/store/memory-store.ts'
import { describeStore } from './conformance.ts'
import { refuses } from './refuses.ts'

describeStore('memory', async () => {
  const home = new MemoryHome()
  return { open: async () => new MemoryStore(home), discard: async () => {} }
})

describeStore('memfs', async () => {
  const fs = createFsFromVolume(new Volume()) as unknown as NodeFs
  await fs.promises.mkdir('/home', { mode: 0o700 })
  const locks = new MemoryLocks()
  let opened = 0
  return {
    async open() {
      const files = createNodeFileSystem('/home', fs)
      const nonce = `n${opened++}`
      await openHome(files, nonce)
      return new FileStore(files, locks.owner(), nonce)
    },
    discard: async () => {},
  }
})

describeStore('node:fs', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'boxlite-store-'))
  return {
    open: () => openNodeStore(join(directory, 'home')),
    discard: () => rm(directory, { recursive: true }),
  }
})

const a = 'a'.repeat(32)
const layer = `${a}.qcow2`

describe('a home on node:fs', () => {
  let directory: string
  let home: string
  const stores: Store[] = []
  const open = async (path = home): Promise<Store> => {
    const store = await openNodeStore(path)
    stores.push(store)
    return store
  }
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'boxlite-home-'))
    home = join(directory, 'home')
  })
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close()
    await rm(directory, { recursive: true })
  })

  it('is made with everything in it, for its owner only', async () => {
    const store = await open(join(home, 'deep', 'down'))
    await store.commitRecord('boxes', a, new Uint8Array(3), null, [])
    await (await store.createLayer(layer)).close()
    const names = await readdir(join(home, 'deep', 'down'), { recursive: true })
    expect(names.sort()).toEqual(['boxes', `boxes/${a}.json`, 'format', 'images', 'layers', `layers/${layer}`, 'states'])
    for (const name of names) {
      const stats = await stat(join(home, 'deep', 'down', name))
      expect([name, stats.mode & 0o777]).toEqual([name, stats.isDirectory() ? 0o700 : 0o600])
    }
    expect((await stat(join(home, 'deep'))).mode & 0o777).toBe(0o700)
  })

  it('is made by whoever is first, when several open it at once', async () => {
    const opened = await Promise.all(Array.from({ length: 5 }, () => open()))
    await opened[0]!.commitRecord('boxes', a, new Uint8Array(3), null, [])
    expect(await opened[4]!.list('boxes')).toEqual([`${a}.json`])
    expect((await readdir(home)).sort()).toEqual(['boxes', 'format', 'images', 'layers', 'states'])
  })

  it('may have a path longer than a socket could', async () => {
    const long = join(home, 'd'.repeat(200), 'e'.repeat(200), 'f'.repeat(200))
    const [one, two] = [await open(long), await open(long)]
    expect(await one.lock({ kind: 'box', id: a })).not.toBeNull()
    expect(await two.lock({ kind: 'box', id: a })).toBeNull()
    expect(await two.lock({ kind: 'box', id: 'b'.repeat(32) })).not.toBeNull()
  })

  it('is the same home by every path to it', async () => {
    const one = await open()
    await symlink(home, join(directory, 'alias'))
    const two = await open(join(directory, 'alias'))
    expect(await one.lock({ kind: 'box', id: a })).not.toBeNull()
    expect(await two.lock({ kind: 'box', id: a })).toBeNull()
  })

  it('locks more boxes at once than anyone has', async () => {
    const store = await open()
    const ids = Array.from({ length: 500 }, (_, i) => i.toString(16).padStart(32, '0'))
    const held = await Promise.all(ids.map((id) => store.lock({ kind: 'box', id })))
    expect(held).not.toContain(null)
    const other = await open()
    expect(new Set(await Promise.all(ids.map((id) => other.lock({ kind: 'box', id }))))).toEqual(new Set([null]))
  })

  it('of a newer version is refused by its number', async () => {
    await open()
    await writeFile(join(home, 'format'), 'boxlite home 2\n')
    await refuses(open(), 'unsupported', /version 2/)
    await writeFile(join(home, 'format'), 'something else')
    await refuses(open(), 'corrupt', /format/)
  })

  it('that lost a directory is refused rather than taken for empty', async () => {
    for (const name of ['boxes', 'images', 'layers', 'states']) {
      await open()
      await rm(join(home, name), { recursive: true })
      await refuses(open(), 'corrupt', new RegExp(name))
      await mkdir(join(home, name))
    }
    await rm(join(home, 'layers'), { recursive: true })
    await mkdir(join(directory, 'elsewhere'))
    await symlink(join(directory, 'elsewhere'), join(home, 'layers'))
    await refuses(open(), 'corrupt', /layers/)
  })

  it('whose making was interrupted is completed', async () => {
    await mkdir(join(home, 'boxes'), { recursive: true })
    await writeFile(join(home, 'format.0123abcd.tmp'), 'boxli')
    const store = await open()
    expect(await store.list('layers')).toEqual([])
    expect(await readFile(join(home, 'format'), 'utf8')).toBe('boxlite home 1\n')
    expect((await readdir(home)).sort()).toEqual(['boxes', 'format', 'images', 'layers', 'states'])
  })

  it('is not made in a directory that holds something else', async () => {
    await mkdir(home)
    await writeFile(join(home, 'thesis.txt'), 'precious')
    await refuses(open(), 'invalid_argument', /not a boxlite home/)
    expect(await readdir(home)).toEqual(['thesis.txt'])
  })

  it('follows no symbolic link', async () => {
    const store = await open()
    const outside = join(directory, 'outside')
    await writeFile(outside, 'secret')
    await symlink(outside, join(home, 'layers', layer))
    await symlink(outside, join(home, 'boxes', `${a}.json`))
    await refuses(store.openLayer(layer, 'read'), 'io', /symbolic link/)
    await refuses(store.openLayer(layer, 'write'), 'io', /symbolic link/)
    await refuses(store.createLayer(layer), 'already_exists', /exists/)
    await refuses(store.readRecord('boxes', a), 'io', /symbolic link/)
    await refuses(store.commitRecord('boxes', a, new Uint8Array(1), null, []), 'io', /symbolic link/)
    await symlink(directory, join(home, 'states', a))
    await store.remove('states', a)
    await store.remove('layers', layer)
    expect(await readFile(outside, 'utf8')).toBe('secret')
    expect(await readdir(join(home, 'boxes'))).toEqual([`${a}.json`])
  })

  it('opens regular files only', async () => {
    const store = await open()
    await mkdir(join(home, 'layers', layer))
    await refuses(store.openLayer(layer, 'read'), 'io', /not a regular file/)
  })

  it('does not write into a file that has another name as well', async () => {
    const store = await open()
    await (await store.createLayer(layer)).close()
    await link(join(home, 'layers', layer), join(directory, 'backup'))
    await refuses(store.openLayer(layer, 'write'), 'io', /other names/)
    await (await store.openLayer(layer, 'read')).close()
  })

  it('removes a saved machine with all that is in it', async () => {
    const store = await open()
    await mkdir(join(home, 'states', a, 'inner'), { recursive: true })
    await writeFile(join(home, 'states', a, 'inner', 'memory'), 'x')
    await store.remove('states', a)
    expect(await store.list('states')).toEqual([])
  })
})
