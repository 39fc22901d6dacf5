// Commands of several terminals on one running box, each a process of its own, on a real machine.
import { spawn, type ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { guestCache } from '../../hosts/node/guest-assets.ts'
import { QemuEngine } from '../../hosts/node/qemu/engine.ts'
import { whyNoBox } from '../api/why-no-box.ts'
import { describeWhere } from '../describe-where.ts'
import { environment, runCli, startCli, temporaryDirectory, type Ran, type RunOptions } from './run-cli.ts'

const noQemu = await whyNoBox(new QemuEngine())
const cwd = temporaryDirectory()
const guest = { BOXLITE_GUEST_CACHE: guestCache(), ...(process.env['BOXLITE_GUEST'] && { BOXLITE_GUEST: process.env['BOXLITE_GUEST'] }) }
const env = { BOXLITE_HOME: join(cwd, 'home'), ...guest }

const run = (args: readonly string[], options: RunOptions = {}): Promise<Ran> => runCli(args, { cwd, ...options, env })

/** A command that goes on beside others. */
class Terminal {
  readonly #child: ChildProcess
  readonly ended: Promise<number | null>
  out = ''
  err = ''
  #heard: () => void = () => undefined

  constructor(args: readonly string[]) {
    const child = startCli(args, { cwd, env })
    this.#child = child
    child.stdin!.on('error', () => undefined)
    child.stdout!.on('data', (chunk: Buffer) => {
      this.out += String(chunk)
      this.#heard()
    })
    child.stderr!.on('data', (chunk: Buffer) => (this.err += String(chunk)))
    this.ended = new Promise((resolve) => child.on('close', (code) => {
      resolve(code)
      this.#heard()
    }))
  }

  /** Resolves when it has said `text`. */
  async says(text: string): Promise<void> {
    let isOver = false
    void this.ended.then(() => (isOver = true))
    while (!this.out.includes(text)) {
      if (isOver) throw new Error(`it ended, and never said ${text}: ${this.out} ${this.err}`)
      await new Promise<void>((resolve) => (this.#heard = resolve))
    }
  }

  type(text: string): void {
    this.#child.stdin!.write(text)
  }

  endInput(): void {
    this.#child.stdin!.end()
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

describeWhere(noQemu, 'terminals at one running box', () => {
  it('are in nobody\'s way: a shell here, commands, copies, snapshots and looks there', async () => {
    expect((await run(['create', 'dev', '--image=base', '--memory=128M', '--size=256M'])).code).toBe(0)
    expect(await run(['start', 'dev'])).toMatchObject({ code: 0, err: '' })
    const shell = new Terminal(['shell', 'dev'])
    shell.type('echo "in the $((20 + 22))"\n')
    await shell.says('in the 42')
    expect(await run(['exec', 'dev', 'sh', '-c', 'echo from there > /root/note'])).toMatchObject({ code: 0, err: '' })
    writeFileSync(join(cwd, 'file'), 'copied')
    expect((await run(['cp', 'file', 'dev:/root/file'])).code).toBe(0)
    expect(await run(['snapshot', 'create', 'dev', 'x'])).toMatchObject({ code: 0, out: expect.stringContaining('frozen') as string, err: '' })
    expect(JSON.parse((await run(['info', 'dev', '--json'])).out)).toMatchObject({ state: 'running', machine: { engine: 'qemu', detached: true } })
    expect((await run(['stats', 'dev', '--json'])).out).toContain('"memoryTotalBytes"')
    expect((await run(['logs', 'dev'])).code).toBe(0)
    expect((await run(['start', 'dev'])).code).toBe(0)
    // The machine of the shell is the same as before, on a new layer of its disk.
    shell.type('cat /root/note /root/file; echo; echo after > /root/after; sync; echo all of it\n')
    await shell.says('from there\ncopied\nall of it\n')
    expect(await run(['exec', 'dev', 'cat', '/root/after'])).toMatchObject({ out: 'after\n' })
    shell.endInput()
    expect(await shell.ended).toBe(0)
  })

  it('that are killed in the middle take what they ran with them, and leave the others alone', async () => {
    const other = new Terminal(['exec', 'dev', 'sh', '-c', 'echo here; read x; echo "still $x"'])
    await other.says('here')
    const killed = new Terminal(['exec', 'dev', 'sh', '-c', 'echo $$ > /run/pid; echo began; exec sleep 1000'])
    await killed.says('began')
    killed.kill()
    await killed.ended
    // The guest ends what nobody waits for any more.
    expect((await run(['exec', 'dev', 'sh', '-c', 'while kill -0 "$(cat /run/pid)" 2>&-; do sleep 0.05; done; echo gone'])).out).toBe('gone\n')
    expect((await run(['snapshot', 'create', 'dev', 'after-a-death'])).out).toContain('frozen')
    other.type('there\n')
    other.endInput()
    expect([await other.ended, other.out]).toEqual([0, 'here\nstill there\n'])
  })

  it('hear of a stop: their commands end with a code that says so, and the box is stopped', async () => {
    const command = new Terminal(['exec', 'dev', 'sh', '-c', 'echo on; exec sleep 1000'])
    await command.says('on')
    const follow = new Terminal(['logs', 'dev', '--follow'])
    expect(await run(['stop', 'dev'])).toMatchObject({ code: 0, out: expect.stringContaining("Stopped box 'dev'") as string, err: '' })
    // By its guest's signal, or because the machine was gone before it could say so.
    expect([143, 137, 125]).toContain(await command.ended)
    expect(await follow.ended).toBe(0)
    expect(JSON.parse((await run(['info', 'dev', '--json'])).out)).toMatchObject({ state: 'stopped', machine: null, attention: null })
    expect((await run(['fsck'])).code).toBe(0)
  })

  it('are told of a guest that had to be ended', async () => {
    const command = new Terminal(['exec', 'dev', 'sh', '-c', 'trap "" TERM; echo deaf; while :; do sleep 1; done'])
    await command.says('deaf')
    const { code, out, err } = await run(['stop', 'dev', '--timeout=1', '--json'])
    expect([code, JSON.parse(out)]).toMatchObject([0, { name: 'dev', exit: 'killed' }])
    expect(err).toContain('did not shut down in time')
    expect([137, 125]).toContain(await command.ended)
  })

  it('that start it at the same time have one machine', async () => {
    const rans = await Promise.all([1, 2, 3].map((number) => run(['exec', 'dev', 'sh', '-c', `echo ${number} >> /root/list`])))
    // Whoever came while another was making the machine is told so.
    for (const { code, err } of rans) if (code !== 0) expect([code, err]).toEqual([125, expect.stringContaining('in use by another process')])
    const done = rans.filter(({ code }) => code === 0).length
    expect(done).toBeGreaterThan(0)
    expect((await run(['exec', 'dev', 'cat', '/root/list'])).out.split('\n')).toHaveLength(done + 1)
    expect((await run(['rm', 'dev', '--force'])).code).toBe(0)
    expect((await run(['prune'])).code).toBe(0)
  })
})

describeWhere(noQemu, 'a box that runs in a program', () => {
  it('is that program\'s alone, and others are told what to do', async () => {
    expect((await run(['create', 'own', '--image=base', '--memory=128M', '--size=256M'])).code).toBe(0)
    const script = join(cwd, 'own.mjs')
    const index = new URL('../../dist/hosts/node/index.js', import.meta.url).href
    writeFileSync(script, `
      import { BoxLite } from ${JSON.stringify(index)}
      const lite = await BoxLite.open({ engine: 'qemu' })
      const box = await lite.get('own')
      await box.start()
      console.log('started')
      process.stdin.once('data', () => void lite.close().then(() => process.exit()))
    `)
    const child = spawn(process.execPath, [script], { env: environment(env), stdio: ['pipe', 'pipe', 'inherit'] })
    const ended = new Promise((resolve) => child.on('close', resolve))
    await new Promise((resolve) => child.stdout.once('data', resolve))
    for (const args of [['exec', 'own', 'true'], ['stop', 'own'], ['snapshot', 'create', 'own', 'x']]) {
      const { code, err } = await run(args)
      expect(code).not.toBe(0)
      expect(err).toContain('runs in another process or tab')
      expect(err).toContain("as 'boxlite start' does")
    }
    expect(JSON.parse((await run(['info', 'own', '--json'])).out)).toMatchObject({ state: 'running', machine: { detached: false } })
    expect((await run(['logs', 'own'])).code).toBe(0)
    child.stdin.end('\n')
    await ended
    expect((await run(['ls'])).out).toMatch(/own .*stopped/)
  })
})
