// Packing files of this machine into a tar, and unpacking a tar that nobody trusts, each against the system's tar.
import { execFileSync } from 'node:child_process'
import { chmodSync, closeSync, existsSync, linkSync, lstatSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { readlinkSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { nodeHostFiles } from '../../hosts/node/copy/host-files.ts'
import { encodeTarEntry, endOfTar } from '../../src/archive/tar-entry-writer.ts'
import { readTarEntries } from '../../src/archive/tar-entry-reader.ts'
import type { TarEntryFacts } from '../../src/archive/tar-entry.ts'
import { BLOCK_BYTES, encodeTarFields, paddingAfter } from '../../src/archive/tar-header.ts'
import { isBoxLiteError } from '../../src/error.ts'
import type { Skipped } from '../../src/files/file-options.ts'
import { chunked, collect } from '../archive/streams.ts'
import { count } from '../counts.ts'

const folder = mkdtempSync(join(tmpdir(), 'boxlite-copy-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let here = ''
let turn = 0
beforeEach(() => {
  here = join(folder, String(turn++))
  mkdirSync(here)
})

const root = process.getuid?.() === 0

interface Packed {
  readonly tar: Uint8Array
  readonly skipped: Skipped[]
  readonly bytes: number
}

async function pack(path: string, name: string, ownership = false): Promise<Packed> {
  const skipped: Skipped[] = []
  let bytes = 0
  const options = { ownership, onSkipped: (one: Skipped) => skipped.push(one), onBytes: (more: number) => (bytes += more) }
  return { tar: await collect(nodeHostFiles.pack(path, name, options)), skipped, bytes }
}

interface Unpacking {
  readonly root?: string
  readonly name?: string
  readonly ownership?: boolean
  readonly chunkBytes?: number
  readonly maxEntries?: number
  readonly maxBytes?: number
}

async function unpack(tar: Uint8Array, directory: string, options: Unpacking = {}) {
  const skipped: Skipped[] = []
  const entries = await nodeHostFiles.unpack(chunked(tar, options.chunkBytes ?? 1000), directory, {
    root: options.root ?? 'd',
    name: options.name ?? options.root ?? 'd',
    ownership: options.ownership ?? false,
    maxEntries: options.maxEntries ?? 1000,
    maxBytes: options.maxBytes ?? 2 ** 30,
    onSkipped: (one) => skipped.push(one),
    onBytes: () => {},
  })
  return { entries, skipped }
}

/** Everything beneath a path: kind, mode, content or target, time in parts of a second, by default millionths. */
function describeTree(path: string, parts = 1_000_000n): Record<string, string> {
  const seen: Record<string, string> = {}
  const walk = (at: string, name: string): void => {
    const found = lstatSync(at)
    const common = `${(found.mode & 0o7777).toString(8)} ${(lstatSync(at, { bigint: true }).mtimeNs * parts) / 1_000_000_000n}`
    if (found.isDirectory()) {
      seen[name] = `directory ${common}`
      for (const child of readdirSync(at)) walk(join(at, child), `${name}/${child}`)
    } else if (found.isSymbolicLink()) seen[name] = `link ${readlinkSync(at)}`
    else seen[name] = `file ${common} ${found.nlink} ${readFileSync(at).toString('base64')}`
  }
  walk(path, '.')
  return seen
}

/** A directory with one of everything. */
function makeTree(path: string): void {
  mkdirSync(join(path, 'sub/deeper'), { recursive: true })
  writeFileSync(join(path, 'plain'), 'content')
  writeFileSync(join(path, 'empty'), '')
  writeFileSync(join(path, 'sub/program'), '#!/bin/sh\n', { mode: 0o755 })
  writeFileSync(join(path, 'sub/deeper/big'), Buffer.alloc(300_000, 'abcdefg'))
  writeFileSync(join(path, 'ümlaut €'), 'name')
  writeFileSync(join(path, 'n'.repeat(200)), 'a long name')
  linkSync(join(path, 'plain'), join(path, 'sub/same'))
  symlinkSync('../plain', join(path, 'sub/link'))
  symlinkSync('/nowhere/at/all', join(path, 'dangling'))
  symlinkSync('t'.repeat(180), join(path, 'long-link'))
  chmodSync(join(path, 'sub/deeper'), 0o500)
  const fractions = { plain: 0, 'sub/program': 0.25, 'sub/deeper/big': 0.000_001_5, 'sub/deeper': 0.999_999_5, sub: 0.123_457_3 }
  for (const [name, fraction] of Object.entries(fractions)) utimesSync(join(path, name), 1_000_000_000, 1_234_567_890 + fraction)
}

const nothing: Omit<TarEntryFacts, 'name' | 'kind'> = {
  mode: 0o644, uid: 0, gid: 0, modifiedSeconds: 1, linkName: '', sizeBytes: 0, deviceMajor: 0, deviceMinor: 0,
}
const entry = (name: string, kind: TarEntryFacts['kind'], rest: Partial<TarEntryFacts> = {}): Uint8Array =>
  encodeTarEntry({ ...nothing, name, kind, ...rest })
const file = (name: string, content: string): Uint8Array =>
  Buffer.concat([entry(name, 'file', { sizeBytes: content.length }), Buffer.from(content), new Uint8Array(paddingAfter(content.length))])
const tarOf = (...parts: Uint8Array[]): Uint8Array => Buffer.concat([...parts, endOfTar()])

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: unknown) => (isBoxLiteError(error) ? error.code : String(error)),
  )

describe('packing and unpacking', () => {
  it('keeps names, modes, times, links and contents', async () => {
    makeTree(join(here, 'd'))
    const { tar, skipped } = await pack(join(here, 'd'), 'd')
    mkdirSync(join(here, 'out'))
    const { entries } = await unpack(tar, join(here, 'out'))
    expect(skipped).toEqual([])
    expect(entries).toBe(Object.keys(describeTree(join(here, 'd'))).length)
    expect(describeTree(join(here, 'out/d'))).toEqual(describeTree(join(here, 'd')))
    expect(statSync(join(here, 'out/d/plain')).ino).toBe(statSync(join(here, 'out/d/sub/same')).ino)
  })

  it('makes a tar that the system unpacks to the same', async () => {
    makeTree(join(here, 'd'))
    writeFileSync(join(here, 'made.tar'), (await pack(join(here, 'd'), 'renamed')).tar)
    mkdirSync(join(here, 'out'))
    execFileSync('tar', ['-xpf', '../made.tar'], { cwd: join(here, 'out') })
    expect(describeTree(join(here, 'out/renamed'))).toEqual(describeTree(join(here, 'd')))
  })

  it.each(['ustar', 'gnu', 'posix'])('unpacks what the system packs as %s', async (format) => {
    makeTree(join(here, 'd'))
    if (format === 'ustar') for (const name of ['n'.repeat(200), 'long-link']) rmSync(join(here, 'd', name))
    execFileSync('tar', ['-cf', 'made.tar', `--format=${format}`, 'd'], { cwd: here })
    mkdirSync(join(here, 'out'))
    await unpack(readFileSync(join(here, 'made.tar')), join(here, 'out'), { chunkBytes: 777 })
    const parts = format === 'posix' ? 1_000_000n : 1n
    expect(describeTree(join(here, 'out/d'), parts)).toEqual(describeTree(join(here, 'd'), parts))
  })

  it('keeps holes: a file of 300 MB with a few bytes takes a few kilobytes, in the tar and after it', async () => {
    mkdirSync(join(here, 'd'))
    const path = join(here, 'd/sparse')
    writeFileSync(path, 'begin')
    truncateSync(path, 300_000_000)
    const offsets = Array.from({ length: 40 }, (_value, index) => (index + 1) * 7_000_000 + 123)
    const sparse = openSync(path, 'r+')
    for (const offset of offsets) writeSync(sparse, 'x', offset)
    closeSync(sparse)
    const hollow = join(here, 'd/hollow')
    writeFileSync(hollow, '')
    truncateSync(hollow, 100_000_000)
    const { tar } = await pack(join(here, 'd'), 'd')
    expect(tar.length).toBeLessThan(1_000_000)
    mkdirSync(join(here, 'out'))
    await unpack(tar, join(here, 'out'))
    writeFileSync(join(here, 'made.tar'), tar)
    mkdirSync(join(here, 'system'))
    execFileSync('tar', ['-xf', '../made.tar'], { cwd: join(here, 'system') })
    for (const copy of ['out', 'system']) {
      const copied = join(here, copy, 'd/sparse')
      expect(statSync(copied).size).toBe(300_000_000)
      expect(statSync(copied).blocks * 512).toBeLessThan(1_000_000)
      execFileSync('cmp', [path, copied])
      const empty = statSync(join(here, copy, 'd/hollow'))
      expect([empty.size, empty.blocks]).toEqual([100_000_000, 0])
    }
  })

  it('makes holes of the zeros in a plain tar', async () => {
    const content = '\0'.repeat(100_000) + 'data' + '\0'.repeat(500_000)
    await unpack(tarOf(file('d/zeros', content)), here, { root: 'd', name: 'd' })
    const copied = join(here, 'd/zeros')
    expect(readFileSync(copied, 'latin1')).toBe(content)
    expect(statSync(copied).blocks * 512).toBeLessThan(20_000)
  })

  it('leaves out sockets, pipes and devices, and names them', async () => {
    mkdirSync(join(here, 'd'))
    execFileSync('mkfifo', [join(here, 'd/pipe')])
    const { skipped } = await pack(join(here, 'd'), 'd')
    expect(skipped).toEqual([{ path: join(here, 'd/pipe'), reason: expect.stringContaining('neither') as string }])
    const device = entry('d/zero', 'character', { deviceMajor: 1, deviceMinor: 5 })
    const tar = tarOf(entry('d', 'directory', { mode: 0o755 }), entry('d/pipe', 'fifo'), device)
    const unpacked = await unpack(tar, here)
    expect(unpacked.skipped.map(({ path }) => path)).toEqual(['d/pipe', 'd/zero'])
    expect(readdirSync(join(here, 'd'))).toEqual(['pipe'])
  })

  it('leaves out a name that is not UTF-8, and names it', async () => {
    mkdirSync(join(here, 'd'))
    writeFileSync(Buffer.concat([Buffer.from(join(here, 'd/')), Buffer.of(0xff, 0xfe)]), 'x')
    writeFileSync(join(here, 'd/fine'), 'x')
    const { tar, skipped } = await pack(join(here, 'd'), 'd')
    expect(skipped).toHaveLength(1)
    execFileSync('tar', ['-cf', 'made.tar', 'd'], { cwd: here })
    mkdirSync(join(here, 'out'))
    expect((await unpack(readFileSync(join(here, 'made.tar')), join(here, 'out'))).skipped).toHaveLength(1)
    await unpack(tar, join(here, 'out'))
    expect(readdirSync(join(here, 'out/d'))).toEqual(['fine'])
  })

  it('keeps owners and set-id bits only where that is asked for', async (context) => {
    if (!root) context.skip('giving files to others needs root')
    mkdirSync(join(here, 'd'))
    writeFileSync(join(here, 'd/program'), 'x')
    execFileSync('chown', ['1234:5678', join(here, 'd/program')])
    chmodSync(join(here, 'd/program'), 0o6755)
    for (const [ownership, uid, mode] of [[false, 0, 0o755], [true, 1234, 0o6755]] as const) {
      const out = join(here, String(ownership))
      mkdirSync(out)
      const { tar } = await pack(join(here, 'd'), 'd', ownership)
      for await (const { name, uid: packedUid } of readTarEntries(chunked(tar, 512))) if (name === 'd/program') expect(packedUid).toBe(uid)
      await unpack((await pack(join(here, 'd'), 'd', true)).tar, out, { ownership })
      const found = statSync(join(out, 'd/program'))
      expect([found.uid, found.mode & 0o7777]).toEqual([uid, mode])
    }
  })

  it('merges with a directory that is there, and replaces files and links', async () => {
    mkdirSync(join(here, 'd/kept'), { recursive: true })
    writeFileSync(join(here, 'd/kept/mine'), 'mine')
    writeFileSync(join(here, 'd/old'), 'old')
    writeFileSync(join(here, 'precious'), 'precious')
    symlinkSync('../precious', join(here, 'd/link'))
    await unpack(tarOf(file('d/old', 'new'), file('d/link', 'a file now'), file('d/kept/yours', 'yours')), here)
    expect(readFileSync(join(here, 'd/old'), 'utf8')).toBe('new')
    expect(lstatSync(join(here, 'd/link')).isFile()).toBe(true)
    expect(readdirSync(join(here, 'd/kept')).sort()).toEqual(['mine', 'yours'])
    expect(readFileSync(join(here, 'precious'), 'utf8')).toBe('precious')
  })

  it('packs only what is in a directory where its name is a dot, and takes it apart the same way', async () => {
    mkdirSync(join(here, 'd'))
    writeFileSync(join(here, 'd/a'), 'a')
    const { tar } = await pack(join(here, 'd'), '.')
    mkdirSync(join(here, 'out'), { mode: 0o755 })
    expect((await unpack(tar, join(here, 'out'), { root: '.', name: '' })).entries).toBe(1)
    expect(readdirSync(join(here, 'out'))).toEqual(['a'])
  })

  it('packs any tree and unpacks it to the same', async () => {
    const names = fc.string({ unit: fc.constantFrom('a', 'b', 'ß', ' ', '\n', '-', '€'), minLength: 1, maxLength: 5 })
    const content = fc.oneof(fc.uint8Array({ maxLength: 1500 }), fc.nat({ max: 9000 }).map((length) => new Uint8Array(length)))
    const files = fc.dictionary(names, content, { maxKeys: 8 })
    let number = 0
    const property = fc.asyncProperty(files, files, fc.integer({ min: 1, max: 5000 }), async (above, below, chunkBytes) => {
      const at = join(here, `p${number++}`)
      mkdirSync(join(at, 'd/sub directory'), { recursive: true })
      mkdirSync(join(at, 'out'))
      for (const [name, bytes] of Object.entries(above)) writeFileSync(join(at, 'd', name), bytes)
      for (const [name, bytes] of Object.entries(below)) writeFileSync(join(at, 'd/sub directory', name), bytes)
      await unpack((await pack(join(at, 'd'), 'd')).tar, join(at, 'out'), { chunkBytes })
      expect(describeTree(join(at, 'out/d'))).toEqual(describeTree(join(at, 'd')))
    })
    await fc.assert(property, { numRuns: count(60, 1000) })
  })
})

describe('a tar that is not trusted', () => {
  const link = (name: string, linkName: string): Uint8Array => entry(name, 'symlink', { linkName })
  const hard = (name: string, linkName: string): Uint8Array => entry(name, 'hardlink', { linkName })

  it.each<[string, (outside: string) => Uint8Array, string]>([
    ['an absolute name', (outside) => tarOf(file(join(outside, 'x'), 'x')), 'invalid_argument'],
    ['a name with ..', () => tarOf(file('d/../outside/x', 'x')), 'invalid_argument'],
    ['a name that is ..', () => tarOf(file('..', 'x')), 'invalid_argument'],
    ['a name beside the root', () => tarOf(file('e/x', 'x')), 'invalid_argument'],
    ['an empty name', () => tarOf(file('', 'x')), 'invalid_argument'],
    ['an entry through an absolute link', (outside) => tarOf(link('d/way', outside), file('d/way/x', 'x')), 'invalid_argument'],
    ['an entry through a relative link', () => tarOf(link('d/way', '../outside'), file('d/way/x', 'x')), 'invalid_argument'],
    ['a directory in place of a link', (outside) => tarOf(link('d/way', outside), entry('d/way', 'directory')), 'invalid_argument'],
    ['a hard link to a file outside', (outside) => tarOf(hard('d/x', join(outside, 'precious'))), 'invalid_argument'],
    ['a hard link through ..', () => tarOf(hard('d/x', 'd/../outside/precious')), 'invalid_argument'],
    ['a hard link through a link', (outside) => tarOf(link('d/way', outside), hard('d/x', 'd/way/precious')), 'corrupt'],
    ['a hard link to a link', (outside) => tarOf(file('d/a', ''), link('d/a', join(outside, 'precious')), hard('d/x', 'd/a')), 'corrupt'],
    ['a file in place of a directory', () => tarOf(file('d/sub/x', 'x'), file('d/sub', 'x')), 'invalid_argument'],
    ['a directory in place of a file', () => tarOf(file('d/sub', 'x'), file('d/sub/x', 'x')), 'invalid_argument'],
    ['a file in place of the root', () => tarOf(file('d/x', 'x'), file('d', 'x')), 'invalid_argument'],
    ['a type that is not known', () => tarOf(encodeTarFields({ ...nothing, name: 'd/x', type: 'Z' })), 'corrupt'],
    ['an end in the middle', () => file('d/x', 'x'.repeat(5000)).subarray(0, 3 * BLOCK_BYTES), 'corrupt'],
    ['no end', () => file('d/x', 'x'), 'corrupt'],
  ])('is refused and has made nothing outside: %s', async (_name, make, code) => {
    const outside = join(here, 'outside')
    const target = join(here, 'target')
    mkdirSync(outside)
    mkdirSync(target)
    writeFileSync(join(outside, 'precious'), 'precious')
    expect(await codeOf(unpack(make(outside), target))).toBe(code)
    expect(readdirSync(outside)).toEqual(['precious'])
    expect(statSync(join(outside, 'precious')).nlink).toBe(1)
    expect(readFileSync(join(outside, 'precious'), 'utf8')).toBe('precious')
    expect(readdirSync(here).sort()).toEqual(['outside', 'target'])
  })

  it('does not write through a link that was in the target before', async () => {
    mkdirSync(join(here, 'outside'))
    mkdirSync(join(here, 'd'))
    symlinkSync('../outside', join(here, 'd/way'))
    expect(await codeOf(unpack(tarOf(file('d/way/x', 'x')), here))).toBe('invalid_argument')
    expect(existsSync(join(here, 'outside/x'))).toBe(false)
  })

  it('keeps a link that leads out as a link, and gives what it leads to neither mode nor time', async () => {
    writeFileSync(join(here, 'precious'), 'precious', { mode: 0o600 })
    const before = statSync(join(here, 'precious'))
    await unpack(tarOf(entry('d', 'directory', { mode: 0o755 }), entry('d/link', 'symlink', { linkName: '../precious', mode: 0o777 })), here)
    expect(readlinkSync(join(here, 'd/link'))).toBe('../precious')
    const after = statSync(join(here, 'precious'))
    expect([after.mode, after.mtimeMs]).toEqual([before.mode, before.mtimeMs])
  })

  it('is taken no further than its limits', async () => {
    const pipes = Array.from({ length: 20 }, (_, index) => entry(`d/pipe${index}`, 'fifo'))
    const tar = tarOf(entry('d', 'directory', { mode: 0o755 }), ...pipes, file('d/a', 'x'.repeat(3000)), file('d/b', 'y'.repeat(3000)))
    await expect(unpack(tar, here, { maxEntries: 22 })).rejects.toMatchObject({ code: 'limit', facts: { maxEntries: 22 } })
    expect(readdirSync(join(here, 'd'))).toEqual(['a'])
    await expect(unpack(tar, here, { maxBytes: 5999 })).rejects.toMatchObject({ code: 'limit', facts: { maxBytes: 5999 } })
    expect(statSync(join(here, 'd/b')).size).toBeLessThan(3000)
    expect((await unpack(tar, here, { maxEntries: 23, maxBytes: 6000 })).entries).toBe(3)
    // Holes take no space, whatever the file says of its size.
    const header = encodeTarEntry({ ...nothing, name: 'd/hollow', kind: 'file', sizeBytes: 2 ** 40 }, [{ offset: 4096, length: 512 }])
    const sparse = tarOf(Buffer.concat([header, new Uint8Array(512).fill(1)]))
    expect((await unpack(sparse, here, { maxBytes: 512 })).entries).toBe(1)
  })

  it('leads to nothing outside, whatever its entries are', async () => {
    const part = fc.constantFrom('d', 'a', 'b', '..', '.', '', 'way')
    const name = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
    const target = fc.oneof(name, fc.constantFrom('../outside', '../../outside', '/etc', 'd/a'))
    const kind = fc.constantFrom<TarEntryFacts['kind']>('file', 'directory', 'symlink', 'hardlink')
    const one = fc.record({ called: fc.oneof(name, name.map((rest) => `d/${rest}`)), kind, linkName: target })
    let number = 0
    const property = fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 8 }), async (entries) => {
      const at = join(here, `p${number++}`)
      mkdirSync(join(at, 'outside'), { recursive: true })
      mkdirSync(join(at, 'target'))
      writeFileSync(join(at, 'outside/precious'), 'precious')
      const parts = entries.map(({ called, kind, linkName }) => {
        if (kind === 'file') return file(called, 'content')
        return entry(called, kind, kind === 'directory' ? { mode: 0o755 } : { linkName })
      })
      await unpack(tarOf(...parts), join(at, 'target')).catch((error: unknown) => expect(isBoxLiteError(error)).toBe(true))
      expect(readdirSync(at).sort()).toEqual(['outside', 'target'])
      expect(readdirSync(join(at, 'outside'))).toEqual(['precious'])
      expect(readdirSync(join(at, 'target')).filter((child) => child !== 'd')).toEqual([])
      expect(statSync(join(at, 'outside/precious')).nlink).toBe(1)
      expect(readFileSync(join(at, 'outside/precious'), 'utf8')).toBe('precious')
      execFileSync('chmod', ['-R', 'u+rwx', join(at, 'target')])
    })
    await fc.assert(property, { numRuns: count(150, 3000) })
  })
})
