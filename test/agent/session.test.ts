// The protocol's client against an agent in memory that also does what no agent may do.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AgentStream } from '../../src/agent/agent-stream.ts'
import { textField } from '../../src/agent/fields.ts'
import { encodeFrame } from '../../src/agent/frame.ts'
import { FrameType, Protocol, StreamKind } from '../../src/agent/protocol.ts'
import { AgentSession } from '../../src/agent/session.ts'
import { BoxLiteError, isBoxLiteError } from '../../src/error.ts'
import { count } from '../counts.ts'
import { FakeAgent, NONCE, u32, type Split } from './fake-agent.ts'

const bytewise: Split = (bytes) => Array.from(bytes, (byte) => Uint8Array.of(byte))

const start = (agent: FakeAgent, fresh = true): Promise<AgentSession> =>
  AgentSession.open(agent.channel, { fresh, nonce: NONCE, timeoutMs: 60_000 })

const openExec = (session: AgentSession): Promise<AgentStream> => session.openStream(StreamKind.EXEC, [textField(1, 'true')])

async function readAll(source: AgentStream['output']): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for (let part = await source.read(); part !== null; part = await source.read()) parts.push(part)
  return Buffer.concat(parts)
}

const codeOf = (promise: PromiseLike<unknown>): Promise<string> =>
  Promise.resolve(promise).then(
    () => 'no error',
    (error: unknown) => (isBoxLiteError(error) ? error.code : String(error)),
  )

/** A deterministic pattern, so that a byte in the wrong place is seen. */
const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_value, at) => (at * 31 + (at >> 8)) & 0xff)

describe('a session', () => {
  it('begins with HELLO and knows what the agent says of itself', async () => {
    const agent = new FakeAgent()
    const session = await start(agent)
    expect(session.hello).toEqual({ protocolVersion: 1, kernelRelease: '6.1.0', agentVersion: '0.1.0', maxStreams: 64 })
    expect(agent.skippedBytes).toBe(0)
    await session.ping()
    await session.close()
    expect(await session.closed).toBeNull()
    expect(agent.closed).toBe(true)
  })

  it('ends whatever was half said on a channel that is not fresh, with 65,545 bytes of 0xFF', async () => {
    const agent = new FakeAgent()
    await start(agent, false)
    expect(agent.skippedBytes).toBe(Protocol.RESYNC_BYTES)
    expect(Buffer.concat(agent.received).subarray(0, Protocol.RESYNC_BYTES).every((byte) => byte === 0xff)).toBe(true)
  })

  it('throws away everything before the HELLO with its own nonce, however it is cut', async () => {
    const other = encodeFrame(FrameType.HELLO, 0, new Uint8Array([...NONCE.map((byte) => byte ^ 1), 1, 0, 0, 0]))
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.constant(other),
      fc.constant(encodeFrame(FrameType.DONE, 5, u32(0))),
      // The beginning of the very thing that is looked for.
      fc.nat({ max: 23 }).map((length) => encodeFrame(FrameType.HELLO, 0, NONCE).subarray(0, length)),
    )
    const property = fc.asyncProperty(fc.array(garbage, { maxLength: 6 }), fc.integer({ min: 1, max: 40 }), async (before, chunkBytes) => {
      // Chance may complete it.
      fc.pre(!Buffer.concat(before).includes(Buffer.from([FrameType.HELLO, 0, 0, 0, ...NONCE])))
      const agent = new FakeAgent((bytes) => {
        const chunks: Uint8Array[] = []
        for (let at = 0; at < bytes.length; at += chunkBytes) chunks.push(bytes.subarray(at, at + chunkBytes))
        return chunks
      })
      agent.onHello = (nonce) => {
        for (const bytes of before) agent.raw(bytes)
        agent.hello(nonce)
      }
      const session = await start(agent, false)
      await session.ping()
      await session.close()
    })
    await fc.assert(property, { numRuns: count(300, 5000) })
  })

  it('is refused with `unsupported` where no version is common', async () => {
    const agent = new FakeAgent()
    agent.onHello = (nonce) => agent.hello(nonce, { version: 0 })
    expect(await codeOf(start(agent))).toBe('unsupported')
    expect(agent.closed).toBe(true)
  })

  it('is refused with `timeout` where nobody answers, and with `io` where the channel closes', async () => {
    const silent = new FakeAgent()
    silent.onHello = () => {}
    expect(await codeOf(AgentSession.open(silent.channel, { fresh: true, nonce: NONCE, timeoutMs: 1 }))).toBe('timeout')
    expect(silent.closed).toBe(true)
    const leaving = new FakeAgent()
    leaving.onHello = () => void leaving.channel.close()
    expect(await codeOf(start(leaving))).toBe('io')
  })

  it.each<[string, (agent: FakeAgent) => void]>([
    ['a frame that is too long', (agent) => agent.raw(new Uint8Array([0, 0, 1, 1, 2, 0, 0, 0]))],
    ['a wrong last byte', (agent) => agent.raw(new Uint8Array([0, 0, 0, 0, 2, 0, 0, 0, 0x5b]))],
    ['an unknown type', (agent) => agent.post(0x42, 0)],
    ['a type that only hosts send', (agent) => agent.post(FrameType.OPEN, 1)],
    ['an answer to no question', (agent) => agent.post(FrameType.PING, 0)],
    ['a second HELLO', (agent) => agent.hello(NONCE)],
    ['a frame for a stream that is not open', (agent) => agent.post(FrameType.DATA1, 9, u32(0))],
    ['DATA on the session', (agent) => agent.post(FrameType.DATA1, 0, u32(0))],
    ['DATA on the channel of the host', (agent) => agent.post(FrameType.DATA0, 1, u32(0))],
    ['more data than there was credit for', (agent) => {
      for (let sent = 0; sent <= Protocol.WINDOW_BYTES; sent += 65_536) agent.post(FrameType.DATA1, 1, new Uint8Array(65_536))
    }],
    ['data after its end', (agent) => {
      agent.post(FrameType.END, 1, new Uint8Array([1]))
      agent.post(FrameType.DATA1, 1, u32(0))
    }],
    ['credit without measure', (agent) => {
      for (let i = 0; i < 300; i++) agent.post(FrameType.WINDOW, 1, new Uint8Array([0, 0xff, 0xff, 0xff, 0xff]))
    }],
    ['a DONE without its number', (agent) => agent.post(FrameType.DONE, 1)],
    ['fields that end in the middle of one', (agent) => agent.post(FrameType.DONE, 1, new Uint8Array([0, 0, 0, 0, 1, 9, 0, 0, 0, 1]))],
  ])('ends with `corrupt` on %s, and everything that waits is told', async (_name, misbehave) => {
    const agent = new FakeAgent()
    const session = await start(agent)
    const stream = await openExec(session)
    await session.ping()
    const silenced = agent.channel.write
    agent.channel.write = () => new Promise(() => {})
    const waiting = [stream.done, stream.opened, stream.input.write(new Uint8Array(300_000))].map(codeOf)
    misbehave(agent)
    expect(await Promise.all(waiting)).toEqual(['corrupt', 'corrupt', 'corrupt'])
    expect((await session.closed)?.code).toBe('corrupt')
    expect(await codeOf(session.ping())).toBe('corrupt')
    expect(await codeOf(openExec(session))).toBe('corrupt')
    expect(agent.closed).toBe(true)
    agent.channel.write = silenced
  })

  it('takes any bytes for frames, or ends with `corrupt`: nothing else ever comes of them', async () => {
    const type = fc.constantFrom(...Object.values(FrameType), 0x42)
    const trailer = fc.constantFrom(0x5a, 0x5a, 0x5a, 0)
    const frame = fc
      .record({ type, stream: fc.nat({ max: 3 }), payload: fc.uint8Array({ maxLength: 40 }), trailer })
      .map(({ type, stream, payload, trailer }) => {
        const bytes = encodeFrame(type, stream, payload)
        bytes[bytes.length - 1] = trailer
        return bytes
      })
    const part = fc.oneof({ weight: 9, arbitrary: frame }, fc.uint8Array({ maxLength: 30 }))
    const property = fc.asyncProperty(fc.array(part, { maxLength: 12 }), async (parts) => {
      const agent = new FakeAgent()
      const session = await start(agent)
      const streams = await Promise.all([openExec(session), openExec(session)])
      for (const bytes of parts) agent.raw(bytes)
      agent.raw(new Uint8Array(0))
      await session.close()
      const ended = await session.closed
      if (ended !== null) expect(['corrupt', 'io']).toContain(ended.code)
      for (const { done } of streams) expect(['no error', 'corrupt', 'io', 'invalid_state']).toContain(await codeOf(done))
    })
    await fc.assert(property, { numRuns: count(1000, 30_000) })
  })

  it('ends with `io` when the channel closes or the agent says GOAWAY, whose words are in the message', async () => {
    const agent = new FakeAgent()
    const session = await start(agent)
    const stream = await openExec(session)
    await stream.output
    agent.post(FrameType.GOAWAY, 0, new TextEncoder().encode('the host broke the protocol'))
    const error = (await session.closed)!
    expect(error.code).toBe('io')
    expect(error.message).toContain('the host broke the protocol')
    expect(await codeOf(stream.done)).toBe('io')
    const cut = new FakeAgent()
    const lost = await start(cut)
    const reading = (await openExec(lost)).output.read()
    await cut.channel.close()
    expect(await codeOf(reading)).toBe('io')
    expect((await lost.closed)?.code).toBe('io')
  })

  it('gives what had come before it ended, then the error', async () => {
    const agent = new FakeAgent()
    const session = await start(agent)
    const opening = agent.nextOpen()
    const stream = await openExec(session)
    await (await opening).send(1, 'last words')
    await agent.channel.close()
    await session.closed
    expect(new TextDecoder().decode((await stream.output.read())!)).toBe('last words')
    expect(await codeOf(stream.output.read())).toBe('io')
  })

  it('gives the reason of its end to everything that waits', async () => {
    const agent = new FakeAgent()
    const session = await start(agent)
    const stream = await openExec(session)
    await session.close(new BoxLiteError('invalid_state', 'The box was stopped'))
    await expect(stream.done).rejects.toThrow('The box was stopped')
    expect((await session.closed)?.message).toBe('The box was stopped')
  })
})

describe('streams', () => {
  it('give back credit for what was read, and only for that', async () => {
    const agent = new FakeAgent()
    const session = await start(agent)
    const opening = agent.nextOpen()
    const stream = await openExec(session)
    const fake = await opening
    const sending = fake.send(1, pattern(3 * Protocol.WINDOW_BYTES)).then(() => fake.exit(0))
    // Nobody reads: the agent has no credit left, and gets none.
    await session.ping()
    expect(fake.credit[1]).toBe(0)
    expect((await readAll(stream.output)).equals(pattern(3 * Protocol.WINDOW_BYTES))).toBe(true)
    await sending
    expect((await stream.done).errno).toBe(0)
  })

  it('hold little more than their bytes when these come one by one', async () => {
    const agent = new FakeAgent()
    const session = await start(agent)
    const opening = agent.nextOpen()
    const stream = await openExec(session)
    const fake = await opening
    await fake.send(1, pattern(20_000), 1)
    fake.exit(0)
    await stream.done
    const chunks: Uint8Array[] = []
    for (let part = await stream.output.read(); part !== null; part = await stream.output.read()) chunks.push(part)
    expect(chunks.length).toBeLessThan(10)
    expect(Buffer.concat(chunks).equals(pattern(20_000))).toBe(true)
  })

  it('send no more than the guest has given credit for', async () => {
    const agent = new FakeAgent()
    const session = await start(agent)
    const opening = agent.nextOpen()
    const stream = await openExec(session)
    const fake = await opening
    fake.onInput = () => {}
    const total = Protocol.WINDOW_BYTES + 100_000
    const writing = stream.input.write(pattern(total))
    await session.ping()
    await session.ping()
    const length = (): number => Buffer.concat(fake.input).length
    await expect.poll(length).toBe(Protocol.WINDOW_BYTES)
    await session.ping()
    expect(length()).toBe(Protocol.WINDOW_BYTES)
    fake.giveCredit(100_000)
    await writing
    await stream.input.end()
    await fake.until(() => fake.inputEnded)
    expect(Buffer.concat(fake.input).equals(pattern(total))).toBe(true)
  })

  it('take turns, and short frames go before bytes that wait', async () => {
    const agent = new FakeAgent()
    const session = await start(agent)
    const fakes: number[] = []
    agent.onOpen = (fake) => {
      fake.onInput = (bytes) => {
        fakes.push(fake.id)
        fake.giveCredit(bytes.length)
      }
    }
    const streams = await Promise.all([openExec(session), openExec(session)])
    await session.ping()
    const writes = streams.map((stream) => stream.input.write(new Uint8Array(4 * 65_536)))
    await Promise.all(writes)
    await session.ping()
    expect(fakes).toEqual([1, 2, 1, 2, 1, 2, 1, 2])
  })

  it('wait for their turn where the agent has no more, and some are kept for the box itself', async () => {
    const agent = new FakeAgent()
    agent.onHello = (nonce) => agent.hello(nonce, { maxStreams: 6 })
    const session = await start(agent)
    agent.onOpen = (fake) => {
      if (fake.kind === StreamKind.FREEZE) fake.done(0, [{ tag: 1, value: u32(2) }])
    }
    const [first] = await Promise.all([openExec(session), openExec(session)])
    const controller = new AbortController()
    const third = openExec(session)
    const fourth = session.openStream(StreamKind.EXEC, [], { signal: controller.signal })
    expect(await session.freeze()).toBe(2)
    expect(agent.streams.size).toBe(2)
    controller.abort()
    expect(await codeOf(fourth)).toBe('aborted')
    agent.streams.get(1)!.exit(0)
    await first!.done
    await third
    await session.ping()
    expect(agent.streams.size).toBe(2)
  })

  it('refuse a request that does not fit a frame', async () => {
    const session = await start(new FakeAgent())
    expect(await codeOf(session.openStream(StreamKind.EXEC, [textField(1, 'x'.repeat(65_536))]))).toBe('invalid_argument')
  })

  it('carry every byte to its place, whatever is cut and however streams are mixed', async () => {
    const message = fc.record({ stream: fc.nat({ max: 2 }), channel: fc.constantFrom<1 | 2>(1, 2), length: fc.nat({ max: 3000 }) })
    const cuts = fc.infiniteStream(fc.integer({ min: 1, max: 700 }))
    const property = fc.asyncProperty(fc.array(message, { maxLength: 30 }), cuts, async (messages, lengths) => {
      const agent = new FakeAgent((bytes) => {
        const chunks: Uint8Array[] = []
        for (let at = 0; at < bytes.length; ) {
          const length = lengths.next().value as number
          chunks.push(bytes.subarray(at, at + length))
          at += length
        }
        return chunks
      })
      const session = await start(agent)
      const fakes: FakeAgent['streams'] extends Map<number, infer S> ? S[] : never = []
      agent.onOpen = (fake) => fakes.push(fake)
      const streams = await Promise.all([0, 1, 2].map(() => openExec(session)))
      await session.ping()
      const sent = streams.map(() => [[], []] as [Uint8Array[], Uint8Array[]])
      for (const { stream, channel, length } of messages) {
        const bytes = pattern(length + stream).subarray(stream)
        sent[stream]![channel - 1]!.push(bytes)
        await fakes[stream]!.send(channel, bytes, 997)
      }
      for (const fake of fakes) fake.exit(0)
      for (const [index, stream] of streams.entries()) {
        expect((await readAll(stream.output)).equals(Buffer.concat(sent[index]![0]))).toBe(true)
        expect((await readAll(stream.errors)).equals(Buffer.concat(sent[index]![1]))).toBe(true)
      }
      await session.close()
    })
    await fc.assert(property, { numRuns: count(200, 3000) })
  })

  it('are read right when every byte comes by itself', async () => {
    const agent = new FakeAgent(bytewise)
    const session = await start(agent)
    agent.onOpen = (fake) => {
      fake.opened(4711)
      void fake.send(1, 'abc').then(() => fake.exit(3))
    }
    const stream = await openExec(session)
    expect(await stream.opened).toBe(4711)
    expect((await readAll(stream.output)).toString()).toBe('abc')
    expect((await stream.done).fields.u32(2)).toBe(3)
  })
})

describe('the short questions', () => {
  it('reject with the meaning of the number that the guest gives', async () => {
    const agent = new FakeAgent()
    const session = await start(agent)
    agent.onOpen = (fake) => fake.done(30)
    await expect(session.freeze()).rejects.toMatchObject({ code: 'invalid_state', facts: { errno: 'EROFS', errnoNumber: 30 } })
  })

  it('reject with `corrupt` when an answer has not what it must have', async () => {
    const agent = new FakeAgent()
    const session = await start(agent)
    agent.onOpen = (fake) => fake.done()
    expect(await codeOf(session.freeze())).toBe('corrupt')
  })

  it('reject with `timeout` when no answer comes', async () => {
    const session = await start(new FakeAgent())
    expect(await codeOf(session.thaw({ timeoutMs: 1 }))).toBe('timeout')
    const silent = new FakeAgent()
    const other = await start(silent)
    silent.channel.write = () => new Promise(() => {})
    expect(await codeOf(other.ping({ timeoutMs: 1 }))).toBe('timeout')
  })

  it('carry what they are given', async () => {
    const agent = new FakeAgent()
    const session = await start(agent)
    const seen: unknown[] = []
    agent.onOpen = (fake) => {
      seen.push([fake.kind, ...fake.fields.map(({ tag, value }) => [tag, Buffer.from(value).toString('hex')])])
      fake.done()
    }
    await session.setClock(1n << 60n)
    await session.addEntropy(new Uint8Array([1, 2]))
    await session.setHostname('web')
    await session.shutDown(1500)
    expect(seen).toEqual([
      [StreamKind.SET_CLOCK, [1, '0000000000000010']],
      [StreamKind.ADD_ENTROPY, [1, '0102']],
      [StreamKind.SET_HOSTNAME, [1, '776562']],
      [StreamKind.SHUT_DOWN, [1, 'dc050000']],
    ])
  })
})
