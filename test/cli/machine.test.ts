// The commands that run machines, each a process of its own, on every engine that works here.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { GuestMetrics } from '../../hosts/node/index.ts'
import { QemuEngine } from '../../hosts/node/qemu/engine.ts'
import { guestCache } from '../../hosts/node/guest-assets.ts'
import { whyNoBox, whyNoGuest } from '../api/why-no-box.ts'
import { describeWhere } from '../describe-where.ts'
import { environment, mainPath, runCli, startCli, temporaryDirectory, type Ran, type RunOptions } from './run-cli.ts'

const noGuest = await whyNoGuest()
const noQemu = await whyNoBox(new QemuEngine())
const guest = { BOXLITE_GUEST_CACHE: guestCache(), ...(process.env['BOXLITE_GUEST'] && { BOXLITE_GUEST: process.env['BOXLITE_GUEST'] }) }
const cwd = temporaryDirectory()

const run = (args: readonly string[], options: RunOptions = {}): Promise<Ran> =>
  runCli(args, { cwd, ...options, env: { BOXLITE_HOME: join(cwd, 'home'), ...guest } })

describe('commands on boxes without a machine', () => {
  it('refuse what is not said well, with the exit code of wrong usage', async () => {
    for (const args of [['exec', 'dev'], ['run'], ['run', '--memory=1', 'true'], ['exec', '--env=A', 'dev', 'true'], ['cp', 'a', 'b'], ['start']]) {
      expect((await run(args)).code, args.join(' ')).toBe(64)
    }
    expect((await run(['run', '--engine=xen', 'true'])).err).toContain("'xen' is not an engine")
  })

  it('tell of a box that is not there, 125 for those that would give a command its own code', async () => {
    for (const [args, code] of [[['exec', 'none', 'true'], 125], [['shell', 'none'], 125], [['stop', 'none'], 1], [['logs', 'none'], 1]] as const) {
      expect((await run(args)).code, args.join(' ')).toBe(code)
    }
  })

  it('say line by line what works here', async (context) => {
    const { out, code } = await run(['doctor', '--json'])
    expect(JSON.parse(out)).toContainEqual(expect.objectContaining({ what: 'v86', works: true }))
    expect(code).toBe(noGuest === null ? 0 : 1)
    // Where somebody looks: that it is being found out.
    if (!existsSync('/usr/bin/script')) return context.skip('there is no script(1) on this machine')
    const env = environment({ BOXLITE_HOME: join(cwd, 'home'), ...guest })
    const { stdout } = spawnSync('/usr/bin/script', ['-qec', `${process.execPath} ${mainPath} doctor`, '/dev/null'], { cwd, env, encoding: 'utf8' })
    expect(stdout).toContain('Examining this machine  trying what could run boxes\r\u001b[K')
    expect(stdout).toContain('+ v86: ')
  })
})

describeWhere(noQemu, 'commands on boxes that run on QEMU', () => {
  it('leave the machine running for the next command, and give its exit codes', async () => {
    expect((await run(['create', 'dev', '--image=base', '--memory=128M', '--size=256M', '-e', 'A=1'])).code).toBe(0)
    expect(await run(['start', 'dev'])).toMatchObject({ code: 0, err: '' })
    expect(await run(['exec', 'dev', 'sh', '-c', 'echo $A $B; echo alive > /tmp/memory'])).toMatchObject({ out: '1\n', code: 0, err: '' })
    expect((await run(['exec', '-e', 'B=2', '-w', '/tmp', 'dev', 'sh', '-c', 'echo $A $B $(pwd); cat memory'])).out).toBe('1 2 /tmp\nalive\n')
    const codes: [string[], number][] = [
      [['sh', '-c', 'exit 7'], 7],
      [['sh', '-c', 'kill -9 $$'], 137],
      [['/etc/passwd'], 126],
      [['nothing'], 127],
    ]
    for (const [command, code] of codes) expect((await run(['exec', 'dev', ...command])).code, command.join(' ')).toBe(code)
    expect((await run(['exec', 'dev', 'cat'], { input: 'through the box' })).out).toBe('through the box')
    expect((await run(['shell', 'dev'], { input: 'echo from the shell; exit 3\n' }))).toMatchObject({ out: 'from the shell\n', code: 3 })
    expect((await run(['ls'])).out).toMatch(/dev .* running +base /)
  })

  it('pass signals on, and give the exit code that the command makes of them', async () => {
    const program = 'trap "echo caught; exit 9" TERM; echo ready; while :; do sleep 1; done'
    const child = startCli(['exec', 'dev', 'sh', '-c', program], { cwd, env: { BOXLITE_HOME: join(cwd, 'home'), ...guest } })
    let out = ''
    child.stdout!.on('data', (chunk: Buffer) => {
      out += String(chunk)
      if (out === 'ready\n') child.kill('SIGTERM')
    })
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(9)
    expect(out).toBe('ready\ncaught\n')
  })

  it('give a command their terminal, with its size, and take its exit code', async (context) => {
    if (!existsSync('/usr/bin/script')) return context.skip('there is no script(1) on this machine')
    const line = `stty cols 91 rows 17; exec ${process.execPath} ${mainPath} exec -t dev sh -c "stty size; exit 6"`
    const env = environment({ BOXLITE_HOME: join(cwd, 'home'), ...guest })
    const ran = await new Promise<{ code: number | null; out: string }>((resolve, reject) => {
      const child = spawn('/usr/bin/script', ['-qec', line, '/dev/null'], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] })
      let out = ''
      child.stdout.on('data', (chunk: Buffer) => (out += String(chunk)))
      child.on('error', reject).on('close', (code) => resolve({ code, out }))
    })
    expect(ran.out).toContain('17 91')
    expect(ran.code).toBe(6)
  })

  it('show what the box uses, once or again and again until Ctrl-C', async (context) => {
    const [stats] = JSON.parse((await run(['stats', '--json'])).out) as [{ guest: GuestMetrics }]
    expect(stats).toMatchObject({ name: 'dev', state: 'running', reason: null })
    expect(stats.guest.memoryTotalBytes).toBeGreaterThan(90 * 2 ** 20)
    expect(stats.guest.diskTotalBytes).toBeGreaterThan(200 * 2 ** 20)
    const row = /^NAME .*LOAD.*\ndev +[0-9a-f]{12} +running +[0-9.]+ MiB of [0-9.]+ MiB +[0-9]+\.[0-9]{2} .* (?:s|min)\n$/
    expect((await run(['stats', 'dev'])).out).toMatch(row)
    expect(await run(['stats', 'none'])).toMatchObject({ code: 1, err: expect.stringContaining("box 'none' not found") as string })
    if (!existsSync('/usr/bin/script')) return context.skip('there is no script(1) on this machine')
    const line = `stty cols 60; exec ${process.execPath} ${mainPath} stats`
    const env = environment({ BOXLITE_HOME: join(cwd, 'home'), ...guest })
    const child = spawn('/usr/bin/script', ['-qec', line, '/dev/null'], { cwd, env, stdio: ['pipe', 'pipe', 'inherit'] })
    let out = ''
    child.stdout.on('data', (chunk: Buffer) => {
      out += String(chunk)
      // Once, after the second table.
      if (out.split('NAME').length === 3 && !child.stdin.writableEnded) child.stdin.end('\u0003')
    })
    expect(await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))).toBe(130)
    const [first, second] = out.replace('\r\u001b[J', '').split('\u001b[2A\r\u001b[J')
    expect(first).toMatch(/^NAME.{1,55}\r\ndev .{1,55}\r\n$/)
    expect(second).toMatch(/^NAME.{1,55}\r\ndev .{1,55}\r\n/)
    expect(out).not.toContain('boxlite:')
  })

  it('copy files in and out, snapshot and restore the box while it runs, and stop it', async () => {
    mkdirSync(join(cwd, 'tree/inner'), { recursive: true })
    writeFileSync(join(cwd, 'tree/inner/file'), 'copied')
    expect((await run(['cp', 'tree', 'dev:/root'])).code).toBe(0)
    expect((await run(['cp', 'dev:/root/tree/inner/file', '-']))).toMatchObject({ out: 'copied', err: '', code: 0 })
    expect((await run(['cp', '-', 'dev:/root/tree/piped'], { input: 'piped in' })).code).toBe(0)
    expect((await run(['exec', 'dev', 'cat', '/root/tree/piped'])).out).toBe('piped in')
    expect((await run(['cp', 'dev:/root/tree', '-'])).err).toContain('is a directory')
    expect((await run(['snapshot', 'create', 'dev', 'clean'])).out).toContain('file systems frozen')
    expect((await run(['exec', 'dev', 'rm', '-rf', '/root/tree'])).code).toBe(0)
    expect((await run(['snapshot', 'restore', 'dev', 'clean'])).err).toContain('running')
    expect((await run(['snapshot', 'restore', 'dev', 'clean', '--restart'])).code).toBe(0)
    expect((await run(['cp', 'dev:/root/tree', 'back'])).code).toBe(0)
    expect(readFileSync(join(cwd, 'back/inner/file'), 'utf8')).toBe('copied')
    expect((await run(['exec', 'dev', 'sh', '-c', 'echo said on the console > /dev/console'])).code).toBe(0)
    const { exit } = JSON.parse((await run(['stop', 'dev', '--json'])).out) as { exit: string }
    expect(['shutdown', 'reset']).toContain(exit)
    expect(await run(['stop', 'dev'])).toMatchObject({ out: expect.stringMatching(/^Stopped box 'dev'/) as string, err: '', code: 0 })
    expect((await run(['logs', 'dev'])).out).toContain('said on the console')
    expect((await run(['ls'])).out).toMatch(/dev .* stopped +base /)
    expect((await run(['rm', 'dev'])).code).toBe(0)
  })
})

describeWhere(noGuest, 'commands on images', () => {
  it('list, build, make and forget them', async () => {
    expect((await run(['images', 'build', 'base'])).out).toMatch(/^Image 'base' is in the home \([0-9a-f]{12}\)\n$/)
    mkdirSync(join(cwd, 'root/data'), { recursive: true })
    writeFileSync(join(cwd, 'root/data/file'), 'mine')
    expect(await run(['images', 'import', 'mine', 'root'])).toMatchObject({ code: 0, out: expect.stringMatching(/^Image 'mine' is/) as string })
    expect((await run(['images', 'import', 'mine', 'root'])).err).toContain("There is an image 'mine' already")
    const known = async (): Promise<string[]> => {
      const images = JSON.parse((await run(['images', 'ls', '--json'])).out) as { reference: string }[]
      return images.map(({ reference }) => reference)
    }
    expect(await known()).toEqual(expect.arrayContaining(['base', 'mine']))
    expect((await run(['images', 'ls'])).out).toMatch(/^IMAGE .*\nbase +[0-9a-f]{12} +.*\nmine +[0-9a-f]{12} +/)
    expect(await run(['images', 'rm', 'mine'])).toMatchObject({ code: 0, out: "Removed image 'mine'\n" })
    expect(await known()).not.toContain('mine')
    expect(await run(['images', 'rm', 'mine'])).toMatchObject({ code: 1, err: expect.stringContaining("image 'mine' not found") as string })
  })
})

describeWhere(noGuest, 'commands on v86', () => {
  it('run a command in a fresh box, and leave nothing', async () => {
    const ran = await run(['run', '--engine=v86', '--memory=128M', '--size=256M', 'sh', '-c', 'cat; exit 4'], { input: 'in and out' })
    expect(ran).toMatchObject({ out: 'in and out', code: 4 })
    expect(JSON.parse((await run(['ls', '--json'])).out)).toEqual([])
    // Nor of what the consoles of boxes said that are gone.
    expect(readdirSync(join(cwd, 'home/run'))).toEqual([])
  })

  it('use a box for their own time: a shell, copies, snapshots, its console', async () => {
    await run(['create', 'own', '--image=base', '--memory=128M', '--size=256M'])
    const own = (args: readonly string[], options: RunOptions = {}): Promise<Ran> => run([args[0]!, '--engine=v86', ...args.slice(1)], options)
    const input = 'echo kept > /root/kept; echo said on the console > /dev/console; echo from the shell; exit 3\n'
    expect(await own(['shell', 'own'], { input })).toMatchObject({ out: 'from the shell\n', code: 3 })
    expect((await run(['logs', 'own'])).out).toContain('said on the console')
    expect(await run(['snapshot', 'create', 'own', 'clean'])).toMatchObject({ code: 0, out: expect.stringContaining('clean') as string })
    expect((await own(['cp', '-', 'own:/root/kept'], { input: 'changed' })).code).toBe(0)
    expect((await own(['cp', 'own:/root/kept', '-'])).out).toBe('changed')
    expect((await run(['snapshot', 'restore', 'own', 'clean'])).code).toBe(0)
    expect((await own(['exec', 'own', 'cat', '/root/kept'])).out).toBe('kept\n')
    expect(JSON.parse((await run(['info', 'own', '--json'])).out)).toMatchObject({ state: 'stopped', image: 'base', snapshotCount: 1 })
    expect((await run(['rm', 'own'])).code).toBe(0)
  })

  it('say that no machine can be left running', async () => {
    await run(['create', 'short', '--image=base', '--memory=128M', '--size=256M'])
    expect(await run(['start', 'short', '--engine=v86'])).toMatchObject({ code: 1, err: expect.stringContaining('cannot leave a machine running') })
    const ran = await run(['exec', '--engine=v86', 'short', 'hostname'])
    expect(ran).toMatchObject({ out: 'short\n', code: 0, err: expect.stringContaining('stops when this command ends') })
    expect((await run(['rm', 'short'])).code).toBe(0)
  })
})
