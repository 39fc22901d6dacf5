// The commands that read and write a disk's bytes: read, write, map, resize.
import { randomBytes } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readFileSync, readSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Extent } from '../../src/disk/disk.ts'
import { mainPath, runCli, runProgram, startCli, temporaryDirectory } from './run-cli.ts'

const cwd = temporaryDirectory()
const bytes = randomBytes(300_001)

async function run(...args: readonly string[]): Promise<string> {
  const { code, out, err } = await runCli(args, { cwd })
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return out
}

async function qemu(program: 'qemu-img' | 'qemu-io', ...args: readonly string[]): Promise<string> {
  const { code, out, err } = await runProgram(program, args, cwd)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return out
}

beforeAll(async () => {
  writeFileSync(join(cwd, 'bytes'), bytes)
  await run('disk', 'create', 'base.qcow2', '16M')
  await run('disk', 'write', 'base.qcow2', '--offset=1M', '--input=bytes')
  await run('disk', 'create', 'top.qcow2', '-b', 'base.qcow2', '-F', 'qcow2', '32M')
})

describe('disk write', () => {
  it('writes a file where it is told to, as qemu-io reads it', async () => {
    expect(await run('disk', 'write', 'top.qcow2', '--offset=12345', '--input=bytes')).toBe('Wrote 293 KiB (300001 bytes) at 12345\n')
    await qemu('qemu-img', 'convert', '-O', 'raw', 'top.qcow2', 'top.raw')
    const raw = readFileSync(join(cwd, 'top.raw'))
    expect(raw.length).toBe(32 << 20)
    expect(raw.subarray(12345, 12345 + bytes.length).equals(bytes)).toBe(true)
    expect(raw.subarray(1 << 20, (1 << 20) + bytes.length).equals(bytes)).toBe(true)
    await qemu('qemu-img', 'check', '-q', 'top.qcow2')
  })

  it('writes standard input, as much as it is told to', async () => {
    const { code, out } = await runCli(['disk', 'write', '--json', 'top.qcow2', '--offset=20M', '--length=1000', '-i', '-'], { cwd, input: bytes })
    expect({ code, report: JSON.parse(out) as unknown }).toEqual({ code: 0, report: { offset: 20 << 20, writtenBytes: 1000 } })
    const { stdout } = await runCli(['disk', 'read', 'top.qcow2', '--offset=20M', '--length=1001'], { cwd })
    expect(stdout.equals(Buffer.concat([bytes.subarray(0, 1000), Buffer.alloc(1)]))).toBe(true)
  })

  it('writes zeros over what lies below', async () => {
    await run('disk', 'write', 'top.qcow2', '--zero', '--offset=1M', '--length=128K')
    const { stdout } = await runCli(['disk', 'read', 'top.qcow2', '--offset=1M', '--length=300001'], { cwd })
    expect(stdout.equals(Buffer.concat([Buffer.alloc(128 << 10), bytes.subarray(128 << 10)]))).toBe(true)
    await qemu('qemu-img', 'check', '-q', 'top.qcow2')
  })

  it('writes into a raw file only when it is told that it is one', async () => {
    writeFileSync(join(cwd, 'plain.raw'), Buffer.alloc(4096))
    const refused = await runCli(['disk', 'write', 'plain.raw'], { cwd, input: 'x' })
    expect(refused).toMatchObject({ code: 1, out: '' })
    expect(refused.err).toMatch(/magic is not that of a qcow2 image/)
    expect((await runCli(['disk', 'write', '-f', 'raw', 'plain.raw', '--offset=4095'], { cwd, input: 'x' })).code).toBe(0)
    expect(readFileSync(join(cwd, 'plain.raw')).subarray(4094)).toEqual(Buffer.from('\0x'))
    await run('disk', 'write', '-f', 'raw', 'plain.raw', '--zero', '--offset=4095', '--length=1')
    expect(readFileSync(join(cwd, 'plain.raw'))).toEqual(Buffer.alloc(4096))
  })

  it('never takes a raw file for qcow2 by what a guest wrote into it', async () => {
    const forged = readFileSync(join(cwd, 'base.qcow2'))
    writeFileSync(join(cwd, 'forged.raw'), forged)
    await runCli(['disk', 'write', '-f', 'raw', 'forged.raw', '--offset=0'], { cwd, input: 'boot' })
    expect(readFileSync(join(cwd, 'forged.raw')).subarray(0, 8)).toEqual(Buffer.concat([Buffer.from('boot'), forged.subarray(4, 8)]))
  })

  it('refuses an image of another form than its own', async () => {
    await qemu('qemu-img', 'create', '-q', '-f', 'qcow2', '-o', 'cluster_size=4k', 'foreign.qcow2', '1M')
    const before = readFileSync(join(cwd, 'foreign.qcow2'))
    const { code, err } = await runCli(['disk', 'write', 'foreign.qcow2'], { cwd, input: 'x' })
    expect(code).toBe(1)
    expect(err).toMatch(/^boxlite: foreign\.qcow2: /)
    expect(readFileSync(join(cwd, 'foreign.qcow2')).equals(before)).toBe(true)
  })

  it('refuses an image inside a home, through a link too', async () => {
    mkdirSync(join(cwd, 'home/layers'), { recursive: true })
    writeFileSync(join(cwd, 'home/format'), 'boxlite home 1\n')
    await runProgram('cp', ['base.qcow2', 'home/layers/x.qcow2'], cwd)
    symlinkSync('home/layers/x.qcow2', join(cwd, 'inside.qcow2'))
    for (const file of ['home/layers/x.qcow2', 'inside.qcow2']) {
      for (const args of [['write', file], ['resize', file, '32M']]) {
        const { code, err } = await runCli(['disk', ...args], { cwd, input: 'x' })
        expect(code).toBe(1)
        expect(err).toMatch(/is inside the boxlite home .*with 'boxlite disk write --box'\.\n$/)
      }
    }
    expect((await runCli(['disk', 'read', 'inside.qcow2', '--length=1'], { cwd })).code).toBe(0)
  })

  it('stops at the end of the disk and says how much it wrote', async () => {
    const { code, err } = await runCli(['disk', 'write', 'base.qcow2', '--offset=16777000'], { cwd, input: bytes })
    expect(code).toBe(1)
    expect(err).toMatch(/^boxlite: The input goes on after the end of the disk; 216 bytes are written\./)
    expect((await runCli(['disk', 'write', 'base.qcow2', '--offset=17M'], { cwd })).err).toMatch(/0 from 17825792 on are not all on it/)
    expect((await runCli(['disk', 'write', 'base.qcow2', '--length=20'], { cwd, input: 'short' })).err).toMatch(/ended after 5 of 20 bytes/)
  })

  it('asks for what is missing', async () => {
    for (const [args, text] of [
      [['x.qcow2', '--zero'], /--zero needs --length/],
      [['x.qcow2', '--zero', '--length=1', '--input=bytes'], /--zero takes no --input/],
      [[], /FILE is missing\. Name an image file, or a box with --box\./],
      [['x.qcow2', '--box=b'], /'x\.qcow2' and --box are two disks/],
      [['x.qcow2', '--home=h'], /--home needs --box/],
      [['--box=b', '--format=raw'], /a box knows the format of its disk/],
    ] as const) {
      const { code, err } = await runCli(['disk', 'write', ...args], { cwd })
      expect(code).toBe(64)
      expect(err).toMatch(text)
    }
  })

  it('that is interrupted ends with 130 and leaves an image that is clean', async () => {
    const child = startCli(['disk', 'write', 'top.qcow2', '--offset=24M'], { cwd })
    let err = ''
    child.stderr!.on('data', (chunk: Buffer) => (err += chunk.toString()))
    child.stdin!.on('error', () => undefined)
    // The input stays open: the command waits for more when the signal comes. What it has taken is told by the drain.
    await new Promise<void>((resolve) => child.stdin!.write(randomBytes(1 << 20), () => resolve()))
    child.kill('SIGINT')
    const code = await new Promise((resolve) => child.on('close', resolve))
    expect({ code, err }).toEqual({ code: 130, err: 'boxlite: interrupted.\n' })
    await qemu('qemu-img', 'check', '-q', 'top.qcow2')
  })
})

describe('disk write --zero on a raw image', () => {
  it('leaves holes what they are', async () => {
    const file = join(cwd, 'holes.raw')
    writeFileSync(file, '')
    truncateSync(file, 64 << 20)
    await runCli(['disk', 'write', '--format=raw', 'holes.raw', '--offset=33M', '--input=bytes'], { cwd })
    const { code, out } = await runCli(['disk', 'write', '--format=raw', 'holes.raw', '--zero', '--offset=1000', '--length=60M'], { cwd })
    expect({ code, out }).toEqual({ code: 0, out: 'Wrote 60 MiB (62914560 bytes) at 1000\n' })
    expect(readFileSync(file).equals(Buffer.alloc(64 << 20))).toBe(true)
    expect(statSync(file).blocks * 512).toBeLessThan(4 << 20)
  })

  it('that is interrupted ends with 130', async () => {
    const file = join(cwd, 'large.raw')
    writeFileSync(file, 'x')
    truncateSync(file, 2 ** 36)
    const child = startCli(['disk', 'write', '--format=raw', 'large.raw', '--zero', '--length=64G'], { cwd })
    let told = ''
    for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk: Buffer) => (told += chunk.toString()))
    const first = Buffer.alloc(1)
    const descriptor = openSync(file, 'r')
    while (readSync(descriptor, first, 0, 1, 0) === 1 && first[0] !== 0) await new Promise((resolve) => setTimeout(resolve, 10))
    closeSync(descriptor)
    child.kill('SIGINT')
    const code = await new Promise((resolve) => child.on('close', resolve))
    expect({ code, told }).toEqual({ code: 130, told: 'boxlite: interrupted.\n' })
  })
})

describe('disk read', () => {
  it('gives the bytes of the whole disk, as qemu-img does', async () => {
    await qemu('qemu-img', 'convert', '-O', 'raw', 'top.qcow2', 'theirs.raw')
    const { code, stdout } = await runCli(['disk', 'read', 'top.qcow2'], { cwd })
    expect(code).toBe(0)
    expect(stdout.equals(readFileSync(join(cwd, 'theirs.raw')))).toBe(true)
  })

  it('gives a range into a file, which appears whole', async () => {
    await run('disk', 'read', 'base.qcow2', '--offset=1M', '--length=300001', '-o', 'copy')
    expect(readFileSync(join(cwd, 'copy')).equals(bytes)).toBe(true)
    await run('disk', 'read', 'top.qcow2', '-o', 'ours.raw')
    expect(readFileSync(join(cwd, 'ours.raw')).equals(readFileSync(join(cwd, 'theirs.raw')))).toBe(true)
    expect(statSync(join(cwd, 'ours.raw')).blocks * 512).toBeLessThan(4 << 20)
    expect((await runCli(['disk', 'read', 'base.qcow2', '-o', 'copy'], { cwd })).err).toMatch(/^boxlite: copy exists already/)
    await run('disk', 'read', 'base.qcow2', '--length=3', '-o', 'copy', '--overwrite')
    expect(statSync(join(cwd, 'copy')).size).toBe(3)
  })

  it('refuses a range that is not on the disk', async () => {
    const { code, stdout, err } = await runCli(['disk', 'read', 'base.qcow2', '--offset=16M', '--length=1'], { cwd })
    expect({ code, length: stdout.length }).toEqual({ code: 1, length: 0 })
    expect(err).toMatch(/^boxlite: The disk has 16777216 bytes; 1 from 16777216 on are not all on it\./)
  })

  it('ends quietly when its reader does', async () => {
    const script = '"$0" "$@" | head -c 10 > head; exit "${PIPESTATUS[0]}"'
    const { code, err } = await runProgram('bash', ['--norc', '-c', script, process.execPath, mainPath, 'disk', 'read', 'base.qcow2'], cwd)
    expect({ code, err }).toEqual({ code: 141, err: '' })
    expect(statSync(join(cwd, 'head')).size).toBe(10)
  })
})

interface QemuExtent {
  readonly start: number
  readonly length: number
  readonly depth: number
  readonly offset?: number
}

/** The extents that have a place in a file, joined where qemu-img splits them at the holes of that file. */
function joined(extents: readonly QemuExtent[]): Omit<Extent, 'kind'>[] {
  const found: { offset: number; length: number; depth: number; hostOffset: number }[] = []
  for (const { start, length, depth, offset } of extents) {
    if (offset === undefined) continue
    const last = found.at(-1)
    const follows = last !== undefined && last.depth === depth && last.offset + last.length === start && last.hostOffset + last.length === offset
    if (follows) last.length += length
    else found.push({ offset: start, length, depth, hostOffset: offset })
  }
  return found
}

function lengthOf(extents: readonly Extent[]): number {
  return extents.reduce((sum, { length }) => sum + length, 0)
}

describe('disk map', () => {
  it('tells data, zeros and depth as qemu-img does', async () => {
    const theirs = JSON.parse(await qemu('qemu-img', 'map', '--output=json', 'top.qcow2')) as QemuExtent[]
    const ours = JSON.parse(await run('disk', 'map', '--json', 'top.qcow2')) as Extent[]
    const stored = ours.flatMap(({ kind, offset, length, depth, hostOffset }) => (kind === 'data' ? [{ offset, length, depth, hostOffset }] : []))
    expect(stored.length).toBeGreaterThan(2)
    expect(stored).toEqual(joined(theirs))
    expect(lengthOf(ours.filter(({ kind }) => kind === 'zero'))).toBe(128 << 10)
    expect(lengthOf(ours)).toBe(32 << 20)
  })

  it('shows it to people in columns, for a range', async () => {
    expect((await run('disk', 'map', 'base.qcow2', '--offset=960K', '--length=128K')).split('\n')).toEqual([
      '  OFFSET   LENGTH  KIND         LAYER       AT',
      ' 0xf0000  0x10000  unallocated',
      '0x100000  0x10000  data             0  0x50000',
      '',
    ])
  })
})

describe('disk resize', () => {
  it('grows an image, whose new part reads as zeros whatever lies below', async () => {
    await run('disk', 'create', 'small.qcow2', '-b', 'base.qcow2', '-F', 'qcow2')
    expect(await run('disk', 'resize', 'small.qcow2', '+1000')).toBe('Resized small.qcow2 from 16 MiB (16777216 bytes) to 16 MiB (16778240 bytes)\n')
    expect(JSON.parse(await run('disk', 'resize', '--json', 'small.qcow2', '40M'))).toEqual({
      path: 'small.qcow2',
      fromBytes: (16 << 20) + 1024,
      virtualSizeBytes: 40 << 20,
    })
    await run('disk', 'resize', 'base.qcow2', '40M')
    await run('disk', 'write', 'base.qcow2', '--offset=20M', '--input=bytes')
    const { stdout } = await runCli(['disk', 'read', 'small.qcow2', '--offset=16M'], { cwd })
    expect(stdout.equals(Buffer.alloc(24 << 20))).toBe(true)
    await qemu('qemu-img', 'check', '-q', 'small.qcow2')
  })

  it('makes a qcow2 image no smaller, and a raw one only when it is told to', async () => {
    const { err } = await runCli(['disk', 'resize', 'base.qcow2', '1M'], { cwd })
    expect(err).toMatch(/^boxlite: base\.qcow2 has 41943040 bytes, and a qcow2 image is not made smaller\./)
    writeFileSync(join(cwd, 'r.raw'), 'x')
    truncateSync(join(cwd, 'r.raw'), 4096)
    expect((await runCli(['disk', 'resize', '-f', 'raw', 'r.raw', '512'], { cwd })).err).toMatch(/the last 3584 would be lost\. Say --shrink/)
    expect(statSync(join(cwd, 'r.raw')).size).toBe(4096)
    await run('disk', 'resize', '-f', 'raw', '--shrink', 'r.raw', '512')
    await run('disk', 'resize', '-f', 'raw', 'r.raw', '+1')
    expect(statSync(join(cwd, 'r.raw')).size).toBe(1024)
  })

  it('takes no file for raw by itself', async () => {
    const { code, err } = await runCli(['disk', 'resize', 'r.raw', '1M'], { cwd })
    expect(code).toBe(1)
    expect(err).toMatch(/magic is not that of a qcow2 image/)
  })
})
