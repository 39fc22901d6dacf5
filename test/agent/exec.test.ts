import { constants } from 'node:os'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FrameType, Protocol } from '../../src/agent/protocol.ts'
import { buildNativeAgent, type NativeAgent, nativeAgentRefusal, startNativeAgent } from './native-agent.ts'
import { exitOf, RawSession, u32 } from './raw-session.ts'

const refusal = nativeAgentRefusal()
if (refusal === null) buildNativeAgent()

const { errno, signals } = constants
const withInput = [6, u32(1)] as const

describe('an exec', () => {
  let agent: NativeAgent
  let session: RawSession

  beforeEach(async (ctx) => {
    if (refusal !== null) ctx.skip(refusal)
    agent = startNativeAgent()
    session = new RawSession(agent.channels[0]!)
    await session.greet()
  })

  afterEach(async () => {
    session.socket.destroy()
    expect(await agent.ended).toEqual({ status: 0, complaints: '' })
  })

  it('gives both outputs, their ends, and the exit code, in this order', async () => {
    const outcome = await session.run(1, ['/bin/sh', '-c', 'echo out; echo err >&2; exit 7'])
    expect(outcome.outputs.map(String)).toEqual(['out\n', 'err\n'])
    expect(exitOf(outcome)).toEqual([0, 7])
    expect(outcome.order[0]).toBe(FrameType.OPENED)
    expect(outcome.order.slice(-2)).toEqual([FrameType.END, FrameType.DONE])
  })

  it('says which signal ended it', async () => {
    const outcome = await session.run(1, ['/bin/sh', '-c', 'kill -TERM $$'])
    expect(exitOf(outcome)).toEqual([1, signals.SIGTERM])
  })

  it('finds its program in the PATH of its own environment', async () => {
    expect(exitOf(await session.run(1, ['true'], [[2, 'PATH=/nowhere:/bin:/usr/bin']]))).toEqual([0, 0])
    const missing = await session.run(2, ['true'], [[2, 'PATH=/nowhere']])
    expect(missing.error).toBe(errno.ENOENT)
    expect(String(missing.result.get(3))).toBe('execve')
    expect(missing.order).toEqual([FrameType.DONE])
  })

  it('names the step that failed', async () => {
    const steps = async (stream: number, words: string[], more: readonly (readonly [number, string])[]): Promise<[number, string]> => {
      const outcome = await session.run(stream, words, more)
      return [outcome.error, String(outcome.result.get(3))]
    }
    expect(await steps(1, ['/nowhere/program'], [])).toEqual([errno.ENOENT, 'execve'])
    expect(await steps(2, ['/etc/passwd'], [])).toEqual([errno.EACCES, 'execve'])
    expect(await steps(3, ['/bin/true'], [[3, '/nowhere']])).toEqual([errno.ENOENT, 'chdir'])
    expect(await steps(4, ['/bin/true'], [[4, 'nobody-of-this-name']])).toEqual([errno.ENOENT, 'user'])
  })

  it('is root with the variables that a login sets, unless the host set them', async () => {
    const outcome = await session.run(1, ['/usr/bin/env'], [[2, 'HOME=/elsewhere'], [2, 'A=1=2']])
    const variables = String(outcome.outputs[0]).trimEnd().split('\n')
    expect(variables).toContain('HOME=/elsewhere')
    expect(variables).toContain('A=1=2')
    expect(variables).toContain('USER=root')
    expect(variables).toContain('LOGNAME=root')
    expect(variables.filter((variable) => variable.startsWith('HOME='))).toHaveLength(1)
    expect(variables.some((variable) => variable.startsWith('PATH=/'))).toBe(true)
    expect(variables.some((variable) => variable.startsWith('SHELL=/'))).toBe(true)
    expect(variables.some((variable) => variable.startsWith('TERM='))).toBe(false)
  })

  it('passes input and output through, all bytes in order, however much', async () => {
    session.exec(1, ['cat'], [withInput])
    const sent = Buffer.from(Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * 7919) >> 3))
    const outcome = session.finish(1)
    let credit: number = Protocol.WINDOW_BYTES
    for (let at = 0; at < sent.length;) {
      const piece = sent.subarray(at, at + Math.min(credit, Protocol.MAX_PAYLOAD_BYTES))
      session.data(1, piece)
      at += piece.length
      credit -= piece.length
      if (credit === 0) credit += (await session.next(FrameType.WINDOW, 1)).payload.readUInt32LE(1)
    }
    session.end(1)
    const { outputs } = await outcome
    expect(outputs[0].equals(sent)).toBe(true)
  })

  it('has no input unless it was asked for', async () => {
    const outcome = await session.run(1, ['cat'])
    expect(outcome.outputs[0].length).toBe(0)
    expect(exitOf(outcome)).toEqual([0, 0])
  })

  it('waits in its own write when its reader gives no credit, and holds nobody else up', async () => {
    session.exec(1, ['/bin/sh', '-c', 'head -c 1000000 /dev/zero; echo done >&2'])
    let got = 0
    while (got < Protocol.WINDOW_BYTES) got += (await session.next(FrameType.DATA1, 1)).payload.length
    expect(got).toBe(Protocol.WINDOW_BYTES)
    expect(exitOf(await session.run(2, ['true']))).toEqual([0, 0])
    expect(session.inbox.filter(({ stream }) => stream === 1).map(({ type }) => type)).toEqual([FrameType.OPENED])
    session.credit(1, 1, got)
    const outcome = await session.finish(1)
    expect(outcome.outputs[0].length).toBe(1_000_000 - got)
    expect(String(outcome.outputs[1])).toBe('done\n')
  })

  it('is signalled with its whole process group', async () => {
    session.exec(1, ['/bin/sh', '-c', 'sleep 1000 & echo up; wait'])
    await session.next(FrameType.DATA1, 1)
    session.send(FrameType.SIGNAL, 1, Buffer.of(signals.SIGTERM))
    const outcome = await session.finish(1)
    expect(exitOf(outcome)).toEqual([1, signals.SIGTERM])
  })

  it('is killed by CANCEL, which drops its output', async () => {
    session.exec(1, ['/bin/sh', '-c', 'trap "" TERM INT; yes'])
    await session.next(FrameType.DATA1, 1)
    session.send(FrameType.CANCEL, 1)
    const outcome = await session.finish(1)
    expect(exitOf(outcome)).toEqual([1, signals.SIGKILL])
    expect(outcome.order.at(-2)).not.toBe(FrameType.END)
  })

  it('does not wait for descendants that keep its output open', async () => {
    const outcome = await session.run(1, ['/bin/sh', '-c', 'sleep 1000 & echo $!'])
    expect(exitOf(outcome)).toEqual([0, 0])
    process.kill(Number(String(outcome.outputs[0])), 'SIGKILL')
  })

  it('starts with every signal at its default and none blocked', async () => {
    const outcome = await session.run(1, ['cat', '/proc/self/status'])
    expect(String(outcome.outputs[0]).match(/(?<=^Sig(?:Blk|Ign|Cgt):\t).*$/gm)).toEqual(['0'.repeat(16), '0'.repeat(16), '0'.repeat(16)])
  })

  it('inherits nothing of the agent', async () => {
    const outcome = await session.run(1, ['/bin/sh', '-c', 'ls /proc/self/fd'])
    // The fourth is the directory that ls reads.
    expect(String(outcome.outputs[0]).trim().split('\n')).toEqual(['0', '1', '2', '3'])
  })
})
