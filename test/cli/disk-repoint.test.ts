// `boxlite disk repoint`, and images that come through standard input.
import { readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { runCli, runProgram, temporaryDirectory } from './run-cli.ts'

const cwd = temporaryDirectory()

async function run(...args: readonly string[]): Promise<string> {
  const { code, out, err } = await runCli(args, { cwd })
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return out
}

async function qemuInfo(file: string): Promise<Record<string, unknown>> {
  return JSON.parse((await runProgram('qemu-img', ['info', '--output=json', file], cwd)).out) as Record<string, unknown>
}

beforeAll(async () => {
  await run('disk', 'create', 'base.qcow2', '1M')
  await run('disk', 'create', '-b', 'base.qcow2', '-F', 'qcow2', 'over.qcow2')
  renameSync(join(cwd, 'base.qcow2'), join(cwd, 'renamed.qcow2'))
})

describe('disk repoint', () => {
  it('makes an image stand on its renamed backing file', async () => {
    expect((await runCli(['disk', 'map', 'over.qcow2'], { cwd })).code).toBe(1)
    expect(await run('disk', 'repoint', 'over.qcow2', 'renamed.qcow2')).toBe(
      'over.qcow2 stands on renamed.qcow2 (qcow2), no longer on base.qcow2\n',
    )
    expect(await qemuInfo('over.qcow2')).toMatchObject({ 'backing-filename': 'renamed.qcow2', 'backing-filename-format': 'qcow2' })
    expect((await runProgram('qemu-img', ['check', 'over.qcow2'], cwd)).code).toBe(0)
    await run('disk', 'map', 'over.qcow2')
  })

  it('takes a name of another directory out of an image that qemu-img made', async () => {
    await runProgram('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', join(cwd, 'renamed.qcow2'), '-F', 'qcow2', 'far.qcow2'], cwd)
    expect((await runCli(['disk', 'map', 'far.qcow2'], { cwd })).err).toMatch(/boxlite disk repoint IMAGE NAME/)
    expect(JSON.parse(await run('disk', 'repoint', '--json', 'far.qcow2', 'renamed.qcow2'))).toEqual({
      path: 'far.qcow2',
      backing: { name: 'renamed.qcow2', format: 'qcow2' },
      before: { name: join(cwd, 'renamed.qcow2'), format: 'qcow2' },
    })
    await run('disk', 'map', 'far.qcow2')
  })

  it('refuses what is not there, what would be a circle, and a format that nobody stated; nothing changes then', async () => {
    await runProgram('qemu-img', ['create', '-q', '-f', 'qcow2', 'alone.qcow2', '1M'], cwd)
    const before = readFileSync(join(cwd, 'renamed.qcow2'))
    const cases = [
      [['over.qcow2', 'absent.qcow2'], 1, /absent\.qcow2: it does not exist/],
      [['renamed.qcow2', 'over.qcow2', '--backing-format=qcow2'], 1, /part of the chain that it is to stand on/],
      [['renamed.qcow2', 'renamed.qcow2', '--backing-format=qcow2'], 1, /part of the chain that it is to stand on/],
      [['alone.qcow2', 'renamed.qcow2'], 64, /does not say what 'renamed\.qcow2' is/],
      [['over.qcow2', 'sub/renamed.qcow2'], 64, /not a plain name/],
    ] as const
    for (const [args, code, err] of cases) {
      expect(await runCli(['disk', 'repoint', ...args], { cwd })).toMatchObject({ code, err: expect.stringMatching(err) as string })
    }
    expect(readFileSync(join(cwd, 'renamed.qcow2')).equals(before)).toBe(true)
    expect(await qemuInfo('over.qcow2')).toMatchObject({ 'backing-filename': 'renamed.qcow2' })
  })

  it('writes nothing inside a home', async () => {
    const home = { BOXLITE_HOME: join(cwd, 'home') }
    const made = await runCli(['create', 'web', '--disk=renamed.qcow2', '--json'], { cwd, env: home })
    const { id } = JSON.parse(made.out) as { id: string }
    const { live } = JSON.parse(readFileSync(join(cwd, 'home/boxes', `${id}.json`), 'utf8')) as { live: string }
    const refused = await runCli(['disk', 'repoint', join(cwd, 'home/layers', live), live], { cwd })
    expect(refused.code).toBe(1)
    const written = await runCli(['disk', 'repoint', join(cwd, 'home/layers', live), 'f'.repeat(32)], { cwd })
    expect(written.code).toBe(1)
  })
})

describe('an image on standard input', () => {
  it('is looked at, checked, mapped, read and compared', async () => {
    await run('disk', 'create', 'input.qcow2', '1M')
    await run('disk', 'write', 'input.qcow2', '--offset=128K', '--length=5', '--input=input.qcow2')
    const input = readFileSync(join(cwd, 'input.qcow2'))
    const piped = async (...args: readonly string[]): Promise<unknown> => {
      const { code, out, err } = await runCli([...args, '--json'], { cwd, input })
      expect({ code, err }).toEqual({ code: 0, err: '' })
      return JSON.parse(out)
    }
    expect(await piped('disk', 'info', '-')).toMatchObject({ path: '-', format: 'qcow2', virtualSizeBytes: 1 << 20 })
    expect(await piped('disk', 'check', '-')).toMatchObject({ path: '-', sound: true, allocatedClusters: 1 })
    expect(await piped('disk', 'map', '-')).toHaveLength(3)
    expect(await piped('disk', 'compare', '-', 'input.qcow2')).toEqual({ same: true, firstDifference: null, sameSize: true })
    expect(await piped('disk', 'read', '-', '--offset=128K', '--length=4', '--output=four')).toEqual({
      path: 'four',
      offset: 131_072,
      readBytes: 4,
    })
    expect(readFileSync(join(cwd, 'four'), 'latin1')).toBe('QFI\xfb')
  })

  it('is one image', async () => {
    expect(await runCli(['disk', 'compare', '-', '-'], { cwd })).toMatchObject({
      code: 64,
      err: expect.stringMatching(/only one of the two can be standard input/) as string,
    })
  })
})
