// What `files` does when the guest, the caller or the bytes do something awkward, against an agent in memory.
import { afterEach, describe, expect, it } from 'vitest'
import { Protocol, StreamKind } from '../../src/agent/protocol.ts'
import { AgentSession } from '../../src/agent/session.ts'
import { isBoxLiteError } from '../../src/error.ts'
import { BoxFiles } from '../../src/files/box-files.ts'
import { FakeAgent, NONCE, u32, type FakeStream } from '../agent/fake-agent.ts'

const sessions: AgentSession[] = []

afterEach(async () => {
  for (const session of sessions.splice(0)) await session.close()
})

interface SetUp {
  readonly agent: FakeAgent
  readonly session: AgentSession
  readonly files: BoxFiles
}

/** An agent that answers as the test wants, and files of a host without any. */
async function setUp(onOpen: (fake: FakeStream) => void): Promise<SetUp> {
  const agent = new FakeAgent()
  agent.onOpen = onOpen
  const session = await AgentSession.open(agent.channel, { fresh: true, nonce: NONCE, timeoutMs: 60_000 })
  sessions.push(session)
  return { agent, session, files: new BoxFiles(() => Promise.resolve(session), null) }
}

const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: unknown) => error,
  )

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  const error = await errorOf(promise)
  return isBoxLiteError(error) ? error.code : String(error)
}

const MODE = { file: 0o100644, directory: 0o040755, socket: 0o140755 }

/** A stat of the protocol. */
function statBytes(mode: number, target = ''): Uint8Array {
  const bytes = new Uint8Array(64 + target.length)
  new DataView(bytes.buffer).setUint32(0, mode, true)
  bytes.set(new TextEncoder().encode(target), 64)
  return bytes
}

/** Answers STAT with a kind of file; null: nothing is there. What else is asked goes to `rest`. */
const statThen = (kind: keyof typeof MODE | null, rest: (fake: FakeStream) => void) => (fake: FakeStream): void => {
  if (fake.kind !== StreamKind.STAT) rest(fake)
  else if (kind === null) fake.done(2)
  else fake.done(0, [{ tag: 1, value: statBytes(MODE[kind]) }])
}

const endless = (): { stream: ReadableStream<Uint8Array>; stopped: Promise<void> } => {
  let stop = (): void => {}
  const stopped = new Promise<void>((resolve) => (stop = resolve))
  return { stream: new ReadableStream<Uint8Array>({ cancel: () => stop() }), stopped }
}

describe('errors of the guest', () => {
  it.each<[number, string, string]>([
    [2, 'not_found', 'ENOENT'],
    [13, 'invalid_argument', 'EACCES'],
    [17, 'already_exists', 'EEXIST'],
    [28, 'no_space', 'ENOSPC'],
    [30, 'invalid_state', 'EROFS'],
    [39, 'invalid_state', 'ENOTEMPTY'],
    [5, 'io', 'EIO'],
    [95, 'unsupported', 'EOPNOTSUPP'],
    [4000, 'io', 'errno 4000'],
  ])('errno %i is `%s`, with the path and the name of the number', async (errno, code, name) => {
    const { files } = await setUp((fake) => fake.done(errno))
    expect(await errorOf(files.remove('/x'))).toMatchObject({
      code,
      message: expect.stringContaining("Removing '/x' in the box") as string,
      facts: { path: '/x', errno: name, errnoNumber: errno },
    })
  })

  it('come before all was sent, and nobody waits for a source that has nothing to give', async () => {
    const { files } = await setUp((fake) => fake.done(28))
    const { stream, stopped } = endless()
    expect(await codeOf(files.write('/x', stream))).toBe('no_space')
    await stopped
  })

  it('come while more was on its way than there was credit for', async () => {
    const { agent, session, files } = await setUp((fake) => {
      fake.onInput = () => {}
    })
    const opening = agent.nextOpen()
    const writing = codeOf(files.write('/x', new Uint8Array(2 * Protocol.WINDOW_BYTES)))
    const fake = await opening
    await session.ping()
    fake.done(28)
    expect(await writing).toBe('no_space')
  })

  it('name the entry of a tar that is at fault', async () => {
    const { files } = await setUp(statThen('directory', (fake) => fake.done(18, [{ tag: 2, value: new TextEncoder().encode('../x') }])))
    const error = await errorOf(files.copyIn(new Uint8Array(10), '/tmp', { format: 'tar' }))
    expect(error).toMatchObject({ code: 'invalid_argument', facts: { entry: '../x', errno: 'EXDEV' } })
  })

  it('reach a stream: its reader, its writer, and who closes it', async () => {
    const { files } = await setUp((fake) => fake.done(2))
    expect(await codeOf(files.readStream('/x').getReader().read())).toBe('not_found')
    const writer = files.writeStream('/x').getWriter()
    expect(await codeOf(writer.closed)).toBe('not_found')
    expect(await codeOf(writer.write('x'))).toBe('not_found')
  })

  it('at the end of what was written reject the close of its stream', async () => {
    const { files } = await setUp((fake) => void fake.until(() => fake.inputEnded).then(() => fake.done(28)))
    const writer = files.writeStream('/x').getWriter()
    await writer.write('x')
    expect(await codeOf(writer.close())).toBe('no_space')
  })
})

describe('answers that are none', () => {
  const listing = (...bytes: number[]) => (fake: FakeStream): void => {
    void fake.send(1, Uint8Array.from(bytes)).then(() => fake.done())
  }

  it.each<[string, (files: BoxFiles) => Promise<unknown>, (fake: FakeStream) => void]>([
    ['a STAT without a stat', (files) => files.stat('/x'), (fake) => fake.done()],
    ['a stat that is too short', (files) => files.stat('/x'), (fake) => fake.done(0, [{ tag: 1, value: new Uint8Array(63) }])],
    ['a stat of no kind of file', (files) => files.stat('/x'), (fake) => fake.done(0, [{ tag: 1, value: statBytes(0o170000) }])],
    ['a list that ends in a name', (files) => files.list('/x'), listing(9, 0, 97)],
    ['a list that ends in a length', (files) => files.list('/x'), listing(1, 0, 97, 64)],
  ])('are refused with `corrupt`: %s', async (_name, call, answer) => {
    const { files } = await setUp(answer)
    expect(await codeOf(call(files))).toBe('corrupt')
  })
})

describe('arguments', () => {
  it.each<[string, (files: BoxFiles) => Promise<unknown>]>([
    ['a relative path', (files) => files.read('x')],
    ['no path', (files) => files.write('', 'x')],
    ['a zero byte in a path', (files) => files.mkdir('/a\0b')],
    ['a mode that is none', (files) => files.chmod('/x', 0o10000)],
    ['a length that is none', (files) => files.read('/x', { length: -1 })],
    ['a chunk that is neither text nor bytes', (files) => files.write('/x', (async function* () { yield 1 as never })())],
    ['a relative path to copy to', (files) => files.copyIn(new Uint8Array(1), 'x')],
  ])('are refused with `invalid_argument`: %s', async (_name, call) => {
    const { files } = await setUp((fake) => void fake.until(() => fake.cancelled).then(() => fake.done(125)))
    expect(await codeOf(call(files))).toBe('invalid_argument')
  })

  it('that are paths of this machine need a machine that has files', async () => {
    const { files } = await setUp((fake) => fake.done())
    expect(await codeOf(files.copyIn('/etc/passwd', '/tmp'))).toBe('unsupported')
    expect(await codeOf(files.copyIn(new URL('file:///etc/passwd'), '/tmp'))).toBe('unsupported')
    expect(await codeOf(files.copyOut('/etc/passwd', '/tmp/x'))).toBe('unsupported')
  })

  it('that cannot be fetched say so', async () => {
    const { files } = await setUp((fake) => fake.done())
    expect(await codeOf(files.copyIn(new URL('data:nothing'), '/tmp'))).toBe('io')
  })
})

describe('a call that is ended', () => {
  it('by its signal is cancelled in the guest and rejects with `aborted`', async () => {
    const { agent, files } = await setUp((fake) => void fake.until(() => fake.cancelled).then(() => fake.done(125)))
    const calls: ((signal: AbortSignal) => Promise<unknown>)[] = [
      (signal) => files.read('/x', { signal }),
      (signal) => files.write('/x', endless().stream, { signal }),
      (signal) => files.stat('/x', { signal }),
    ]
    for (const call of calls) {
      const controller = new AbortController()
      const opening = agent.nextOpen()
      const calling = codeOf(call(controller.signal))
      const fake = await opening
      controller.abort()
      expect(await calling).toBe('aborted')
      expect(fake.cancelled).toBe(true)
    }
  })

  it('before it began never begins, also while its box is still starting', async () => {
    const { agent, files } = await setUp(() => {})
    expect(await codeOf(files.read('/x', { signal: AbortSignal.abort() }))).toBe('aborted')
    const starting = new BoxFiles(() => new Promise(() => {}), null)
    const controller = new AbortController()
    const waiting = codeOf(starting.read('/x', { signal: controller.signal }))
    controller.abort()
    expect(await waiting).toBe('aborted')
    expect(agent.streams.size).toBe(0)
  })

  it('by a source that fails is cancelled, and the error is that of the source', async () => {
    const { agent, files } = await setUp((fake) => void fake.until(() => fake.cancelled).then(() => fake.done(125)))
    const opening = agent.nextOpen()
    async function* failing(): AsyncGenerator<string> {
      yield 'x'
      throw new Error('the source is broken')
    }
    await expect(files.write('/x', failing())).rejects.toThrow('the source is broken')
    const fake = await opening
    await fake.until(() => fake.cancelled)
  })

  it('by the reader of its stream is cancelled in the guest', async () => {
    const { agent, files } = await setUp((fake) => void fake.send(1, 'x'))
    const opening = agent.nextOpen()
    const reader = files.readStream('/x').getReader()
    await reader.read()
    const fake = await opening
    const cancelling = reader.cancel()
    await fake.until(() => fake.cancelled)
    fake.done(125)
    await cancelling
  })
})

describe('streams of a file', () => {
  it('read no more of the guest than their reader takes', async () => {
    const { agent, session, files } = await setUp(() => {})
    const opening = agent.nextOpen()
    const reader = files.readStream('/x').getReader()
    const first = reader.read()
    const fake = await opening
    let sent = false
    const sending = fake.send(1, new Uint8Array(3 * Protocol.WINDOW_BYTES)).then(() => (sent = true))
    await first
    await session.ping()
    expect(sent).toBe(false)
    const rest = (async () => {
      let bytes = 0
      for (let next = await reader.read(); !next.done; next = await reader.read()) bytes += next.value.length
      return bytes
    })()
    await sending
    fake.done()
    expect(await rest + (await first).value!.length).toBe(3 * Protocol.WINDOW_BYTES)
  })

  it('write no faster than the guest takes', async () => {
    const { agent, session, files } = await setUp((fake) => {
      fake.onInput = () => {}
    })
    const opening = agent.nextOpen()
    const writer = files.writeStream('/x').getWriter()
    await writer.write(new Uint8Array(Protocol.WINDOW_BYTES))
    let written = false
    void writer.write(new Uint8Array(1)).then(() => writer.write(new Uint8Array(1))).then(() => (written = true))
    const fake = await opening
    await session.ping()
    expect(written).toBe(false)
    fake.giveCredit(2)
    await fake.until(() => Buffer.concat(fake.input).length === Protocol.WINDOW_BYTES + 2)
    const closing = writer.close()
    await fake.until(() => fake.inputEnded)
    fake.done(0, [{ tag: 1, value: u32(0) }])
    await closing
  })
})
