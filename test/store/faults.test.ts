// Every call of node:fs failing once, in every operation of the store.
import { createFsFromVolume, Volume } from 'memfs'
import { describe, expect, it } from 'vitest'
import { createNodeFileSystem, type NodeFs } from '../../hosts/node/fs.ts'
import { BoxLiteError, isBoxLiteError, type ErrorCode } from '../../src/error.ts'
import { FileStore } from '../../src/store/file-store.ts'
import { openHome } from '../../src/store/home.ts'
import { MemoryLocks } from '../../src/store/memory-locks.ts'
import { refuses } from './refuses.ts'

const a = 'a'.repeat(32)
const layer = `${a}.qcow2`

describe('a layer whose fsync failed', () => {
  /** A store whose first fsync of a file fails, with one layer that was written. */
  async function failingOnce(): Promise<FileStore> {
    const fs = createFsFromVolume(new Volume()) as unknown as NodeFs
    await fs.promises.mkdir('/home', { mode: 0o700 })
    const files = createNodeFileSystem('/home', fs)
    await openHome(files, 'first')
    const store = new FileStore(files, new MemoryLocks().owner(), 'first')
    let failures = 1
    const open = files.open.bind(files)
    files.open = async (path, mode) => {
      const file = await open(path, mode)
      const sync = file.sync.bind(file)
      file.sync = async () => {
        if (failures-- > 0) throw new BoxLiteError('io', 'the device failed')
        await sync()
      }
      return file
    }
    return store
  }

  it('is never synced again, however often it is opened, until another file has its name', async () => {
    const store = await failingOnce()
    const file = await store.createLayer(layer)
    await refuses(file.sync(), 'io', /the device failed/)
    await refuses(file.sync(), 'io', /could not be made durable once/)
    await file.close()
    const again = await store.openLayer(layer, 'write')
    await refuses(again.sync(), 'io', /could not be made durable once/)
    await again.close()
    await store.remove('layers', layer)
    const other = await store.createLayer(layer)
    await other.sync()
    await other.close()
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

describe('a home that is made on a failing node:fs', () => {
  it('leaves no temporary file, and is made at the next try', async () => {
    for (let fail = 0, failed = true; failed; fail++) {
      const fs = createFsFromVolume(new Volume()) as unknown as NodeFs
      await fs.promises.mkdir('/home', { mode: 0o700 })
      let calls = 0
      const broken = createNodeFileSystem('/home', breaking(fs, () => calls++ === fail, 'ENOSPC'))
      failed = await openHome(broken, 'first').then(
        () => false,
        () => true,
      )
      expect(failed).toBe(calls > fail)
      const names = await createNodeFileSystem('/home', fs).list('')
      expect(names.filter((name) => name.endsWith('.tmp')), `call ${fail}`).toEqual([])
      await openHome(createNodeFileSystem('/home', fs), 'second')
      if (!failed) expect(fail).toBeGreaterThan(8)
    }
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
