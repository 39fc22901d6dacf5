// What `exec` and `shell` promise, on whatever runs commands: a native agent, a box under QEMU, a box under v86. Called once for each.
// The guest has a POSIX shell with the tools of busybox, `/proc`, and the user `nobody`.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { isBoxLiteError } from '../../src/error.ts'
import type { ExecOptions } from '../../src/exec/exec-options.ts'
import type { ShellOptions } from '../../src/exec/exec.ts'
import type { Execution } from '../../src/exec/execution.ts'
import { sameBytes } from '../same-bytes.ts'
import { noteUnhandledRejections } from '../unhandled-rejections.ts'

/** A box, as far as commands go. */
export interface ExecSubject {
  exec(command: string, args: readonly string[] | undefined, options: ExecOptions & { readonly encoding: 'buffer' }): Execution<Uint8Array>
  exec(command: string, args?: readonly string[], options?: ExecOptions & { readonly encoding?: 'utf8' }): Execution<string>
  shell(options?: ShellOptions): Execution<string>
}

export interface Opened<S> {
  readonly subject: S
  close(): Promise<void>
}

const MIB = 2 ** 20

const errorOf = (promise: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(promise).then(
    () => 'no error',
    (error: unknown) => error,
  )

/** Declares the tests; `open` gives a running subject for all of them. With a `refusal`, why there is none, they are skipped. */
export function execSuite(name: string, open: () => Promise<Opened<ExecSubject>>, refusal: string | null = null): void {
  describe(`exec on ${name}`, () => {
    let opened: Opened<ExecSubject>
    let box: ExecSubject

    beforeEach((context) => {
      if (refusal !== null) context.skip(refusal)
    })
    beforeAll(async () => {
      if (refusal !== null) return
      opened = await open()
      box = opened.subject
    })
    afterAll(() => opened?.close())

    const sh = (script: string, options: ExecOptions & { encoding?: 'utf8' } = {}, ...args: string[]): Execution<string> =>
      box.exec('sh', ['-c', script, 'sh', ...args], options)

    /** Resolves when no process of that id is left, dead ones that nobody reaped aside. */
    const untilGone = async (processId: string): Promise<void> => {
      expect(processId).toMatch(/^[0-9]+$/)
      const script = 'while [ -d /proc/$1 ] && ! grep -q "^State:.Z" /proc/$1/status 2>/dev/null; do sleep 0.05; done'
      expect((await sh(script, { timeoutMs: 60_000 }, processId)).timedOut).toBe(false)
    }

    awaiting()
    streaming()
    circumstances()
    ending()
    terminals()

    function awaiting(): void {
      it('gives exit code, standard output and standard error', async () => {
        const result = await sh('echo out; echo err >&2; exit 7')
        expect(result).toMatchObject({ exitCode: 7, signal: null, stdout: 'out\n', stderr: 'err\n', timedOut: false, truncated: false })
      })

      it('passes arguments as they are, without a shell', async () => {
        const args = ['a b', '$HOME', '*', "'", '', 'ä\n€', '-n']
        const { stdout } = await box.exec('printf', ['<%s>', ...args])
        expect(stdout).toBe(args.map((argument) => `<${argument}>`).join(''))
      })

      it('gives bytes as they are with encoding buffer, and text without losing half a character', async () => {
        const { stdout } = await box.exec('printf', ['\\000\\377\\n\\200'], { encoding: 'buffer' })
        expect([...stdout]).toEqual([0, 255, 10, 128])
        expect((await box.exec('printf', ['%s', 'ä€😀'])).stdout).toBe('ä€😀')
      })

      it('runs many commands at once', async () => {
        const numbers = Array.from({ length: 70 }, (_value, index) => String(index))
        const results = await Promise.all(numbers.map((number) => box.exec('echo', [number])))
        expect(results.map(({ stdout }) => stdout.trim())).toEqual(numbers)
      })

      it('carries megabytes both ways without changing one byte', async () => {
        const bytes = Uint8Array.from({ length: 3 * MIB + 17 }, (_value, at) => (at * 31 + (at >> 9)) & 0xff)
        const { stdout, truncated } = await box.exec('cat', [], { stdin: bytes, encoding: 'buffer' })
        expect(truncated).toBe(false)
        expect(sameBytes(stdout, bytes)).toBe(true)
      })

      it('passes on what several commands write at once, in pieces of any size', async () => {
        const numbers = Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join('')
        const sizes = ['1000', '5000', '17000', '70001', '300000']
        const ran = await Promise.all(sizes.map((size) => sh('seq 1 200000 | dd bs="$1" 2>/dev/null', {}, size).orThrow()))
        expect(ran.map(({ stdout }) => stdout === numbers)).toEqual(sizes.map(() => true))
      })

      it('keeps as much output as it may, says truncated, and lets the command end by itself', async () => {
        const result = await sh('head -c 300000 /dev/zero; echo done >&2; exit 5', { maxOutputBytes: 1000 })
        expect(result).toMatchObject({ exitCode: 5, truncated: true, stderr: 'done\n' })
        expect(result.stdout.length).toBe(1000)
      })

      it('names the signal that ended the command', async () => {
        expect(await sh('kill -SEGV $$')).toMatchObject({ exitCode: null, signal: 'SIGSEGV' })
        expect(await sh('kill -9 $$')).toMatchObject({ exitCode: null, signal: 'SIGKILL' })
      })

      it('rejects with orThrow, and only then, when the command fails', async () => {
        expect(await errorOf(sh('echo reason >&2; exit 3').orThrow())).toMatchObject({ code: 'command_failed', facts: { exitCode: 3 } })
        expect((await sh('echo fine').orThrow()).stdout).toBe('fine\n')
      })

      it('says what could not be found or executed, and at which step', async () => {
        const cases: [Promise<unknown>, string, string][] = [
          [errorOf(box.exec('no-such-command')), 'not_found', 'execve'],
          [errorOf(box.exec('/no/such/command')), 'not_found', 'execve'],
          [errorOf(box.exec('/')), 'invalid_argument', 'execve'],
          [errorOf(box.exec('/etc/passwd')), 'invalid_argument', 'execve'],
          [errorOf(box.exec('true', [], { cwd: '/no/such/place' })), 'not_found', 'chdir'],
          [errorOf(box.exec('true', [], { user: 'no-such-user' })), 'not_found', 'user'],
        ]
        for (const [failing, code, step] of cases) {
          const error = await failing
          expect(isBoxLiteError(error)).toBe(true)
          expect(error).toMatchObject({ code, facts: { step } })
        }
      })
    }

    function streaming(): void {
      it('yields output as it comes and at last the exit', async () => {
        const execution = sh('echo one; read line; echo "got $line"; echo two >&2; exit 4')
        const writer = execution.stdin.getWriter()
        const seen: string[] = []
        let exit = null
        for await (const event of execution) {
          if (event.kind === 'exit') exit = event
          else seen.push(`${event.kind} ${event.data}`)
          // The second line depends on what is written when the first one is there.
          if (event.kind === 'stdout' && event.data === 'one\n') await writer.write('answer\n')
        }
        expect(seen.sort()).toEqual(['stderr two\n', 'stdout got answer\n', 'stdout one\n'])
        expect(exit).toMatchObject({ kind: 'exit', exitCode: 4, timedOut: false, truncated: false })
      })

      it('makes a command wait that writes faster than it is read', async () => {
        const script = 'head -c 4000000 /dev/zero; echo finished >&2'
        const execution = sh(script, { maxOutputBytes: 100 })
        const reader = execution.stdout.getReader()
        const errors = execution.stderr.getReader()
        let finished = false
        const ending = errors.read().then(() => (finished = true))
        await reader.read()
        // Others run meanwhile; this one cannot.
        for (let i = 0; i < 5; i++) await box.exec('true')
        expect(finished).toBe(false)
        let rest = 0
        for (let next = await reader.read(); !next.done; next = await reader.read()) rest += next.value.length
        await ending
        expect(rest).toBeGreaterThan(3_000_000)
        expect((await execution).exitCode).toBe(0)
      })

      it('takes input from text, bytes, iterables and streams, and tells the command its end', async () => {
        async function* pieces(): AsyncGenerator<string> {
          yield 'a'
          yield 'bc'
        }
        const inputs = ['abc', new Uint8Array([97, 98, 99]), pieces(), new Blob(['abc']).stream()]
        for (const stdin of inputs) expect((await box.exec('cat', [], { stdin })).stdout).toBe('abc')
      })

      it('gives a command no input where there is none', async () => {
        expect((await box.exec('cat')).stdout).toBe('')
      })

      it('makes the writer wait for a command that does not read', async () => {
        const execution = sh('read go < /dev/stdin; wc -c', {})
        const writer = execution.stdin.getWriter()
        await writer.write('go\n')
        await writer.write(new Uint8Array(2 * MIB))
        await writer.close()
        // The shell may have read ahead no further than its line.
        expect(Number((await execution).stdout)).toBe(2 * MIB)
      })

      it('lets a command end that has not read its input', async () => {
        const result = await box.exec('head', ['-c', '3'], { stdin: new Uint8Array(2 * MIB).fill(97) })
        expect(result).toMatchObject({ exitCode: 0, stdout: 'aaa' })
      })
    }

    function circumstances(): void {
      it('sets the variables, the working directory and the user', async () => {
        const { stdout } = await sh('echo "$GREETING"; pwd; id -un; id -u', { env: { GREETING: 'hello world' }, cwd: '/usr', user: 'nobody' })
        const [greeting, directory, user, uid] = stdout.split('\n')
        expect([greeting, directory, user]).toEqual(['hello world', '/usr', 'nobody'])
        expect(uid).not.toBe('0')
      })

      it('takes users and groups by name and by number', async () => {
        expect((await sh('id -u; id -g', { user: '1234:5678' })).stdout).toBe('1234\n5678\n')
        expect((await sh('id -u; id -g', { user: 'root' })).stdout).toBe('0\n0\n')
      })

      it('sets PATH and HOME where the caller does not', async () => {
        const { stdout } = await sh('echo "$PATH"; echo "$HOME"')
        expect(stdout).toContain('/bin')
        expect(stdout.split('\n')[1]).toMatch(/^\//)
        expect((await sh('echo "$HOME"', { env: { HOME: '/elsewhere' } })).stdout).toBe('/elsewhere\n')
      })
    }

    function ending(): void {
      it('kills the whole process group at the timeout, and resolves', async () => {
        const result = await sh('sleep 1000 & echo $!; wait', { timeoutMs: 3000 })
        expect(result).toMatchObject({ timedOut: true, exitCode: null })
        await untilGone(result.stdout.trim())
      })

      it('kills the whole process group at an abort, and rejects with the partial output', async () => {
        const controller = new AbortController()
        const execution = sh('sleep 1000 & echo $!; wait', { signal: controller.signal })
        const { value } = await execution.stdout.getReader().read()
        controller.abort()
        const error = await errorOf(execution)
        expect(error).toMatchObject({ code: 'aborted', facts: { stdout: value } })
        await untilGone(value!.trim())
      })

      it('sends signals to the process group', async () => {
        const execution = sh('trap "echo caught; exit 9" TERM; echo ready; while :; do sleep 0.05; done')
        const seen: string[] = []
        for await (const event of execution) {
          if (event.kind === 'stdout') seen.push(event.data)
          if (event.kind === 'stdout' && event.data.startsWith('ready')) await execution.kill()
        }
        expect(seen.join('')).toBe('ready\ncaught\n')
        expect((await execution).exitCode).toBe(9)
        const sleeping = box.exec('sleep', ['1000'])
        await sleeping.kill('SIGKILL')
        expect(await sleeping).toMatchObject({ exitCode: null, signal: 'SIGKILL' })
      })

      it('ends when the command has ended, though a child of it keeps the output open', async () => {
        const execution = sh('sleep 1000 & echo $!')
        const result = await execution
        expect(result.exitCode).toBe(0)
        await sh('kill -9 $1', {}, result.stdout.trim())
        await untilGone(result.stdout.trim())
      })

      it('never is an unhandled rejection', async () => {
        const unhandled = noteUnhandledRejections()
        try {
          box.exec('no-such-command')
          box.exec('')
          const controller = new AbortController()
          box.exec('sleep', ['1000'], { signal: controller.signal })
          await box.exec('true')
          controller.abort()
          await box.exec('true')
          // The platform reports what nobody handled before the next turn of its loop.
          await new Promise((resolve) => setTimeout(resolve, 0))
        } finally {
          expect(unhandled()).toEqual([])
        }
      })
    }

    function terminals(): void {
      it('runs a command on a terminal of the size that was asked for', async () => {
        const { stdout } = await sh('test -t 0 && test -t 1 && test -t 2 && stty size', { tty: { columns: 100, rows: 30 } })
        expect(stdout).toBe('30 100\r\n')
      })

      it('tells a command that its terminal has another size', async () => {
        const execution = sh('trap "stty size; exit 0" WINCH; echo ready; while :; do sleep 0.05; done', { tty: true })
        let seen = ''
        for await (const event of execution) {
          if (event.kind !== 'stdout') continue
          seen += event.data
          if (event.data.startsWith('ready')) await execution.resize(132, 43)
        }
        expect(seen).toContain('43 132')
      })

      it('gives an interactive shell, which does what is typed and ends with exit', async () => {
        const shell = box.shell({ env: { PS1: '> ', MARK: 'yes' }, size: { columns: 90, rows: 20 } })
        const writer = shell.stdin.getWriter()
        await writer.write('stty -echo\n')
        await writer.write('echo "marked $MARK $(stty size)"\n')
        await writer.write('exit 6\n')
        const result = await shell
        expect(result.stdout).toContain('marked yes 20 90')
        expect(result.exitCode).toBe(6)
      })

      it('passes on what interrupts the terminal', async () => {
        const shell = box.exec('sh', ['-c', 'echo ready; exec sleep 1000'], { tty: true, timeoutMs: 60_000 })
        const writer = shell.stdin.getWriter()
        for await (const event of shell) if (event.kind === 'stdout' && event.data.includes('ready')) await writer.write('\x03')
        expect(await shell).toMatchObject({ exitCode: null, signal: 'SIGINT' })
      })
    }
  })
}
