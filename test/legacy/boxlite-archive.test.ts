import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { importBox, type ImportOptions } from '../../src/archive/import.ts'
import { isBoxLiteError } from '../../src/error.ts'
import type { BoxRecord } from '../../src/operation/record.ts'
import { chunked } from '../archive/streams.ts'
import { newId, TestHome } from '../archive/test-home.ts'
import { count } from '../counts.ts'

const folder = mkdtempSync(join(tmpdir(), 'boxlite-archive-'))
afterAll(() => rmSync(folder, { recursive: true }))
const inFolder = (name: string): string => join(folder, name)

/** A disk as `qemu-img` makes it, and what it shows. */
function makeDisk(name: string): { image: Buffer; content: Buffer } {
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', inFolder(name), '2M'])
  execFileSync('qemu-io', ['-c', 'write -P 7 100k 300k', '-c', 'write -z 200k 64k', '-c', 'write -P 9 2047k 1k', inFolder(name)])
  execFileSync('qemu-img', ['convert', '-O', 'raw', inFolder(name), inFolder('content')])
  return { image: readFileSync(inFolder(name)), content: readFileSync(inFolder('content')) }
}

const { image: disk, content } = makeDisk('made.qcow2')
const checksum = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

const manifest = {
  version: 3,
  box_name: 'old-box',
  image: 'alpine:latest',
  box_options: { cpus: 2, memory_mib: 512, disk_size_gb: null, env: [['TOKEN', 'secret']], working_dir: '/srv', cmd: ['sh'], ports: [] },
  guest_disk_checksum: '',
  container_disk_checksum: checksum(disk),
  exported_at: '2026-07-26T00:00:00Z',
}

/** An archive as the system's tar packs it. */
function pack(members: Readonly<Record<string, Uint8Array | string>>, options: readonly string[] = ['--format=gnu']): Buffer {
  for (const [name, bytes] of Object.entries(members)) writeFileSync(inFolder(name), bytes)
  execFileSync('tar', [...options, '-cf', 'packed.tar', ...Object.keys(members)], { cwd: folder })
  return readFileSync(inFolder('packed.tar'))
}

const packed = (change: Readonly<Record<string, unknown>> = {}, image: Uint8Array = disk): Buffer =>
  pack({ 'manifest.json': JSON.stringify({ ...manifest, container_disk_checksum: checksum(image), ...change }), 'disk.qcow2': image })

/** A frame of Zstandard that stores what it is given, in blocks of 64 KiB. */
function stored(bytes: Buffer): Buffer {
  const parts: Uint8Array[] = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x58])]
  for (let at = 0; at < bytes.length; at += 65_536) {
    const block = bytes.subarray(at, at + 65_536)
    const head = Buffer.alloc(3)
    head.writeUIntLE((block.length << 3) | (at + block.length === bytes.length ? 1 : 0), 0, 3)
    parts.push(head, block)
  }
  return Buffer.concat(parts)
}

const hasZstd = spawnSync('zstd', ['--version']).status === 0

/** What the zstd command makes of it. */
function compressed(bytes: Buffer, options: readonly string[] = []): Buffer {
  return execFileSync('zstd', ['-q', '-c', ...options], { input: bytes, maxBuffer: 1e8 })
}

async function imported(home: TestHome, archive: Uint8Array, options: Partial<ImportOptions> = {}): Promise<BoxRecord> {
  return (await importBox(home.host, chunked(archive, 9999), { newId, nowMs: 1, ...options })).record
}

async function refusal(archive: Uint8Array): Promise<unknown> {
  const home = new TestHome()
  const error = await imported(home, archive).catch((reason: unknown) => reason)
  expect(isBoxLiteError(error)).toBe(true)
  expect([await home.store.list('boxes'), await home.store.list('layers')]).toEqual([[], []])
  expect(await home.store.lock({ kind: 'home', mode: 'exclusive' })).not.toBeNull()
  return error
}

const withGuest = { 'manifest.json': JSON.stringify({ ...manifest, guest_disk_checksum: checksum(disk) }), 'disk.qcow2': disk }

function edited(bytes: Buffer, edit: (bytes: Buffer) => void): Buffer {
  edit(bytes)
  return bytes
}

describe('a .boxlite archive', () => {
  it.each<[string, Buffer]>([
    ['plain', packed()],
    ['in a frame of Zstandard', stored(packed())],
    ['in two frames', Buffer.concat([stored(packed().subarray(0, 5000)), stored(packed().subarray(5000))])],
    ['with its disk first', pack({ 'disk.qcow2': disk, 'manifest.json': JSON.stringify(manifest) })],
    ['with a guest disk', pack({ 'manifest.json': JSON.stringify(manifest), 'disk.qcow2': disk, 'guest-rootfs.qcow2': 'ignored' })],
    ['with a sparse disk', pack({ 'manifest.json': JSON.stringify(manifest), 'disk.qcow2': disk }, ['--format=gnu', '-S'])],
    ['with pax headers', pack({ 'manifest.json': JSON.stringify(manifest), 'disk.qcow2': disk }, ['--format=pax'])],
  ])('is imported: %s', async (_, archive) => {
    const home = new TestHome()
    const record = await imported(home, archive)
    expect(record).toMatchObject({ name: 'old-box', snapshots: [], config: { image: 'alpine:latest', cpus: 2, memoryMib: 512, workingDir: '/srv' } })
    expect(JSON.stringify(record)).not.toContain('secret')
    expect((await home.read(record.live)).equals(content)).toBe(true)
    expect(await home.garbage()).toEqual([])
    expect((await home.store.list('layers')).every((name) => name.endsWith('.qcow2'))).toBe(true)
  })

  it('is imported as the zstd command compresses it', async (context) => {
    if (!hasZstd) context.skip('there is no zstd command on this machine')
    for (const options of [[], ['--check', '-1'], ['-19'], ['--no-check', '-5', '--rsyncable']]) {
      const home = new TestHome()
      expect((await home.read((await imported(home, compressed(packed(), options))).live)).equals(content)).toBe(true)
    }
  })

  it.each([1, 2, 3, 4, 5])('is imported in version %i', async (version) => {
    const home = new TestHome()
    const { box_options: options, container_disk_checksum: sum, guest_disk_checksum: guest, ...first } = manifest
    const sums = version >= 2 ? { container_disk_checksum: sum, guest_disk_checksum: guest } : {}
    const fields = { ...first, ...sums, ...(version >= 3 ? { box_options: options } : {}) }
    const record = await imported(home, pack({ 'manifest.json': JSON.stringify({ ...fields, version }), 'disk.qcow2': disk }))
    expect((await home.read(record.live)).equals(content)).toBe(true)
    const more = version >= 3 ? { cpus: 2, memoryMib: 512, workingDir: '/srv', cmd: ['sh'] } : {}
    expect(record.config).toEqual({ image: 'alpine:latest', ...more, createdAt: 1 })
  })

  it('is imported though its disk lacks what qemu-img check wants', async () => {
    const image = Buffer.from(disk)
    const l1 = Number(image.readBigUInt64BE(40))
    const l2 = Number(image.readBigUInt64BE(l1) & 0x00fffffffffffe00n)
    const clear = (at: number): number => image.writeBigUInt64BE(image.readBigUInt64BE(at) & ~(1n << 63n), at)
    clear(l1)
    for (let entry = 0; entry < 32; entry++) clear(l2 + entry * 8)
    writeFileSync(inFolder('uncopied.qcow2'), image)
    expect(() => execFileSync('qemu-img', ['check', inFolder('uncopied.qcow2')], { stdio: 'ignore' })).toThrow('Command failed')
    const home = new TestHome()
    expect((await home.read((await imported(home, packed({}, image))).live)).equals(content)).toBe(true)
  })

  it('takes another name, or none, and is refused when its own is taken', async () => {
    const home = new TestHome()
    expect((await imported(home, packed())).name).toBe('old-box')
    await expect(imported(home, packed())).rejects.toMatchObject({ code: 'already_exists' })
    expect((await imported(home, packed(), { name: 'other' })).name).toBe('other')
    expect((await imported(home, packed({ box_name: null }))).name).toBeNull()
    expect(await home.garbage()).toEqual([])
  })

  it.each<[string, () => Buffer, string]>([
    ['a later version', () => packed({ version: 6 }), 'unsupported'],
    ['no version', () => packed({ version: 0 }), 'corrupt'],
    ['a wrong checksum', () => packed({ container_disk_checksum: checksum(content) }), 'corrupt'],
    ['a checksum that is none', () => packed({ container_disk_checksum: 'md5:1' }), 'corrupt'],
    ['no checksum from version 2 on', () => packed({ container_disk_checksum: undefined }), 'corrupt'],
    ['a time that is none', () => packed({ exported_at: 'yesterday' }), 'corrupt'],
    ['no image', () => packed({ image: null }), 'corrupt'],
    ['a bad name', () => packed({ box_name: '../up' }), 'invalid_argument'],
    ['no manifest', () => pack({ 'disk.qcow2': disk }), 'corrupt'],
    ['no disk', () => pack({ 'manifest.json': JSON.stringify(manifest) }), 'corrupt'],
    ['a manifest that is no JSON', () => pack({ 'manifest.json': '{', 'disk.qcow2': disk }), 'corrupt'],
    ['an unknown member', () => pack({ 'manifest.json': JSON.stringify(manifest), 'disk.qcow2': disk, extra: 'x' }), 'corrupt'],
    ['a wrong guest disk', () => pack({ ...withGuest, 'guest-rootfs.qcow2': 'x' }), 'corrupt'],
    ['a disk that is no qcow2', () => packed({}, Buffer.from('raw bytes')), 'corrupt'],
    ['too large a window', () => edited(stored(packed()), (bytes) => bytes.writeUInt8(0x88, 5)), 'limit'],
    ['a dictionary', () => edited(stored(packed()), (bytes) => bytes.writeUInt8(1, 4)), 'corrupt'],
    ['an impossible block', () => edited(stored(packed()), (bytes) => bytes.writeUInt8(6, 6)), 'corrupt'],
    ['a cut', () => packed().subarray(0, 60_000), 'corrupt'],
    ['a cut in the compressed data', () => stored(packed()).subarray(0, 300), 'corrupt'],
    ['bytes behind the compressed data', () => Buffer.concat([stored(packed()), Buffer.from('more')]), 'corrupt'],
  ])('is refused with %s', async (_, make, code) => {
    expect(await refusal(make())).toMatchObject({ code })
  })

  it.each<[string, (image: Buffer) => void]>([
    ['a backing file', (image) => {
      image.writeBigUInt64BE(600n, 8)
      image.writeUInt32BE(11, 16)
      image.write('/etc/passwd', 600)
    }],
    ['an external data file', (image) => image.writeBigUInt64BE(4n, 72)],
    ['encryption', (image) => image.writeUInt32BE(2, 32)],
    ['unknown features', (image) => image.writeBigUInt64BE(1n << 60n, 72)],
    ['the mark of corruption', (image) => image.writeBigUInt64BE(2n, 72)],
    ['no clean end', (image) => image.writeBigUInt64BE(1n, 72)],
    ['a table outside the file', (image) => image.writeBigUInt64BE(1n << 40n, 40)],
    ['an entry outside the file', (image) => image.writeBigUInt64BE((1n << 63n) | (1n << 40n), Number(image.readBigUInt64BE(40)))],
  ])('is refused when its disk has %s', async (_, edit) => {
    const image = edited(Buffer.from(disk), edit)
    expect(['corrupt', 'unsupported']).toContain(((await refusal(packed({}, image))) as { code: string }).code)
  })

  it('ends in a box or in a refusal that leaves nothing, whatever is damaged', async () => {
    const plain = packed()
    const frame = stored(plain)
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.nat(), fc.nat(7), async (zstd, place, bit) => {
        const archive = Buffer.from(zstd ? frame : plain)
        const at = place % archive.length
        archive.writeUInt8((archive[at] as number) ^ (1 << bit), at)
        const home = new TestHome()
        const record = await imported(home, archive).catch((error: unknown) => {
          expect(isBoxLiteError(error)).toBe(true)
          return null
        })
        if (record === null) expect([await home.store.list('boxes'), await home.store.list('layers')]).toEqual([[], []])
        else expect((await home.read(record.live)).equals(content)).toBe(true)
      }),
      { numRuns: count(60, 2000) },
    )
  })
})
