import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli, runProgram, temporaryDirectory } from './run-cli.ts'

const cwd = temporaryDirectory()

async function qemuInfo(file: string): Promise<Record<string, unknown>> {
  return JSON.parse((await runProgram('qemu-img', ['info', '--output=json', file], cwd)).out) as Record<string, unknown>
}

describe('disk create', () => {
  it('makes an image that qemu-img finds clean', async () => {
    expect(await runCli(['disk', 'create', 'a.qcow2', '10G'], { cwd })).toMatchObject({
      code: 0,
      out: 'Made a.qcow2: qcow2, 10 GiB (10737418240 bytes)\n',
      err: '',
    })
    expect(await qemuInfo('a.qcow2')).toMatchObject({ format: 'qcow2', 'virtual-size': 10 * 2 ** 30 })
    expect((await runProgram('qemu-img', ['check', 'a.qcow2'], cwd)).code).toBe(0)
  })

  it('makes a raw image of a size that is rounded up to sectors', async () => {
    const { code, out } = await runCli(['disk', 'create', '--format=raw', '--json', 'a.raw', '1.5k'], { cwd })
    expect({ code, report: JSON.parse(out) as unknown }).toEqual({
      code: 0,
      report: { path: 'a.raw', format: 'raw', virtualSizeBytes: 1536, backing: null },
    })
    await runCli(['disk', 'create', '-f', 'raw', 'odd.raw', '1000'], { cwd })
    expect(await qemuInfo('odd.raw')).toMatchObject({ 'virtual-size': 1024 })
  })

  it('makes an overlay as large as its backing file, or larger', async () => {
    expect((await runCli(['disk', 'create', '-b', 'a.qcow2', '-F', 'qcow2', 'over.qcow2'], { cwd })).code).toBe(0)
    expect(await qemuInfo('over.qcow2')).toMatchObject({
      'virtual-size': 10 * 2 ** 30,
      'backing-filename': 'a.qcow2',
      'backing-filename-format': 'qcow2',
    })
    expect((await runCli(['disk', 'create', '-b', 'a.raw', '-F', 'raw', 'larger.qcow2', '1M'], { cwd })).code).toBe(0)
    expect(await qemuInfo('larger.qcow2')).toMatchObject({ 'virtual-size': 2 ** 20, 'backing-filename-format': 'raw' })
  })

  it('refuses a size that cannot be counted when it is rounded up', async () => {
    const { code, err } = await runCli(['disk', 'create', 'huge.qcow2', '9007199254740991'], { cwd })
    expect(code).toBe(64)
    expect(err).toMatch(/^boxlite: SIZE is over what can be counted: 8 PiB less 512 bytes\./)
    expect(existsSync(join(cwd, 'huge.qcow2'))).toBe(false)
  })

  it('replaces a file only when it is told to', async () => {
    const refused = await runCli(['disk', 'create', 'a.raw', '1M'], { cwd })
    expect(refused).toMatchObject({ code: 1, err: 'boxlite: a.raw exists already. Name another file, or say --overwrite to replace it.\n' })
    expect(await qemuInfo('a.raw')).toMatchObject({ format: 'raw' })
    expect((await runCli(['disk', 'create', '--overwrite', 'a.raw', '1M'], { cwd })).code).toBe(0)
    expect(await qemuInfo('a.raw')).toMatchObject({ format: 'qcow2' })
  })

  it('does not replace an image by an overlay on itself, or on what stands on it', async () => {
    await runCli(['disk', 'create', 'bottom.qcow2', '1M'], { cwd })
    await runCli(['disk', 'create', '-b', 'bottom.qcow2', '-F', 'qcow2', 'middle.qcow2'], { cwd })
    const before = readFileSync(join(cwd, 'bottom.qcow2'))
    for (const backing of ['bottom.qcow2', 'middle.qcow2']) {
      const { code, err } = await runCli(['disk', 'create', '--overwrite', '-b', backing, '-F', 'qcow2', './bottom.qcow2'], { cwd })
      expect({ code, err }).toEqual({
        code: 1,
        err: 'boxlite: ./bottom.qcow2 is part of the chain that it is to stand on. Name another file.\n',
      })
    }
    expect(readFileSync(join(cwd, 'bottom.qcow2')).equals(before)).toBe(true)
  })

  it('does not write through a symbolic link that has the name', async () => {
    writeFileSync(join(cwd, 'victim'), 'precious')
    symlinkSync('victim', join(cwd, 'link'))
    expect((await runCli(['disk', 'create', 'link', '1M'], { cwd })).err).toContain('link exists already')
    const { code, err } = await runCli(['disk', 'create', '--overwrite', 'link', '1M'], { cwd })
    expect({ code, err }).toEqual({ code: 1, err: 'boxlite: link is not a regular file, and is not replaced. Name another file.\n' })
    expect(readFileSync(join(cwd, 'victim'), 'utf8')).toBe('precious')
  })

  it('refuses a backing file that is absent, elsewhere, or a link', async () => {
    symlinkSync('a.qcow2', join(cwd, 'alias.qcow2'))
    const asked = ['nothing.qcow2', '../a.qcow2', '/etc/passwd', 'alias.qcow2', '.']
    const codes = await Promise.all(asked.map(async (name) => (await runCli(['disk', 'create', '-F', 'raw', '-b', name, 'bad.qcow2'], { cwd })).code))
    expect(codes).toEqual([1, 64, 64, 1, 1])
    expect(existsSync(join(cwd, 'bad.qcow2'))).toBe(false)
  })

  it('asks for what is missing', async () => {
    for (const [args, text] of [
      [['x.qcow2'], /SIZE is missing/],
      [['-b', 'a.qcow2', 'x.qcow2'], /--backing needs --backing-format\. The format of a backing file is never guessed/],
      [['-F', 'raw', 'x.qcow2', '1M'], /--backing-format needs --backing/],
      [['-f', 'raw', '-b', 'a.raw', '-F', 'raw', 'x.raw'], /a raw image has no backing file/],
    ] as const) {
      const { code, err } = await runCli(['disk', 'create', ...args], { cwd })
      expect(code).toBe(64)
      expect(err).toMatch(text)
    }
  })

  it('refuses to write inside a home, through a link too', async () => {
    mkdirSync(join(cwd, 'home/layers'), { recursive: true })
    writeFileSync(join(cwd, 'home/format'), 'boxlite home 1\n')
    symlinkSync('home/layers', join(cwd, 'shortcut'))
    for (const place of ['home', 'home/layers', 'shortcut']) {
      const { code, err } = await runCli(['disk', 'create', join(place, 'x.qcow2'), '1M'], { cwd })
      expect(code).toBe(1)
      expect(err).toMatch(/is inside the boxlite home .*home, where nothing else is written\./)
    }
    expect(readdirSync(join(cwd, 'home/layers'))).toEqual([])
  })

  it('leaves nothing behind when it fails', async () => {
    const { code, err } = await runCli(['disk', 'create', 'huge.qcow2', '4P'], { cwd })
    expect(code).toBe(1)
    expect(err).toMatch(/^boxlite: virtual_size is over its limit/)
    expect(readdirSync(cwd).filter((name) => name.includes('huge'))).toEqual([])
  })
})
