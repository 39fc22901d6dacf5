// Images made of a directory or a tar, by a guest: what goes in comes out, and what would lead out does not come in.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { guestCache, findGuest } from '../../hosts/node/guest-assets.ts'
import { BoxLite, isBoxLiteError } from '../../hosts/node/index.ts'
import { encodeTarEntry, endOfTar } from '../../src/archive/tar-entry-writer.ts'
import type { TarEntryFacts } from '../../src/archive/tar-entry.ts'
import { refuses } from '../store/refuses.ts'

const MEBIBYTE = 2 ** 20

let folder: string
let lite: BoxLite
let guest = true

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'boxlite-import-image-'))
  lite = await BoxLite.open({ homeDir: join(folder, 'home') })
  try {
    await findGuest()
  } catch (error) {
    if (!isBoxLiteError(error, 'engine_unavailable')) throw error
    guest = false
  }
})
beforeEach((context) => {
  if (!guest) context.skip('no guest is built on this machine')
})
afterAll(async () => {
  await lite.close()
  rmSync(folder, { recursive: true })
})

const facts = { mode: 0o644, uid: 0, gid: 0, modifiedSeconds: 1_000_000_000, linkName: '', sizeBytes: 0, deviceMajor: 0, deviceMinor: 0 }

/** A tar of entries without content. */
function tarOf(...entries: (Pick<TarEntryFacts, 'name' | 'kind'> & Partial<TarEntryFacts>)[]): Buffer {
  return Buffer.concat([...entries.map((entry) => encodeTarEntry({ ...facts, ...entry })), endOfTar()])
}

function fileOf(name: string, bytes: Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

/** A tar of a whole root, with one file of each kind in /srv; made in a box. */
async function rootTar(): Promise<Uint8Array> {
  const box = await lite.create({ image: 'base', autoRemove: true })
  const make = 'echo kept > file; ln file hard; ln -s /srv/file soft; mknod null c 1 3; mkfifo pipe; chown 1000:5 file; chmod 4750 file'
  await box.exec('sh', ['-e', '-c', make], { cwd: '/srv' }).orThrow()
  const folders = ['bin', 'etc', 'home', 'lib', 'root', 'sbin', 'srv', 'tmp', 'usr', 'var']
  const options = { cwd: '/', encoding: 'buffer', maxOutputBytes: 64 * MEBIBYTE } as const
  const { stdout } = await box.exec('tar', ['-c', ...folders], options).orThrow()
  await box.stop()
  return stdout
}

/** What is left of the work of importing. */
const leftOvers = (): string[] => readdirSync(join(guestCache(), 'work')).filter((name) => name.startsWith('import-'))

describe('an image of a tar', () => {
  it('gives a box what the tar says: owners, modes, links of both kinds, devices', async () => {
    const steps: unknown[] = []
    const path = fileOf('root.tar.gz', gzipSync(await rootTar(), { level: 1 }))
    const before = leftOvers()
    const image = await lite.images.import('mine', { path }, { onProgress: (told) => steps.push(told.stage === 'build' ? told.step : null) })
    expect(steps).toContain('unpacking')
    expect(image.digest).toMatch(/^[0-9a-f]{64}$/)
    const box = await lite.create({ image: 'mine', autoRemove: true })
    const look = 'cat soft; readlink soft; stat -c "%n %a %u:%g %h %F %t" file hard null pipe; grep IMAGE /etc/boxlite-release'
    const { stdout } = await box.exec('sh', ['-e', '-c', look], { cwd: '/srv' }).orThrow()
    expect(stdout.split('\n')).toEqual([
      'kept',
      '/srv/file',
      'file 4750 1000:5 2 regular file 0',
      'hard 4750 1000:5 2 regular file 0',
      'null 644 0:0 1 character special file 1',
      'pipe 644 0:0 1 fifo 0',
      'IMAGE=base',
      '',
    ])
    await box.stop()
    expect(leftOvers()).toEqual(before)
  })

  it.each([
    ['an absolute path', tarOf({ name: '/etc/passwd', kind: 'file' })],
    ['a path that climbs', tarOf({ name: 'a/../../b', kind: 'file' })],
    ['a hard link to outside', tarOf({ name: 'a', kind: 'hardlink', linkName: '../../etc/passwd' })],
  ])('that names %s is refused before anything is started', async (_what, tar) => {
    await refuses(lite.images.import('bad', { path: fileOf('bad.tar', tar) }), 'invalid_argument', /not inside of it/)
  })

  it('that says it is enormous is refused before anything is made of it', async () => {
    const tar = encodeTarEntry({ ...facts, name: 'bomb', kind: 'file', sizeBytes: 100 * 2 ** 40 }, [])
    await refuses(lite.images.import('bad', { path: fileOf('bomb.tar', Buffer.concat([tar, endOfTar()])) }), 'limit', /more than an image may/)
  })

  it.each([
    ['no tar', Buffer.from('not a tar at all, but long enough to be looked at'.repeat(20))],
    ['an empty tar', endOfTar()],
    ['a damaged gzip', gzipSync(tarOf({ name: 'a', kind: 'file' })).fill(0xff, 12, 30)],
  ])('that is %s is corrupt', async (_what, bytes) => {
    await refuses(lite.images.import('bad', { path: fileOf('bad', bytes) }), 'corrupt', /./)
  })

  it('that is not there is told so, and a name that is taken, too', async () => {
    await refuses(lite.images.import('bad', { path: join(folder, 'nothing') }), 'not_found', /nothing/)
    await refuses(lite.images.import('base', { path: folder }), 'already_exists', /'base'/)
  })
})

describe('an image of a directory', () => {
  it('holds its files and links', async () => {
    const root = join(folder, 'root')
    mkdirSync(join(root, 'data'), { recursive: true })
    writeFileSync(join(root, 'data/big'), Buffer.alloc(3 * MEBIBYTE, 7))
    symlinkSync('big', join(root, 'data/link'))
    const { virtualSizeBytes } = await lite.images.import('data', { path: root })
    // Whole block groups.
    expect(virtualSizeBytes % (128 * MEBIBYTE)).toBe(0)
    const box = await lite.create({ image: 'data', autoRemove: true })
    const read = await box.files.read('/data/link')
    expect(Buffer.alloc(3 * MEBIBYTE, 7).equals(read)).toBe(true)
    await box.stop()
  })
})
