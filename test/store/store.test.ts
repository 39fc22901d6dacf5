// The conformance suite on every store that Node can have, and what only a store on files can get wrong.
import { link, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFsFromVolume, Volume } from 'memfs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createNodeFileSystem, type NodeFs } from '../../hosts/node/fs.ts'
import { openNodeStore } from '../../hosts/node/home.ts'
import { isBoxLiteError, type ErrorCode } from '../../src/error.ts'
import type { Store } from '../../src/host.ts'
import { FileStore } from '../../src/store/file-store.ts'
import { openHome } from '../../src/store/home.ts'
import { MemoryLocks } from '../../src/store/memory-locks.ts'
import { MemoryHome, MemoryStore } from '../../src/store/memory-store.ts'
import { describeStore } from './conformance.ts'

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

describe('a store on a failing node:fs', () => {
  const cases: readonly (readonly [errno: string, code: ErrorCode])[] = [
    ['ENOSPC', 'no_space'],
    ['EDQUOT', 'no_space'],
    ['EIO', 'io'],
    ['EACCES', 'io'],
    ['EROFS', 'io'],
    ['EMFILE', 'io'],
    ['ELOOP', 'io'],
  ]
  const old = new TextEncoder().encode('old')
  const young = new TextEncoder().encode('new')

  /** A fresh home with one record and one layer, and a store whose `fail`th call of `node:fs` from now on fails. */
  async function failing(errno: string, fail: number): Promise<{ store: FileStore; calls: () => number; sound: () => FileStore }> {
    const fs = createFsFromVolume(new Volume()) as unknown as NodeFs
    await fs.promises.mkdir('/home', { mode: 0o700 })
    const files = createNodeFileSystem('/home', fs)
    await openHome(files, 'first')
    const locks = new MemoryLocks()
    const before = new FileStore(files, locks.owner(), 'first')
    await before.commitRecord('boxes', a, old, null, [])
    await (await before.createLayer(layer)).close()
    let calls = 0
    const broken = breaking(fs, () => calls++ === fail, errno)
    return {
      store: new FileStore(createNodeFileSystem('/home', broken), locks.owner(), 'second'),
      calls: () => calls,
      sound: () => new FileStore(createNodeFileSystem('/home', fs), locks.owner(), 'third'),
    }
  }

  const actions: Readonly<Record<string, (store: FileStore) => Promise<unknown>>> = {
    list: (store) => store.list('boxes'),
    readRecord: (store) => store.readRecord('boxes', a),
    commitRecord: (store) => store.commitRecord('boxes', a, young, old, []),
    removeRecord: (store) => store.removeRecord('boxes', a, old, []),
    createLayer: async (store) => (await store.createLayer(`${a}.raw`)).close(),
    syncDirectory: (store) => store.syncDirectory('layers'),
    readLayerHead: (store) => store.readLayerHead(layer, 10),
    remove: (store) => store.remove('layers', layer),
    'writing a layer': async (store) => {
      const file = await store.openLayer(layer, 'write')
      try {
        await file.write(young, 0)
        await file.truncate(10)
        await file.size()
        await file.read(new Uint8Array(3), 0)
        await file.sync()
      } finally {
        await file.close()
      }
    },
  }

  for (const [name, action] of Object.entries(actions)) {
    it(`says what failed in ${name}, whichever call it is, and leaves the record old, new or gone`, async () => {
      for (const [errno, code] of cases) {
        for (let fail = 0; ; fail++) {
          const { store, calls, sound } = await failing(errno, fail)
          const error: unknown = await action(store).then(
            () => null,
            (reason: unknown) => reason,
          )
          if (calls() <= fail) {
            expect(error).toBeNull()
            expect(fail).toBeGreaterThan(0)
            break
          }
          expect(isBoxLiteError(error) && [error.code, error.facts['errno'], error.fault], `${errno} in call ${fail}`).toEqual([code, errno, 'host'])
          expect(isBoxLiteError(error) && error.remedy).toBeTruthy()
          const record = await sound().readRecord('boxes', a)
          const allowed = name === 'removeRecord' ? ['old', null] : name === 'commitRecord' ? ['old', 'new'] : ['old']
          expect(allowed).toContain(record && new TextDecoder().decode(record))
        }
      }
    })
  }

  it('gives a file up whose sync failed, and writes the next commit under another name', async () => {
    const fs = createFsFromVolume(new Volume()) as unknown as NodeFs
    await fs.promises.mkdir('/home', { mode: 0o700 })
    await openHome(createNodeFileSystem('/home', fs), 'first')
    const synced: string[] = []
    let failures = 1
    const watched: NodeFs = {
      ...fs,
      promises: {
        ...methodsOf(fs.promises),
        async open(path, flags, mode) {
          const handle = await fs.promises.open(path, flags, mode)
          return {
            ...methodsOf(handle),
            async sync() {
              synced.push(path)
              if (path.endsWith('.tmp') && failures-- > 0) throw Object.assign(new Error('EIO'), { code: 'EIO' })
            },
          }
        },
      },
    }
    const store = new FileStore(createNodeFileSystem('/home', watched), new MemoryLocks().owner(), 'x')
    await refuses(store.commitRecord('boxes', a, young, null, []), 'io', /sync/)
    expect(await store.list('boxes')).toEqual([])
    await store.commitRecord('boxes', a, young, null, [])
    expect(synced).toEqual([`/home/boxes/${a}.x-0.tmp`, `/home/boxes/${a}.x-1.tmp`, '/home/boxes'])
  })
})

/** `fs`, but the calls for which `fails` says so reject with `errno` and do nothing. */
function breaking(fs: NodeFs, fails: () => boolean, errno: string): NodeFs {
  const failure = (): NodeJS.ErrnoException => Object.assign(new Error(errno), { code: errno })
  const step = <T>(call: () => T): T => {
    if (fails()) throw failure()
    return call()
  }
  const wrap = <T extends object>(target: T): T => {
    const entries = Object.entries(methodsOf(target)).map(([name, method]) => [
      name,
      async (...given: unknown[]) => {
        // A file that cannot be closed would stay open for ever; a host never has that.
        if (name !== 'close' && fails()) throw failure()
        const result: unknown = await (method as (...given: unknown[]) => Promise<unknown>)(...given)
        return name === 'open' ? wrap(result as object) : result
      },
    ])
    return Object.fromEntries(entries) as T
  }
  return {
    ...fs,
    openSync: (path, flags) => step(() => fs.openSync(path, flags)),
    readSync: (descriptor, target, offset, length, position) => step(() => fs.readSync(descriptor, target, offset, length, position)),
    fstatSync: (descriptor) => step(() => fs.fstatSync(descriptor)),
    promises: wrap(fs.promises),
  }
}

/** The methods that the store uses, of an object whose own are on its prototype. */
function methodsOf<T extends object>(target: T): T {
  const names = ['open', 'lstat', 'readdir', 'mkdir', 'rename', 'unlink', 'rmdir', 'read', 'write', 'truncate', 'stat', 'sync', 'close']
  const record = target as Record<string, (...given: unknown[]) => unknown>
  return Object.fromEntries(names.filter((name) => name in target).map((name) => [name, (...given: unknown[]) => record[name]!(...given)])) as T
}

async function refuses(promise: Promise<unknown>, code: ErrorCode, words: RegExp): Promise<void> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (!isBoxLiteError(error)) throw new Error(`expected ${code}`, { cause: error })
  expect(error.code).toBe(code)
  expect(error.message).toMatch(words)
}
