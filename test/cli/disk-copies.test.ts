// The commands that make images of images, or compare them: convert, compare, merge.
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { mainPath, runCli, runProgram, startCli, temporaryDirectory } from './run-cli.ts'

const cwd = temporaryDirectory()
const spool = join(cwd, 'spool')

async function run(...args: readonly string[]): Promise<string> {
  const { code, out, err } = await runCli(args, { cwd })
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return out
}

async function qemuImg(...args: readonly string[]): Promise<void> {
  expect(await runProgram('qemu-img', args, cwd)).toMatchObject({ code: 0, err: '' })
}

beforeAll(async () => {
  mkdirSync(spool)
  // Text that deflates, noise that does not, and holes.
  const raw = Buffer.alloc(6 << 20)
  raw.fill('all work and no play ', 100_000, 900_000)
  randomBytes(300_000).copy(raw, 3_000_001)
  writeFileSync(join(cwd, 'disk.raw'), raw)
  await qemuImg('convert', '-f', 'raw', '-O', 'qcow2', '-o', 'cluster_size=4k,compat=0.10', 'disk.raw', 'foreign.qcow2')
  await qemuImg('create', '-q', '-f', 'qcow2', '-b', 'foreign.qcow2', '-F', 'qcow2', 'over.qcow2', '8M')
  await runProgram('qemu-io', ['-c', 'write -P 7 1M 100k', '-c', 'write -z 3M 64k', 'over.qcow2'], cwd)
})

describe('disk convert', () => {
  it.each([
    ['raw', 'raw', []],
    ['qcow2', 'qcow2', []],
    ['compressed qcow2', 'qcow2', ['-c']],
  ])('makes one %s image of a chain', async (_title, format, more) => {
    const target = `flat${more.join('')}.${format}`
    expect(await run('disk', 'convert', '-O', format, ...more, 'over.qcow2', target)).toBe(
      `Converted over.qcow2 to ${target}: ${format}, 8 MiB (8388608 bytes)\n`,
    )
    await qemuImg('compare', '-q', '-f', 'qcow2', '-F', format, 'over.qcow2', target)
    if (format === 'qcow2') await qemuImg('check', '-q', target)
    expect(statSync(join(cwd, target)).blocks * 512).toBeLessThan(2 << 20)
  })

  it('makes compressed images smaller', () => {
    expect(statSync(join(cwd, 'flat-c.qcow2')).size).toBeLessThan(statSync(join(cwd, 'flat.qcow2')).size - 500_000)
  })

  it('reads a compressed image that it did not make', async () => {
    await qemuImg('convert', '-c', '-f', 'raw', '-O', 'qcow2', 'disk.raw', 'deflated.qcow2')
    expect(JSON.parse(await run('disk', 'convert', '--json', '--no-sync', '-O', 'raw', 'deflated.qcow2', 'inflated.raw'))).toEqual({
      source: 'deflated.qcow2',
      target: 'inflated.raw',
      format: 'raw',
      virtualSizeBytes: 6 << 20,
      compressed: false,
    })
    expect(readFileSync(join(cwd, 'inflated.raw')).equals(readFileSync(join(cwd, 'disk.raw')))).toBe(true)
  })

  it('takes streams and gives streams', async () => {
    const raw = readFileSync(join(cwd, 'disk.raw'))
    const env = { TMPDIR: spool }
    const image = await runCli(['disk', 'convert', '-f', 'raw', '-', '-'], { cwd, env, input: raw })
    expect({ code: image.code, err: image.err }).toEqual({ code: 0, err: '' })
    writeFileSync(join(cwd, 'streamed.qcow2'), image.stdout)
    await qemuImg('check', '-q', 'streamed.qcow2')
    const back = await runCli(['disk', 'convert', '-O', 'raw', '-', '-'], { cwd, env, input: image.stdout })
    expect(back).toMatchObject({ code: 0, err: '' })
    expect(back.stdout.equals(raw)).toBe(true)
    expect(readdirSync(spool)).toEqual([])
  })

  it('refuses what it would have to guess, or would destroy', async () => {
    writeFileSync(join(cwd, 'taken'), 'x')
    symlinkSync('/etc/hostname', join(cwd, 'alias'))
    await qemuImg('create', '-q', '-f', 'qcow2', '-u', '-b', 'alias', '-F', 'raw', 'astray.qcow2', '1M')
    for (const [args, code, text] of [
      [['-c', '-O', 'raw', 'over.qcow2', 'x'], 64, /--compress needs --target-format=qcow2/],
      [['-O', 'vdi', 'over.qcow2', 'x'], 64, /--target-format 'vdi' is not known/],
      [['over.qcow2', 'taken'], 1, /taken exists already/],
      [['astray.qcow2', 'x'], 1, /astray\.qcow2 backs on alias, which cannot be used/],
      [['-f', 'qcow2', 'disk.raw', 'x'], 1, /disk\.raw: magic is not that of a qcow2 image/],
    ] as const) {
      const ran = await runCli(['disk', 'convert', ...args], { cwd })
      expect(ran.err).toMatch(text)
      expect(ran.code).toBe(code)
    }
    expect(readFileSync(join(cwd, 'taken'), 'utf8')).toBe('x')
    expect(readdirSync(cwd)).not.toContain('x')
  })

  it('that is interrupted ends with 130 and leaves nothing', async () => {
    const before = readdirSync(cwd)
    const child = startCli(['disk', 'convert', '-f', 'raw', '-', 'interrupted.qcow2'], { cwd, env: { TMPDIR: spool } })
    let err = ''
    child.stderr!.on('data', (chunk: Buffer) => (err += chunk.toString()))
    child.stdin!.on('error', () => undefined)
    // More than a pipe holds: when all of it is taken the command has begun to spool.
    await new Promise<void>((resolve) => child.stdin!.write(Buffer.alloc(1 << 20, 1), () => resolve()))
    child.kill('SIGINT')
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(130)
    expect(err).toBe('boxlite: interrupted.\n')
    expect(readdirSync(cwd)).toEqual(before)
    expect(readdirSync(spool)).toEqual([])
  })

  it('ends quietly when its reader does', async () => {
    const script = '"$0" "$@" | head -c 10 > head; exit "${PIPESTATUS[0]}"'
    const args = ['--norc', '-c', script, process.execPath, mainPath, 'disk', 'convert', '-O', 'raw', 'over.qcow2', '-']
    expect(await runProgram('bash', args, cwd)).toMatchObject({ code: 141, err: '' })
  })
})

describe('disk compare', () => {
  it('ends as qemu-img compare does', async () => {
    writeFileSync(join(cwd, 'other.raw'), readFileSync(join(cwd, 'disk.raw')))
    const changed = readFileSync(join(cwd, 'disk.raw'))
    changed[3_000_123]! ^= 1
    writeFileSync(join(cwd, 'changed.raw'), changed)
    writeFileSync(join(cwd, 'longer.raw'), readFileSync(join(cwd, 'disk.raw')))
    truncateSync(join(cwd, 'longer.raw'), 7 << 20)
    for (const [args, code] of [
      [['foreign.qcow2', 'other.raw'], 0],
      [['foreign.qcow2', 'changed.raw'], 1],
      [['foreign.qcow2', 'longer.raw'], 0],
      [['-s', 'longer.raw', 'foreign.qcow2'], 1],
      [['foreign.qcow2', 'absent.raw'], 2],
    ] as const) {
      expect({ args, code: (await runProgram('qemu-img', ['compare', ...args], cwd)).code }).toEqual({ args, code })
      expect({ args, code: (await runCli(['disk', 'compare', ...args], { cwd })).code }).toEqual({ args, code })
    }
  })

  it('says where two images begin to differ', async () => {
    const { out: line } = await runCli(['disk', 'compare', 'foreign.qcow2', 'changed.raw'], { cwd })
    expect(line).toBe('foreign.qcow2 and changed.raw differ at byte 3000123.\n')
    const { out } = await runCli(['disk', 'compare', '--json', 'foreign.qcow2', 'changed.raw'], { cwd })
    expect(JSON.parse(out)).toEqual({ same: false, firstDifference: 3000123, sameSize: true })
    expect((await runCli(['disk', 'compare', 'foreign.qcow2', 'longer.raw'], { cwd })).out).toBe(
      'foreign.qcow2 and longer.raw are the same but for their size; what the larger one has more is zeros.\n',
    )
  })

  it('takes each image for what it is told', async () => {
    const forged = await runCli(['disk', 'compare', '-f', 'raw', '--other-format=raw', 'foreign.qcow2', 'foreign.qcow2'], { cwd })
    expect(forged).toMatchObject({ code: 0 })
    expect((await runCli(['disk', 'compare', '--other-format=raw', 'foreign.qcow2', 'foreign.qcow2'], { cwd })).code).toBe(1)
  })
})

describe('disk merge', () => {
  beforeAll(async () => {
    await run('disk', 'create', '-b', 'foreign.qcow2', '-F', 'qcow2', 'middle.qcow2')
    await run('disk', 'write', 'middle.qcow2', '--offset=2M', '--input=taken')
    await run('disk', 'create', '-b', 'middle.qcow2', '-F', 'qcow2', 'top.qcow2', '9M')
    await run('disk', 'write', 'top.qcow2', '--zero', '--offset=3M', '--length=64K')
    await run('disk', 'convert', '-O', 'raw', 'top.qcow2', 'before.raw')
  })

  it('folds the backing file into a new image, and leaves both as they are', async () => {
    const before = ['top.qcow2', 'middle.qcow2'].map((name) => readFileSync(join(cwd, name)))
    const out = await run('disk', 'merge', 'top.qcow2', '-o', 'merged.qcow2')
    expect(out).toBe('Merged middle.qcow2 into merged.qcow2, which stands on foreign.qcow2\n')
    await qemuImg('compare', '-q', 'before.raw', 'merged.qcow2')
    await qemuImg('check', '-q', 'merged.qcow2')
    expect(['top.qcow2', 'middle.qcow2'].map((name) => readFileSync(join(cwd, name)))).toEqual(before)
  })

  it('folds it into the image itself, down to the last', async () => {
    expect(JSON.parse(await run('disk', 'merge', '--json', 'top.qcow2'))).toEqual({
      path: 'top.qcow2',
      merged: 'middle.qcow2',
      backing: { name: 'foreign.qcow2', format: 'qcow2' },
    })
    expect(await run('disk', 'merge', 'top.qcow2')).toBe('Merged foreign.qcow2 into top.qcow2, which stands on its own\n')
    await qemuImg('compare', '-q', 'before.raw', 'top.qcow2')
    await qemuImg('check', '-q', 'top.qcow2')
    expect((await runCli(['disk', 'merge', 'top.qcow2'], { cwd })).err).toBe('boxlite: top.qcow2 has no backing file. There is nothing to merge.\n')
  })

  it('refuses to put the result where its backing file is not, or over something', async () => {
    mkdirSync(join(cwd, 'elsewhere'))
    const { err } = await runCli(['disk', 'merge', 'over.qcow2', '-o', 'elsewhere/m.qcow2'], { cwd })
    expect(err).toMatch(/m\.qcow2 is not in the directory of over\.qcow2/)
    expect((await runCli(['disk', 'merge', 'over.qcow2', '-o', 'taken'], { cwd })).err).toMatch(/taken exists already/)
  })
})
