import { openSync, readFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { commands, groups } from '../../hosts/node/cli/commands.ts'
import { commandHelp, groupHelp } from '../../hosts/node/cli/help.ts'
import { environment, mainPath, runCli, startCli, temporaryDirectory } from './run-cli.ts'

const directory = temporaryDirectory()
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }

describe('help', () => {
  it('lists every command', async () => {
    const { code, out, err } = await runCli(['--help'])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    for (const { path, summary } of commands) expect(out).toMatch(new RegExp(`^  ${path} +${summary.slice(0, 20).replace(/[()]/g, '\\$&')}`, 'm'))
  })

  it('of a group lists the commands under it alone', async () => {
    const { code, out } = await runCli(['disk', '--help'])
    expect(code).toBe(0)
    expect(out).toMatch(/^ {2}create /m)
    expect(out).not.toMatch(/^ {2}disk /m)
  })

  it('of a command shows its operands and every option', async () => {
    for (const { path, operands, options } of commands) {
      const { code, out } = await runCli(['help', ...path.split(' ')])
      expect(code).toBe(0)
      expect(out.split('\n')[0]).toBe(`Usage: boxlite ${[path, '[options]', ...operands].join(' ')}`)
      for (const name of Object.keys(options)) expect(out).toContain(`--${name}`)
    }
  })

  it('is as wide as a page at most', () => {
    const lines = [...groups.flatMap((group) => groupHelp(group, commands)), ...commands.flatMap(commandHelp)]
    expect(lines.filter((line) => line.length > 100)).toEqual([])
  })
})

it('says its version', async () => {
  expect(await runCli(['--version'])).toMatchObject({ code: 0, out: `boxlite ${version}\n` })
})

describe('wrong usage ends with 64, one line and a way on', () => {
  const cases: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['no command', [], /^boxlite: a command is missing\. Run 'boxlite --help'\.\n$/],
    ['no command of a group', ['disk'], /a command is missing\. Run 'boxlite disk --help'/],
    ['a command mistyped', ['dsik'], /unknown command 'dsik'\. Did you mean 'disk'\?/],
    ['a command of a group mistyped', ['disk', 'crate'], /unknown command 'disk crate'\. Did you mean 'disk create'\?/],
    ['a command far from all', ['frobnicate'], /^boxlite: unknown command 'frobnicate'\. Run 'boxlite --help'\.\n$/],
    ['an option mistyped', ['disk', 'create', '--overwite', 'x', '1G'], /unknown option '--overwite'\. Did you mean --overwrite\?/],
    ['an option of Object', ['disk', 'create', '--constructor', 'x', '1G'], /unknown option '--constructor'/],
    ['a value that is missing', ['disk', 'create', 'x', '1G', '--format'], /--format needs a value: --format=FORMAT/],
    ['an option in the place of a value', ['disk', 'create', '--format', '--json', 'x', '1G'], /--format needs a value/],
    ['a value too many', ['disk', 'create', '--json=yes', 'x', '1G'], /--json takes no value/],
    ['an option given twice', ['disk', 'create', '-f', 'raw', '-f', 'raw', 'x', '1G'], /-f is given twice/],
    ['an operand that is missing', ['disk', 'info'], /FILE is missing/],
    ['an operand that is empty', ['disk', 'read', ''], /FILE is empty/],
    ['an operand too many', ['disk', 'info', 'x', 'y'], /'y' is one operand too many/],
    ['a format that is none', ['disk', 'info', '-f', 'vmdk', 'x'], /--format 'vmdk' is not known\. It is qcow2 or raw\./],
    ['a size that is none', ['disk', 'create', 'x', '10Q'], /SIZE '10Q' is not a size\. Write it in bytes or with a unit/],
  ]
  for (const [title, args, text] of cases) {
    it(`${title}`, async () => {
      const { code, out, err } = await runCli(args, { cwd: directory })
      expect({ code, out }).toEqual({ code: 64, out: '' })
      expect(err).toMatch(text)
      expect(err.trimEnd()).not.toContain('\n')
    })
  }
})

describe('an error', () => {
  it('is one line with a remedy, and no stack', async () => {
    const { code, out, err } = await runCli(['disk', 'info', 'absent.qcow2'], { cwd: directory })
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(/^boxlite: Cannot open absent\.qcow2: it does not exist \(ENOENT\)\. .+\n$/)
  })

  it('always says what to do', async () => {
    const { err } = await runCli(['disk', 'info', '/'])
    expect(err).toBe('boxlite: Cannot open /: it is not a regular file. Look at the path and the system log, then try again.\n')
  })

  it('is one JSON object with --json', async () => {
    const { code, err } = await runCli(['disk', 'info', '--json', 'absent.qcow2'], { cwd: directory })
    expect(code).toBe(1)
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'not_found', fault: 'caller', facts: { errno: 'ENOENT' } } })
  })

  it('shows its stack and its causes with BOXLITE_DEBUG', async () => {
    const { err } = await runCli(['disk', 'info', 'absent.qcow2'], { cwd: directory, env: { BOXLITE_DEBUG: '1' } })
    expect(err).toMatch(/^boxlite: Cannot open absent\.qcow2/)
    expect(err).toMatch(/\n {4}at /)
    expect(err).toContain('ENOENT: no such file or directory')
  })

  it('never prints what a terminal would obey', async () => {
    const { err } = await runCli(['disk', 'info', 'a\u001b[2Jb\u202ec\nd'], { cwd: directory })
    expect(err).toContain('a\\u{1b}[2Jb\\u{202e}c\\u{a}d')
    expect(err).not.toContain('\u001b')
  })
})

describe('standard output', () => {
  it('that nobody reads ends the command quietly, as SIGPIPE would', () => {
    // The reader is gone for certain before the command starts.
    const script = `exec 3> >(exit); wait $!; "$0" "$1" --help >&3`
    const { status, stderr } = spawnSync('bash', ['--norc', '-c', script, process.execPath, mainPath], { env: environment() })
    expect({ status, stderr: stderr.toString() }).toEqual({ status: 141, stderr: '' })
  })

  it('that is full is an error', () => {
    const stdio = ['ignore', openSync('/dev/full', 'w'), 'pipe'] as const
    const { status, stderr } = spawnSync(process.execPath, [mainPath, '--help'], { env: environment(), stdio: [...stdio] })
    expect(status).toBe(1)
    expect(stderr.toString()).toMatch(/^boxlite: cannot write standard output: ENOSPC/)
  })
})

it('ends with 128 and the number of the signal that ended it', async () => {
  await runCli(['disk', 'create', 'signal.qcow2', '64M'], { cwd: directory })
  const child = startCli(['disk', 'write', 'signal.qcow2'], { cwd: directory })
  let err = ''
  child.stderr!.on('data', (chunk: Buffer) => (err += chunk.toString()))
  child.stdin!.on('error', () => undefined)
  // More than a pipe holds: once it is taken the command runs, and waits for more.
  await new Promise<void>((resolve) => child.stdin!.write(Buffer.alloc(1 << 20), () => resolve()))
  child.kill('SIGTERM')
  const code = await new Promise((resolve) => child.on('close', resolve))
  expect({ code, err }).toEqual({ code: 143, err: 'boxlite: ended by SIGTERM.\n' })
})
