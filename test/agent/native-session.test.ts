// What the agent makes of any bytes at all, and of hosts that come and go.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FrameType, Protocol, StreamKind } from '../../src/agent/protocol.ts'
import { count } from '../counts.ts'
import { nativeAgentRefusal, startNativeAgent } from './native-agent.ts'
import { exitOf, fields, fieldsOf, type Frame, frame, hello, magic, nonce, RawSession, u16, u32 } from './raw-session.ts'
import { useAgent } from './use-agent.ts'

const { errno } = constants

/** Resolves when everything sent so far has been acted on. */
async function ping(session: RawSession, text: string): Promise<void> {
  session.send(FrameType.PING, 0, Buffer.from(text))
  expect(String((await session.next(FrameType.PING)).payload)).toBe(text)
}

/** The ids of the processes whose command line holds `word`. */
function processesWith(word: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readdirSync(`/proc/${pid}/cwd`).includes(word)
    } catch {
      // Gone since it was listed, or a zombie, which has no directory.
      return false
    }
  })
}

/** Whether a program's 900,000 letters come as they were written. */
async function writesLetters(session: RawSession): Promise<boolean> {
  const { outputs } = await session.run(1, ['/bin/sh', '-c', 'head -c 900000 /dev/zero | tr "\\0" x'])
  return outputs[0].equals(Buffer.alloc(900_000, 'x'))
}

describe('a session of the agent', () => {
  const test = useAgent({ sessions: 2 })
  const other = Buffer.from('another nonce...', 'latin1')

  it('begins with the version, the kernel, the agent and its limits', async () => {
    const answer = await test.session.greet()
    expect([answer.payload.readUInt16LE(16), answer.payload.readUInt16LE(18)]).toEqual([1, 0])
    const facts = fieldsOf(answer.payload, 20)
    expect(String(facts.get(1))).toMatch(/^\d+\.\d+/)
    expect(String(facts.get(2))).toMatch(/^\d+\.\d+\.\d+$/)
    expect(facts.get(3)!.readUInt32LE(0)).toBe(Protocol.MAX_STREAMS)
  })

  it('is not begun where no version is common', async () => {
    test.session.write(hello(2, 9, other), frame(FrameType.PING, 0, Buffer.from('unheard')), hello(0, 9))
    const refused = await test.session.take(({ payload }) => payload.subarray(0, 16).equals(other))
    expect(refused.payload.readUInt16LE(16)).toBe(0)
    const answer = await test.session.next(FrameType.HELLO)
    expect([answer.payload.subarray(0, 16).equals(nonce), answer.payload.readUInt16LE(16)]).toEqual([true, 1])
    expect(test.session.inbox).toEqual([])
  })

  it('answers a PING with its bytes', async () => {
    await ping(test.session, '')
    await ping(test.session, 'x'.repeat(Protocol.MAX_PING_BYTES))
  })

  it('ends at the next HELLO: what its streams ran is killed, other sessions go on', async () => {
    const loop = ['/bin/sh', '-c', `cd ${test.folder}; : > mark; while :; do sleep 1000; done`]
    for (const session of test.sessions) {
      session.exec(1, loop)
      await session.next(FrameType.OPENED, 1)
    }
    while (processesWith('mark').length < 2) await ping(test.session, 'not yet')
    await test.session.greet(other)
    while (processesWith('mark').length > 2) await ping(test.session, 'dying')
    // The id is free again, and nothing of the old session comes.
    expect(exitOf(await test.session.run(1, ['true']))).toEqual([0, 0])
    expect(test.session.inbox).toEqual([])
    test.sessions[1]!.send(FrameType.CANCEL, 1)
    expect(exitOf(await test.sessions[1]!.finish(1))).toEqual([1, 9])
  })

  const wrong: [string, Uint8Array][] = [
    ['a length that is too large', Buffer.concat([u32(Protocol.MAX_PAYLOAD_BYTES + 1), Buffer.of(FrameType.PING, 0, 0, 0)])],
    ['a type that nobody knows', frame(0x7f, 1)],
    ['a type that only agents send', frame(FrameType.DONE, 1, u32(0))],
    ['a wrong last byte', Buffer.concat([frame(FrameType.PING, 0).subarray(0, 8), Buffer.of(0)])],
    ['a PING that is too long', frame(FrameType.PING, 0, Buffer.alloc(Protocol.MAX_PING_BYTES + 1))],
    ['a PING on a stream', frame(FrameType.PING, 1)],
    ['a HELLO with another magic', frame(FrameType.HELLO, 0, Buffer.alloc(36))],
    ['a HELLO that is too long', frame(FrameType.HELLO, 0, Buffer.concat([magic, nonce, u16(1), u16(1), Buffer.alloc(1)]))],
    ['an OPEN of stream 0', frame(FrameType.OPEN, 0, Buffer.of(StreamKind.METRICS))],
    ['an OPEN of nothing', frame(FrameType.OPEN, 1)],
    ['an END of another channel', frame(FrameType.END, 1, Buffer.of(1))],
    ['a WINDOW of its own channel', frame(FrameType.WINDOW, 1, Buffer.concat([Buffer.of(0), u32(1)]))],
    ['a WINDOW that is too short', frame(FrameType.WINDOW, 1, Buffer.of(1))],
    ['a signal that there is not', frame(FrameType.SIGNAL, 1, Buffer.of(65))],
    ['a CANCEL with more', frame(FrameType.CANCEL, 1, Buffer.of(1))],
  ]
  it.each(wrong)('ends at %s, and a HELLO begins a new one', async (_, bytes) => {
    test.session.exec(9, ['sleep', '1000'])
    await test.session.next(FrameType.OPENED, 9)
    test.session.write(bytes, frame(FrameType.PING, 0, Buffer.from('unheard')))
    expect(String((await test.session.next(FrameType.GOAWAY)).payload)).toMatch(/^(?:a|an|too|DATA) /)
    await test.session.greet(other)
    await ping(test.session, 'heard')
    expect(test.session.inbox).toEqual([])
  })

  it.each([
    ['DATA beyond the credit', (session: RawSession) => {
      // The pipe itself takes up to a window, which is given back.
      const piece = Buffer.alloc(Protocol.MAX_PAYLOAD_BYTES)
      for (let sent = 0; sent <= 2 * Protocol.WINDOW_BYTES; sent += piece.length) session.data(1, piece)
    }],
    ['DATA after its END', (session: RawSession) => {
      session.end(1)
      session.data(1, 'more')
    }],
    ['a second END', (session: RawSession) => {
      session.end(1)
      session.end(1)
    }],
    ['a second OPEN with the same id', (session: RawSession) => session.exec(1, ['true'])],
    ['more credit than can be counted', (session: RawSession) => session.credit(1, 1, 0x7fff_ffff)],
  ])('ends at %s', async (_, offend) => {
    test.session.exec(1, ['sleep', '1000'], [[6, u32(1)]])
    await test.session.next(FrameType.OPENED, 1)
    offend(test.session)
    await test.session.next(FrameType.GOAWAY)
    await test.session.greet(other)
    await ping(test.session, 'heard')
  })

  it('drops frames for streams that are not open', async () => {
    test.session.data(5, 'crossed the DONE')
    test.session.end(5)
    test.session.credit(5, 1, 1000)
    test.session.send(FrameType.SIGNAL, 5, Buffer.of(9))
    test.session.send(FrameType.RESIZE, 5, Buffer.concat([u16(1), u16(1)]))
    test.session.send(FrameType.CANCEL, 5)
    await ping(test.session, 'still there')
    expect(test.session.inbox).toEqual([])
  })

  it('refuses what it cannot open with a DONE alone', async () => {
    const refused = async (kind: number, payload: Uint8Array): Promise<number> => {
      test.session.send(FrameType.OPEN, 1, Buffer.concat([Buffer.of(kind), payload]))
      return (await test.session.finish(1)).error
    }
    expect(await refused(99, Buffer.alloc(0))).toBe(errno.EOPNOTSUPP)
    expect(await refused(StreamKind.EXEC, Buffer.alloc(0))).toBe(errno.EINVAL)
    expect(await refused(StreamKind.EXEC, fields([[1, 'true'], [77, 'unknown']]))).toBe(errno.EINVAL)
    expect(await refused(StreamKind.EXEC, fields([[1, 'a\0b']]))).toBe(errno.EINVAL)
    expect(await refused(StreamKind.EXEC, fields([[1, 'true'], [6, Buffer.of(1)]]))).toBe(errno.EINVAL)
    expect(await refused(StreamKind.STAT, fields([[1, '/'], [1, '/']]))).toBe(errno.EINVAL)
    expect(await refused(StreamKind.STAT, fields([[1, '/']]).subarray(0, 5))).toBe(errno.EINVAL)
    expect(await refused(StreamKind.STAT, fields([[1, '/']]).subarray(0, 3))).toBe(errno.EINVAL)
    expect(await refused(StreamKind.EXEC, fields([[1, '']]))).toBe(errno.ENOENT)
  })

  it('has 64 streams at once, and no more', async () => {
    for (let id = 1; id <= Protocol.MAX_STREAMS; id++) test.session.exec(id, ['cat'], [[6, u32(1)]])
    for (let id = 1; id <= Protocol.MAX_STREAMS; id++) await test.session.next(FrameType.OPENED, id)
    expect((await test.session.run(65, ['true'])).error).toBe(errno.EAGAIN)
    test.session.end(1)
    expect(exitOf(await test.session.finish(1))).toEqual([0, 0])
    expect(exitOf(await test.session.run(65, ['true']))).toEqual([0, 0])
  })

  it('serves many streams at once, each in its own order', async () => {
    const letters = Array.from({ length: 40 }, (_, index) => String.fromCharCode(97 + (index % 26)))
    const script = (letter: string): string => `head -c 400000 /dev/zero | tr '\\0' ${letter}`
    const outcomes = letters.map((letter, index) => test.session.run(index + 1, ['/bin/sh', '-c', script(letter)]))
    for (const [index, outcome] of (await Promise.all(outcomes)).entries()) {
      expect(outcome.outputs[0].equals(Buffer.alloc(400_000, letters[index]))).toBe(true)
    }
  })

  it('is taken over with 65,545 bytes of 0xFF, wherever the last host stopped', async () => {
    const disguised = frame(FrameType.DATA0, 7, Buffer.concat([hello(), frame(FrameType.PING, 0)]))
    const stream = Buffer.concat([frame(FrameType.PING, 0, Buffer.from('p')), disguised, frame(FrameType.CANCEL, 7)])
    for (let cut = 0; cut <= stream.length; cut++) {
      const fresh = Buffer.alloc(Protocol.NONCE_BYTES, cut + 1)
      test.session.write(stream.subarray(0, cut), Buffer.alloc(Protocol.RESYNC_BYTES, 0xff), hello(1, 1, fresh))
      await test.session.take(({ type, payload }) => type === FrameType.HELLO && payload.subarray(0, 16).equals(fresh))
      test.session.inbox.length = 0
      await ping(test.session, 'heard')
    }
  })

  it('waits for a host that does not read, and holds a bounded amount', async () => {
    test.session.socket.pause()
    for (let id = 1; id <= 8; id++) test.session.exec(id, ['/bin/sh', '-c', 'head -c 3000000 /dev/zero'])
    for (let index = 0; index < 20_000; index++) test.session.send(FrameType.PING, 0, Buffer.from('p'.repeat(60)))
    expect(exitOf(await test.sessions[1]!.run(1, ['true']))).toEqual([0, 0])
    test.session.socket.resume()
    for (let id = 1; id <= 8; id++) expect((await test.session.finish(id)).outputs[0].length).toBe(3_000_000)
    for (let index = 0; index < 20_000; index++) await test.session.next(FrameType.PING)
  })

  it('is begun anew while much that the last host did not read is on its way', async () => {
    test.session.socket.pause()
    for (let id = 1; id <= 4; id++) test.session.exec(id, ['/bin/sh', '-c', 'head -c 900000 /dev/zero'])
    expect(exitOf(await test.sessions[1]!.run(1, ['true']))).toEqual([0, 0])
    const fresh = test.session.greet(other)
    test.session.socket.resume()
    await fresh
    test.session.inbox.length = 0
    expect(await writesLetters(test.session)).toBe(true)
  })

  it('survives any bytes', async () => {
    let state = 4711
    const random = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
    const types = [...Object.values(FrameType), 0, 0x7f]
    const { READ_FILE, STAT, LIST, EXTRACT, ARCHIVE, METRICS, THAW } = StreamKind
    const kinds = [READ_FILE, STAT, LIST, EXTRACT, ARCHIVE, METRICS, THAW, 99]
    const tags = (): Buffer => Buffer.concat(Array.from({ length: random(4) }, () => {
      const value = ['true', test.folder, 'A=b', '1', '', '/dev/null', `${test.folder}/f`][random(7)]!
      return random(8) === 0 ? Buffer.alloc(random(12), random(256)) : fields([[random(7), random(3) === 0 ? u32(random(8)) : value]])
    }))
    const anything = (): Buffer => {
      const stream = random(4)
      switch (random(8)) {
        case 0:
          return Buffer.from(Uint8Array.from({ length: random(300) }, () => random(256)))
        case 1:
          return hello(random(3), random(3))
        case 2:
        case 3: {
          // Nothing that runs a program but `true`, and nothing that touches more than the test's own folder.
          return frame(FrameType.OPEN, stream, Buffer.concat([Buffer.of(kinds[random(kinds.length)]!), tags()]))
        }
        case 4:
          return frame(FrameType.OPEN, stream, Buffer.concat([Buffer.of(StreamKind.EXEC), fields([[1, 'true'], [6, u32(random(4))]])]))
        case 5:
          return frame(FrameType.DATA0, stream, Buffer.alloc(random(3) === 0 ? random(Protocol.MAX_PAYLOAD_BYTES) : random(100), 'x'))
        default: {
          const type = types[random(types.length)]!
          const payload = Uint8Array.from({ length: random(6) }, () => random(4))
          return frame(type === FrameType.OPEN ? FrameType.CANCEL : type, stream, payload)
        }
      }
    }
    let done = 0
    let goneAway = 0
    for (let round = 0; round < count(10_000, 200_000); round++) {
      const bytes = anything()
      if (random(20) === 0 && bytes.length > 0) bytes[random(bytes.length)]! ^= 1 << random(8)
      test.session.write(bytes)
      // Often: after a broken rule nothing is listened to but a HELLO.
      if (random(6) > 0) continue
      test.session.write(Buffer.alloc(Protocol.RESYNC_BYTES, 0xff))
      await test.session.greet(Buffer.from(round.toString().padStart(16, '.')))
      const heard = test.session.inbox.splice(0).map(({ type }) => type)
      done += heard.filter((type) => type === FrameType.DONE).length
      goneAway += heard.filter((type) => type === FrameType.GOAWAY).length
    }
    expect(done).toBeGreaterThan(count(10_000, 200_000) / 50)
    expect(goneAway).toBeGreaterThan(count(10_000, 200_000) / 50)
  })
})

describe('an agent whose channel loses what is moved to it', () => {
  let folder: string
  const refusal = nativeAgentRefusal()

  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'boxlite-agent-'))))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('says so, in whole frames, and serves the next session', async (ctx) => {
    if (refusal !== null) ctx.skip(refusal)
    const preload = join(folder, 'lossy.so')
    const source = fileURLToPath(new URL('lossy-splice.c', import.meta.url))
    expect(spawnSync('gcc', ['-shared', '-fPIC', '-o', preload, source], { encoding: 'utf8' }).stderr).toBe('')
    const agent = startNativeAgent({ preload })
    const session = new RawSession(agent.channels[0]!)
    await session.greet()
    // Without credit what follows waits in its pipe, enough to be moved.
    const script = `head -c ${Protocol.WINDOW_BYTES} /dev/zero | tr "\\0" x; head -c 60000 /dev/zero | tr "\\0" x; echo waiting >&2; sleep 1000`
    session.exec(1, ['/bin/sh', '-c', script])
    // It may be lost before, which is as good.
    const first = await session.take(({ type }) => type === FrameType.DATA2 || type === FrameType.GOAWAY)
    if (first.type === FrameType.DATA2) session.credit(1, 1, Protocol.WINDOW_BYTES)
    const last = first.type === FrameType.GOAWAY ? first : await session.next(FrameType.GOAWAY)
    expect(String(last.payload)).toBe('output was lost for want of memory')
    const isLost = ({ type, payload }: Frame): boolean => type === FrameType.DATA1 && payload.equals(Buffer.alloc(payload.length))
    expect(session.inbox.filter(isLost)).toHaveLength(1)
    await session.greet(Buffer.from('another nonce...', 'latin1'))
    session.inbox.length = 0
    expect(await writesLetters(session)).toBe(true)
    session.socket.destroy()
    expect(await agent.ended).toEqual({ status: 0, complaints: '' })
  })
})
