// What `exec` promises, against an agent in memory that is told when to do what.
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Protocol } from '../../src/agent/protocol.ts'
import { AgentSession } from '../../src/agent/session.ts'
import { isBoxLiteError } from '../../src/error.ts'
import type { ExecEvent, ExecOptions } from '../../src/exec/exec-options.ts'
import { startExec, startShell } from '../../src/exec/exec.ts'
import { count } from '../counts.ts'
import { FakeAgent, NONCE, type FakeStream } from './fake-agent.ts'

const sessions: AgentSession[] = []

afterEach(async () => {
  for (const session of sessions.splice(0)) await session.close()
})

/** An agent, and what connects to it. */
async function setUp(onOpen: (fake: FakeStream) => void = () => {}): Promise<{ agent: FakeAgent; connect: () => Promise<AgentSession> }> {
  const agent = new FakeAgent()
  agent.onOpen = onOpen
  const session = await AgentSession.open(agent.channel, { fresh: true, nonce: NONCE, timeoutMs: 60_000 })
  sessions.push(session)
  return { agent, connect: () => Promise.resolve(session) }
}

/** A command that writes `output` and exits. */
const writing = (output: string | Uint8Array, code = 0) => (fake: FakeStream): void => {
  fake.opened()
  void fake.send(1, output).then(() => fake.exit(code))
}

const errorOf = (promise: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(promise).then(
    () => 'no error',
    (error: unknown) => error,
  )

const codeOf = async (promise: PromiseLike<unknown>): Promise<string> => {
  const error = await errorOf(promise)
  return isBoxLiteError(error) ? error.code : String(error)
}

async function collect<T>(stream: ReadableStream<T>): Promise<T[]> {
  const parts: T[] = []
  const reader = stream.getReader()
  for (let next = await reader.read(); !next.done; next = await reader.read()) parts.push(next.value)
  return parts
}

describe('an execution that is awaited', () => {
  it('gives the exit code, both outputs and how long it took', async () => {
    const { connect } = await setUp((fake) => {
      fake.opened()
      void fake.send(1, 'out\n').then(() => fake.send(2, 'err\n')).then(() => fake.exit(3))
    })
    const { durationMs, ...result } = await startExec(connect, 'ls')
    expect(result).toEqual({ exitCode: 3, signal: null, stdout: 'out\n', stderr: 'err\n', timedOut: false, truncated: false })
    expect(durationMs).toBeGreaterThanOrEqual(0)
  })

  it('sends the command as it was given', async () => {
    const { agent, connect } = await setUp()
    const opening = agent.nextOpen()
    void startExec(connect, 'printf', ['%s', 'ä b', ''], { env: { A: '1', B: 'x=y' }, cwd: '/tmp', user: 'nobody' })
    const fake = await opening
    expect(fake.texts(1)).toEqual(['printf', '%s', 'ä b', ''])
    expect(fake.texts(2)).toEqual(['A=1', 'B=x=y'])
    expect([fake.text(3), fake.text(4), fake.number(6)]).toEqual(['/tmp', 'nobody', 0])
    expect(fake.fields.some(({ tag }) => tag === 5)).toBe(false)
  })

  it('names the signal that ended it', async () => {
    const { connect } = await setUp((fake) => fake.killed(11))
    expect(await startExec(connect, 'crash')).toMatchObject({ exitCode: null, signal: 'SIGSEGV', timedOut: false })
  })

  it('gives bytes with encoding buffer', async () => {
    const bytes = new Uint8Array([0, 255, 10, 200])
    const { connect } = await setUp(writing(bytes))
    expect((await startExec(connect, 'cat', [], { encoding: 'buffer' })).stdout).toEqual(bytes)
  })

  it('keeps `maxOutputBytes` of each output, says truncated, and lets the command go on', async () => {
    const { connect } = await setUp((fake) => {
      fake.opened()
      void fake.send(1, 'x'.repeat(3 * Protocol.WINDOW_BYTES)).then(() => fake.send(2, 'short')).then(() => fake.exit(0))
    })
    const result = await startExec(connect, 'yes', [], { maxOutputBytes: 1000 })
    expect(result).toMatchObject({ exitCode: 0, stdout: 'x'.repeat(1000), stderr: 'short', truncated: true })
    const nothing = await startExec(connect, 'yes', [], { maxOutputBytes: 0 })
    expect(nothing).toMatchObject({ stdout: '', truncated: true })
  })

  it('keeps 10 MiB where nothing else is said', async () => {
    const { connect } = await setUp(writing(new Uint8Array(10 * 2 ** 20 + 1)))
    const { stdout, truncated } = await startExec(connect, 'cat', [], { encoding: 'buffer' })
    expect([stdout.length, truncated]).toEqual([10 * 2 ** 20, true])
  })

  it('does not give half a character where the limit cuts one', async () => {
    const { connect } = await setUp(writing('aé'))
    expect((await startExec(connect, 'x', [], { maxOutputBytes: 2 })).stdout).toBe('a')
  })

  it('does not throw for an exit code, `orThrow` does, with the output', async () => {
    const { connect } = await setUp((fake) => {
      void fake.send(2, 'first\nno such thing\n').then(() => fake.exit(2))
    })
    expect((await startExec(connect, 'ls')).exitCode).toBe(2)
    const error = await errorOf(startExec(connect, 'ls').orThrow())
    expect(error).toMatchObject({
      code: 'command_failed',
      message: "'ls' exited with 2: no such thing",
      facts: { exitCode: 2, stderr: 'first\nno such thing\n' },
    })
    const fine = await setUp(writing('ok'))
    expect((await startExec(fine.connect, 'ls').orThrow()).stdout).toBe('ok')
  })
})

describe('a command that cannot be started', () => {
  it.each<[string, number, ExecOptions, string, RegExp]>([
    ['execve', 2, {}, 'not_found', /command 'tool' was not found/],
    ['execve', 13, {}, 'invalid_argument', /'tool' cannot be executed: permission is denied/],
    ['execve', 8, {}, 'invalid_argument', /cannot be executed/],
    ['execve', 12, {}, 'limit', /out of memory/],
    ['chdir', 2, { cwd: '/gone' }, 'not_found', /working directory '\/gone'/],
    ['chdir', 20, { cwd: '/gone' }, 'not_found', /working directory '\/gone'/],
    ['chdir', 13, { cwd: '/root' }, 'invalid_argument', /working directory '\/root'/],
    ['user', 2, { user: 'who' }, 'not_found', /user 'who'.*no such user/],
    ['terminal', 28, {}, 'io', /could not be started \(terminal\)/],
    ['fork', 11, {}, 'busy', /could not be started \(fork\)/],
  ])('rejects and names the step %s and errno %i', async (step, errno, options, code, message) => {
    const { connect } = await setUp((fake) => fake.done(errno, [{ tag: 3, value: new TextEncoder().encode(step) }]))
    const error = await errorOf(startExec(connect, 'tool', [], options))
    expect(error).toMatchObject({ code, message: expect.stringMatching(message), facts: { command: 'tool', step, errnoNumber: errno } })
  })

  it.each<[string, string, string[], ExecOptions]>([
    ['an empty command', '', [], {}],
    ['a zero byte in an argument', 'ls', ['a\0b'], {}],
    ['a variable without a name', 'ls', [], { env: { '': 'x' } }],
    ['a variable with an equals sign in its name', 'ls', [], { env: { 'a=b': 'x' } }],
    ['more than a frame holds', 'ls', ['x'.repeat(40_000), 'y'.repeat(40_000)], {}],
    ['a timeout of 0', 'ls', [], { timeoutMs: 0 }],
    ['a limit that is none', 'ls', [], { maxOutputBytes: -1 }],
    ['a terminal without columns', 'ls', [], { tty: { columns: 0, rows: 1 } }],
    ['an encoding that is not known', 'ls', [], { encoding: 'latin1' as 'utf8' }],
  ])('is refused before it is sent: %s', async (_name, command, args, options) => {
    const { agent, connect } = await setUp()
    expect(await codeOf(startExec(connect, command, args, options))).toBe('invalid_argument')
    expect(agent.streams.size).toBe(0)
  })
})

describe('an execution that is read as it goes', () => {
  it('yields events and at last the exit, and can be awaited too', async () => {
    const { connect } = await setUp((fake) => {
      fake.opened()
      void fake.send(1, 'a').then(() => fake.send(2, 'b')).then(() => fake.exit(4))
    })
    const execution = startExec(connect, 'x')
    const events: ExecEvent[] = []
    for await (const event of execution) events.push(event)
    expect(events.slice(0, -1)).toEqual([{ kind: 'stdout', data: 'a' }, { kind: 'stderr', data: 'b' }])
    expect(events.at(-1)).toMatchObject({ kind: 'exit', exitCode: 4, signal: null, timedOut: false, truncated: false })
    expect(Object.keys(events.at(-1)!).sort()).toEqual(['durationMs', 'exitCode', 'kind', 'signal', 'timedOut', 'truncated'])
    expect(await execution).toMatchObject({ stdout: 'a', stderr: 'b', exitCode: 4 })
  })

  it('decodes text across the borders of chunks, wherever they are', async () => {
    const property = fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 20 }), fc.integer({ min: 1, max: 5 }), async (text, chunkBytes) => {
      const bytes = new TextEncoder().encode(text)
      const { agent, connect } = await setUp()
      const session = await connect()
      const write = async (fake: FakeStream): Promise<void> => {
        for (let at = 0; at < bytes.length; at += chunkBytes) {
          await fake.send(1, bytes.subarray(at, at + chunkBytes))
          // Until it was read: what waits is gathered in larger pieces.
          await session.ping()
        }
        fake.exit(0)
      }
      agent.onOpen = (fake) => void write(fake)
      const execution = startExec(connect, 'x')
      const seen: string[] = []
      for await (const event of execution) if (event.kind === 'stdout') seen.push(event.data)
      const whole = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
      expect(seen.join('')).toBe(whole)
      expect(seen.includes('')).toBe(false)
      expect((await execution).stdout).toBe(whole)
      const streamed = await collect(startExec(connect, 'x').stdout)
      expect(streamed.join('')).toBe(whole)
    })
    await fc.assert(property, { numRuns: count(200, 3000) })
  })

  it('shows half a character at the end of the output as what it is', async () => {
    const { connect } = await setUp(writing(new Uint8Array([0x61, 0xc3])))
    const execution = startExec(connect, 'x')
    const seen: string[] = []
    for await (const event of execution) if (event.kind === 'stdout') seen.push(event.data)
    expect(seen.join('')).toBe('a\uFFFD')
    expect((await collect(startExec(connect, 'x').stdout)).join('')).toBe('a\uFFFD')
    expect((await execution).stdout).toBe('a\uFFFD')
  })

  it('makes the command wait for its reader', async () => {
    const { agent, connect } = await setUp()
    const opening = agent.nextOpen()
    const execution = startExec(connect, 'yes', [], { encoding: 'buffer', maxOutputBytes: 0 })
    const reader = execution.stdout.getReader()
    const fake = await opening
    let sent = false
    const sending = fake.send(1, new Uint8Array(2 * Protocol.WINDOW_BYTES)).then(() => {
      sent = true
      fake.exit(0)
    })
    const session = await connect()
    for (let i = 0; i < 5; i++) await session.ping()
    expect(sent).toBe(false)
    let bytes = 0
    for (let next = await reader.read(); !next.done; next = await reader.read()) bytes += next.value.length
    await sending
    expect(bytes).toBe(2 * Protocol.WINDOW_BYTES)
    expect((await execution).exitCode).toBe(0)
  })

  it('gives a reader who comes late everything from the beginning', async () => {
    const { agent, connect } = await setUp()
    const opening = agent.nextOpen()
    const execution = startExec(connect, 'x')
    const fake = await opening
    await fake.send(1, 'early ')
    await (await connect()).ping()
    const stream = execution.stdout
    await fake.send(1, 'late')
    fake.exit(0)
    expect((await collect(stream)).join('')).toBe('early late')
    await execution
    expect((await collect(execution.stderr)).join('')).toBe('')
  })

  it('has one reader, and none where the beginning was dropped', async () => {
    const { connect } = await setUp(writing('too long'))
    const execution = startExec(connect, 'x', [], { maxOutputBytes: 3 })
    expect(execution.stdout).toBe(execution.stdout)
    expect(() => execution[Symbol.asyncIterator]()).toThrow(/read already/)
    await collect(execution.stdout)
    const late = startExec(connect, 'x', [], { maxOutputBytes: 3 })
    await late
    expect(() => late.stdout).toThrow(/dropped/)
  })

  it('goes on when its reader leaves', async () => {
    const output = 'x'.repeat(3 * Protocol.WINDOW_BYTES)
    const { connect } = await setUp(writing(output))
    const left = startExec(connect, 'x')
    for await (const event of left) {
      expect(event.kind).toBe('stdout')
      break
    }
    expect((await left).stdout).toBe(output)
    const cancelled = startExec(connect, 'x')
    await cancelled.stdout.cancel()
    expect((await cancelled).exitCode).toBe(0)
  })

  it('ends although a reader has stopped reading in the middle', async () => {
    const { connect } = await setUp((fake) => {
      void fake.send(1, 'x'.repeat(100_000), 10_000).then(() => fake.exit(0))
    })
    const execution = startExec(connect, 'x')
    await execution.stdout.getReader().read()
    expect((await execution).stdout.length).toBe(100_000)
  })

  it('throws the error of the execution to whoever iterates', async () => {
    const { connect } = await setUp((fake) => fake.done(2, [{ tag: 3, value: new TextEncoder().encode('execve') }]))
    const iterate = async (): Promise<void> => {
      for await (const event of startExec(connect, 'x')) expect(event).toBeUndefined()
    }
    expect(await codeOf(iterate())).toBe('not_found')
    expect(await codeOf(collect(startExec(connect, 'x').stdout))).toBe('not_found')
  })
})

describe('standard input', () => {
  const echoing = (fake: FakeStream): void => {
    void fake.until(() => fake.inputEnded).then(() => fake.send(1, fake.inputText)).then(() => fake.exit(0))
  }
  async function* pieces(): AsyncGenerator<string | Uint8Array> {
    yield 'one '
    yield new TextEncoder().encode('two')
  }

  it.each<[string, () => NonNullable<ExecOptions['stdin']>, string]>([
    ['a text', () => 'héllo', 'héllo'],
    ['nothing', () => '', ''],
    ['bytes', () => new Uint8Array([97, 98]), 'ab'],
    ['an async iterable', pieces, 'one two'],
    ['a stream', () => new Blob(['blob']).stream(), 'blob'],
  ])('takes %s', async (_name, stdin, expected) => {
    const { agent, connect } = await setUp(echoing)
    const opening = agent.nextOpen()
    const execution = startExec(connect, 'cat', [], { stdin: stdin() })
    expect((await opening).number(6)).toBe(1)
    expect((await execution).stdout).toBe(expected)
  })

  it('is a stream for whoever takes it at once', async () => {
    const { connect } = await setUp(echoing)
    const execution = startExec(connect, 'cat')
    const writer = execution.stdin.getWriter()
    await writer.write('a')
    await writer.write(new Uint8Array([98]))
    await writer.close()
    expect((await execution).stdout).toBe('ab')
  })

  it('is empty for a command whose caller did not take it', async () => {
    const { agent, connect } = await setUp()
    const opening = agent.nextOpen()
    const execution = startExec(connect, 'cat')
    const fake = await opening
    expect(fake.number(6)).toBe(0)
    expect(() => execution.stdin).toThrow(/without an input/)
    fake.exit(0)
    await execution
    expect(() => startExec(connect, 'cat', [], { stdin: 'x' }).stdin).toThrow(/given with the call/)
  })

  it('makes its writer wait for the command', async () => {
    const { agent, connect } = await setUp()
    const opening = agent.nextOpen()
    const execution = startExec(connect, 'cat')
    const writer = execution.stdin.getWriter()
    let written = false
    const writingAll = writer.write(new Uint8Array(Protocol.WINDOW_BYTES + 1)).then(() => {
      written = true
    })
    const fake = await opening
    fake.onInput = () => {}
    await (await connect()).ping()
    expect(written).toBe(false)
    fake.giveCredit(1)
    await writingAll
    fake.exit(0)
    await execution
  })

  it('of a command that has ended rejects writes, and lets go of a source that goes on for ever', async () => {
    const { agent, connect } = await setUp()
    let opening = agent.nextOpen()
    const execution = startExec(connect, 'head')
    const writer = execution.stdin.getWriter()
    const writingAll = codeOf(writer.write(new Uint8Array(2 * Protocol.WINDOW_BYTES)))
    let fake = await opening
    fake.onInput = () => {}
    await (await connect()).ping()
    fake.exit(0)
    await execution
    expect(await writingAll).toBe('invalid_state')
    expect(await codeOf(writer.write('more'))).toBe('invalid_state')
    let stopped = false
    const endless = new ReadableStream<Uint8Array>({ cancel: () => void (stopped = true) })
    opening = agent.nextOpen()
    const second = startExec(connect, 'true', [], { stdin: endless })
    fake = await opening
    fake.exit(0)
    expect((await second).exitCode).toBe(0)
    expect(stopped).toBe(true)
  })

  it('that fails kills the command and rejects with the cause', async () => {
    const { connect } = await setUp((fake) => void fake.until(() => fake.cancelled).then(() => fake.killed(9)))
    async function* failing(): AsyncGenerator<string> {
      yield 'x'
      throw new Error('the source is broken')
    }
    const error = await errorOf(startExec(connect, 'cat', [], { stdin: failing() }))
    expect(error).toMatchObject({ code: 'io', fault: 'caller', cause: { message: 'the source is broken' } })
  })
})

describe('an execution that is made to end', () => {
  const untilCancelled = (output: string) => (fake: FakeStream): void => {
    fake.opened()
    void fake.send(1, output).then(() => fake.until(() => fake.cancelled)).then(() => fake.killed(9))
  }

  it('by its timeout resolves with timedOut and what it wrote', async () => {
    const { connect } = await setUp(untilCancelled('partial'))
    const result = await startExec(connect, 'sleep', ['1000'], { timeoutMs: 20 })
    expect(result).toMatchObject({ exitCode: null, signal: 'SIGKILL', timedOut: true, stdout: 'partial' })
    expect(await codeOf(startExec(connect, 'sleep', [], { timeoutMs: 1 }).orThrow())).toBe('timeout')
  })

  it('by its timeout ends also when nobody reads its output', async () => {
    const { connect } = await setUp((fake) => {
      void fake.send(1, new Uint8Array(2 * Protocol.WINDOW_BYTES))
      void fake.until(() => fake.cancelled).then(() => fake.killed(9))
    })
    const execution = startExec(connect, 'yes', [], { timeoutMs: 20 })
    expect(execution.stdout.locked).toBe(false)
    expect((await execution).timedOut).toBe(true)
  })

  it('by its timeout rejects with `timeout` where the agent does not say that it is dead', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const { agent, connect } = await setUp()
      const opening = agent.nextOpen()
      const failing = errorOf(startExec(connect, 'sleep', [], { timeoutMs: 20 }))
      const fake = await opening
      await fake.send(1, 'partial')
      await (await connect()).ping()
      await vi.advanceTimersByTimeAsync(20)
      expect(fake.cancelled).toBe(true)
      await vi.advanceTimersByTimeAsync(10_000)
      expect(await failing).toMatchObject({ code: 'timeout', facts: { command: 'sleep', stdout: 'partial' } })
    } finally {
      vi.useRealTimers()
    }
  })

  it('by an abort is killed and rejects with what it wrote', async () => {
    const { agent, connect } = await setUp(untilCancelled('partial'))
    const controller = new AbortController()
    const opening = agent.nextOpen()
    const execution = startExec(connect, 'sleep', ['1000'], { signal: controller.signal })
    const fake = await opening
    await (await connect()).ping()
    controller.abort(new Error('enough'))
    expect(await errorOf(execution)).toMatchObject({ code: 'aborted', facts: { stdout: 'partial', stderr: '' }, cause: { message: 'enough' } })
    expect(fake.cancelled).toBe(true)
  })

  it('by an abort before it began never begins', async () => {
    const { agent, connect } = await setUp()
    expect(await codeOf(startExec(connect, 'x', [], { signal: AbortSignal.abort() }))).toBe('aborted')
    const controller = new AbortController()
    const waiting = startExec(() => new Promise(() => {}), 'x', [], { signal: controller.signal })
    controller.abort()
    expect(await codeOf(waiting)).toBe('aborted')
    expect(agent.streams.size).toBe(0)
  })

  it('by a signal gets it when it runs, and by none when it is over', async () => {
    const { agent, connect } = await setUp()
    const opening = agent.nextOpen()
    const execution = startExec(connect, 'sleep')
    const killing = [execution.kill(), execution.kill('SIGUSR1'), execution.kill(9)]
    const fake = await opening
    expect(fake.signals).toEqual([])
    fake.opened()
    await Promise.all(killing)
    await fake.until(() => fake.signals.length === 3)
    expect(fake.signals).toEqual([15, 10, 9])
    fake.killed(9)
    expect((await execution).signal).toBe('SIGKILL')
    await execution.kill()
    await expect(execution.kill('SIGNOTHING' as 'SIGTERM')).rejects.toMatchObject({ code: 'invalid_argument' })
    await expect(execution.kill(65)).rejects.toMatchObject({ code: 'invalid_argument' })
  })

  it('by the end of the session rejects with what it wrote', async () => {
    const { agent, connect } = await setUp()
    const opening = agent.nextOpen()
    const execution = startExec(connect, 'x')
    const fake = await opening
    await fake.send(1, 'last words')
    await (await connect()).ping()
    await agent.channel.close()
    expect(await errorOf(execution)).toMatchObject({ code: 'io', facts: { stdout: 'last words' } })
  })

  it('is never an unhandled rejection', async () => {
    const unhandled: unknown[] = []
    const note = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', note)
    try {
      const { agent, connect } = await setUp((fake) => fake.done(2))
      startExec(connect, 'x')
      startExec(connect, '')
      startExec(() => Promise.reject(new Error('no machine')), 'x')
      startExec(connect, 'x', [], { signal: AbortSignal.abort() })
      const all = startExec(connect, 'x', [], { stdin: new ReadableStream<string>({ pull: () => Promise.reject(new Error('no')) }) })
      void all[Symbol.asyncIterator]()
      const streams = startExec(connect, 'x')
      expect([streams.stdin.locked, streams.stdout.locked, streams.stderr.locked]).toEqual([false, false, false])
      await (await connect()).ping()
      await agent.channel.close()
      // Node reports what nobody handled when the microtasks are done, before the next turn of its loop.
      await new Promise((resolve) => setImmediate(resolve))
      await new Promise((resolve) => setImmediate(resolve))
      expect(unhandled).toEqual([])
    } finally {
      process.off('unhandledRejection', note)
    }
  })
})

describe('a terminal', () => {
  it('is what a shell runs on: it has an input, one output and a size', async () => {
    const { agent, connect } = await setUp()
    const opening = agent.nextOpen()
    const shell = startShell(connect, { size: { columns: 100, rows: 40 }, env: { A: 'b' } })
    const fake = await opening
    expect(fake.texts(1)).toEqual(['/bin/sh', '-l'])
    expect([...fake.fields.find(({ tag }) => tag === 5)!.value]).toEqual([100, 0, 40, 0])
    expect(fake.number(6)).toBe(3)
    fake.opened()
    await shell.resize(120, 50)
    const writer = shell.stdin.getWriter()
    await writer.write('exit\n')
    await fake.until(() => fake.inputText === 'exit\n' && fake.sizes.length === 1)
    expect(fake.sizes).toEqual([[120, 50]])
    await fake.send(1, '$ exit')
    fake.exit(0)
    expect((await shell).stdout).toBe('$ exit')
  })

  it('has 80 columns and 24 rows where nothing else is said; a command without one has no size', async () => {
    const { agent, connect } = await setUp((fake) => fake.exit(0))
    const opening = agent.nextOpen()
    const execution = startExec(connect, 'x', [], { tty: true })
    expect([...(await opening).fields.find(({ tag }) => tag === 5)!.value]).toEqual([80, 0, 24, 0])
    await execution
    expect(await codeOf(startExec(connect, 'x').resize(1, 1))).toBe('invalid_state')
    expect(await codeOf(execution.resize(0, 1))).toBe('invalid_argument')
  })
})
