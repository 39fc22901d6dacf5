// Where Node looks for the guest, in which order, and what it says when there is none.
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { findGuest, verifyGuest } from '../../hosts/node/guest-assets.ts'
import { nodeHost } from '../../hosts/node/host.ts'
import { BoxLite } from '../../hosts/node/index.ts'
import { refuses } from '../store/refuses.ts'
import { guestManifest, sha256, writeGuest } from './make-guest.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'boxlite-guest-'))
  vi.stubEnv('BOXLITE_GUEST', '')
  vi.stubEnv('BOXLITE_GUEST_CACHE', join(folder, 'cache'))
  vi.spyOn(process, 'cwd').mockReturnValue(join(folder, 'project'))
})
afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true })
})

const built = (key: string): string => join(folder, 'cache', `386-${key}`)

/** Puts a guest into the package folder of the project that runs. */
function install(): string {
  const directory = writeGuest(join(folder, 'project/node_modules/boxlite-guest-386'))
  writeFileSync(join(directory, 'package.json'), '{ "name": "boxlite-guest-386", "exports": { "./guest.json": "./guest.json" } }')
  return directory
}

describe('the guest', () => {
  it('is the one that a home is opened with, by its path or a file: URL', async () => {
    const named = writeGuest(join(folder, 'named here'))
    vi.stubEnv('BOXLITE_GUEST', writeGuest(join(folder, 'variable')))
    for (const assets of [named, relative(process.cwd(), named), pathToFileURL(named), pathToFileURL(named).href]) {
      expect((await nodeHost({ assets }).findGuest()).files.location).toBe(named)
    }
  })

  it('cannot be one that is served, on Node', async () => {
    const homeDir = join(folder, 'home')
    for (const assets of ['http://127.0.0.1/guest/', new URL('https://127.0.0.1/guest/')]) {
      await refuses(BoxLite.open({ homeDir, engine: 'none', assets }), 'unsupported', /this machine's files, not from https?:/)
    }
    expect(existsSync(homeDir)).toBe(false)
  })

  it('is taken from the folder that is named, before all others', async () => {
    install()
    const named = writeGuest(join(folder, 'named'))
    vi.stubEnv('BOXLITE_GUEST', writeGuest(join(folder, 'variable')))
    expect((await findGuest({ directory: named })).directory).toBe(named)
    expect((await findGuest()).directory).toBe(join(folder, 'variable'))
  })

  it('is taken from the package of the project that runs, before one that was built', async () => {
    writeGuest(built('aa'))
    const installed = install()
    expect((await findGuest()).directory).toBe(installed)
  })

  it('is the newest that was built here, and never a half-built one', async () => {
    writeGuest(built('aa'))
    writeGuest(built('bb'))
    utimesSync(join(built('aa'), 'guest.json'), 2_000_000_000, 2_000_000_000)
    mkdirSync(built('cc'))
    writeGuest(join(folder, 'cache/work-386-dd'))
    expect((await findGuest()).directory).toBe(built('aa'))
  })

  it('gives absolute paths', async () => {
    const directory = writeGuest(join(folder, 'named'))
    const { kernel, initrd, firmware, emptyDisk, image } = await findGuest({ directory })
    const files = { kernel: 'bzImage', initrd: 'initrd.cpio', firmware: 'seabios.bin' }
    expect({ kernel, initrd, firmware }).toEqual(Object.fromEntries(Object.entries(files).map(([name, file]) => [name, join(directory, file)])))
    expect(emptyDisk.path).toBe(join(directory, 'empty.qcow2'))
    expect(image('base')).toMatchObject({ reference: 'base', path: join(directory, 'base.qcow2'), digest: sha256('base') })
  })

  it('that is nowhere is told with what to type', async () => {
    const error = await refuses(findGuest(), 'engine_unavailable', /no guest on this machine/)
    expect(error.remedy).toMatch(/npm install boxlite-guest-386.*npm run guest.*BOXLITE_GUEST/)
    await refuses(findGuest({ directory: folder }), 'engine_unavailable', /no guest in/)
  })

  it('with a file that is missing or has another length is corrupt', async () => {
    const directory = writeGuest(join(folder, 'named'))
    writeFileSync(join(directory, 'bzImage'), 'longer than it was')
    await refuses(findGuest({ directory }), 'corrupt', /bzImage has 18 bytes and not 7/)
    rmSync(join(directory, 'bzImage'))
    await refuses(findGuest({ directory }), 'corrupt', /bzImage is missing/)
  })

  it('with a changed byte is corrupt when its checksums are compared', async () => {
    const guest = await findGuest({ directory: writeGuest(join(folder, 'named')) })
    await verifyGuest(guest)
    writeFileSync(guest.initrd, 'initrd.CPIO')
    await refuses(verifyGuest(guest), 'corrupt', /initrd\.cpio has another checksum/)
  })
})

describe('an image that is built on its own', () => {
  const description = (reference: string): string => {
    const { format, platform, images, packages } = guestManifest()
    return JSON.stringify({ format, platform, key: 'b'.repeat(16), ...images[0]!, reference, packages })
  }
  const place = (): string => join(folder, 'cache', `386-image-python-${'b'.repeat(16)}`)

  it('is found as soon as it is there, under the key of its recipe', async () => {
    const guest = await findGuest({ directory: writeGuest(join(folder, 'named')) })
    expect(guest.image('python')).toBeNull()
    mkdirSync(place(), { recursive: true })
    writeFileSync(join(place(), 'base.qcow2'), 'base.qcow2')
    writeFileSync(join(place(), 'image.json'), description('python'))
    expect(guest.image('python')).toMatchObject({ reference: 'python', path: join(place(), 'base.qcow2') })
    expect(guest.image('ruby')).toBeNull()
  })

  it('that describes another image is corrupt', async () => {
    const guest = await findGuest({ directory: writeGuest(join(folder, 'named')) })
    mkdirSync(place(), { recursive: true })
    writeFileSync(join(place(), 'image.json'), description('ruby'))
    await refuses((async () => guest.image('python'))(), 'corrupt', /describes the image 'ruby'/)
  })
})
