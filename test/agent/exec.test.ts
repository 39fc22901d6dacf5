import { constants } from 'node:os'
import { describe, expect, it } from 'vitest'
import { FrameType, Protocol } from '../../src/agent/protocol.ts'
import { exitOf, u16, u32 } from './raw-session.ts'
import { useAgent } from './use-agent.ts'

const { errno, signals } = constants
const withInput = [6, u32(1)] as const

describe('an exec', () => {
  const test = useAgent()

  it('gives both outputs, their ends, and the exit code, in this order', async () => {
    const outcome = await test.session.run(1, ['/bin/sh', '-c', 'echo out; echo err >&2; exit 7'])
    expect(outcome.outputs.map(String)).toEqual(['out\n', 'err\n'])
    expect(exitOf(outcome)).toEqual([0, 7])
    expect(outcome.order[0]).toBe(FrameType.OPENED)
    expect(outcome.order.slice(-2)).toEqual([FrameType.END, FrameType.DONE])
  })

  it('says which signal ended it', async () => {
    const outcome = await test.session.run(1, ['/bin/sh', '-c', 'kill -TERM $$'])
    expect(exitOf(outcome)).toEqual([1, signals.SIGTERM])
  })

  it('finds its program in the PATH of its own environment', async () => {
    expect(exitOf(await test.session.run(1, ['true'], [[2, 'PATH=/nowhere:/bin:/usr/bin']]))).toEqual([0, 0])
    const missing = await test.session.run(2, ['true'], [[2, 'PATH=/nowhere']])
    expect(missing.error).toBe(errno.ENOENT)
    expect(String(missing.result.get(3))).toBe('execve')
    expect(missing.order).toEqual([FrameType.DONE])
  })

  it('names the step that failed', async () => {
    const steps = async (stream: number, words: string[], more: readonly (readonly [number, string])[]): Promise<[number, string]> => {
      const outcome = await test.session.run(stream, words, more)
      return [outcome.error, String(outcome.result.get(3))]
    }
    expect(await steps(1, ['/nowhere/program'], [])).toEqual([errno.ENOENT, 'execve'])
    expect(await steps(2, ['/etc/passwd'], [])).toEqual([errno.EACCES, 'execve'])
    expect(await steps(3, ['/bin/true'], [[3, '/nowhere']])).toEqual([errno.ENOENT, 'chdir'])
    expect(await steps(4, ['/bin/true'], [[4, 'nobody-of-this-name']])).toEqual([errno.ENOENT, 'user'])
  })

  it('is root with the variables that a login sets, unless the host set them', async () => {
    const outcome = await test.session.run(1, ['/usr/bin/env'], [[2, 'HOME=/elsewhere'], [2, 'A=1=2']])
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
    test.session.exec(1, ['cat'], [withInput])
    const sent = Buffer.from(Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * 7919) >> 3))
    const outcome = test.session.finish(1)
    let credit: number = Protocol.WINDOW_BYTES
    for (let at = 0; at < sent.length;) {
      const piece = sent.subarray(at, at + Math.min(credit, Protocol.MAX_PAYLOAD_BYTES))
      test.session.data(1, piece)
      at += piece.length
      credit -= piece.length
      if (credit === 0) credit += (await test.session.next(FrameType.WINDOW, 1)).payload.readUInt32LE(1)
    }
    test.session.end(1)
    const { outputs } = await outcome
    expect(outputs[0].equals(sent)).toBe(true)
  })

  it('passes on what a program writes in pieces of any size, on both outputs', async () => {
    const write = 'dd if=list bs=$size status=none'
    const script = `seq 1 400000 > list; for size in 1000 5000 17000 70001 300000; do ${write}; ${write} >&2; done`
    const { outputs } = await test.session.run(1, ['/bin/sh', '-c', script], [[3, test.folder]])
    const list = Array.from({ length: 400_000 }, (_, index) => `${index + 1}\n`).join('')
    const expected = Buffer.from(list.repeat(5))
    expect(outputs.map((output) => output.equals(expected))).toEqual([true, true])
  })

  it('is not held up by a program that reads its own output', async () => {
    const reader = 'head -c 40000000 /dev/zero & cat /proc/self/fd/1 > /dev/null & wait $!; kill $!; wait'
    test.session.exec(1, ['timeout', '1', '/bin/sh', '-c', reader])
    const outcome = await test.session.finish(1)
    expect(outcome.outputs[0].every((byte) => byte === 0)).toBe(true)
    expect(exitOf(await test.session.run(2, ['true']))).toEqual([0, 0])
  })

  it('has no input unless it was asked for', async () => {
    const outcome = await test.session.run(1, ['cat'])
    expect(outcome.outputs[0].length).toBe(0)
    expect(exitOf(outcome)).toEqual([0, 0])
  })

  it('waits in its own write when its reader gives no credit, and holds nobody else up', async () => {
    test.session.exec(1, ['/bin/sh', '-c', 'head -c 4000000 /dev/zero; echo done >&2'])
    let got = 0
    while (got < Protocol.WINDOW_BYTES) got += (await test.session.next(FrameType.DATA1, 1)).payload.length
    expect(got).toBe(Protocol.WINDOW_BYTES)
    expect(exitOf(await test.session.run(2, ['true']))).toEqual([0, 0])
    expect(test.session.inbox.filter(({ stream }) => stream === 1).map(({ type }) => type)).toEqual([FrameType.OPENED])
    test.session.credit(1, 1, got)
    const outcome = await test.session.finish(1)
    expect(outcome.outputs[0].length).toBe(4_000_000 - got)
    expect(String(outcome.outputs[1])).toBe('done\n')
  })

  it('is signalled with its whole process group', async () => {
    test.session.exec(1, ['/bin/sh', '-c', 'sleep 1000 & echo up; wait'])
    await test.session.next(FrameType.DATA1, 1)
    test.session.send(FrameType.SIGNAL, 1, Buffer.of(signals.SIGTERM))
    const outcome = await test.session.finish(1)
    expect(exitOf(outcome)).toEqual([1, signals.SIGTERM])
  })

  it('is killed by CANCEL, which drops its output', async () => {
    test.session.exec(1, ['/bin/sh', '-c', 'trap "" TERM INT; yes'])
    await test.session.next(FrameType.DATA1, 1)
    test.session.send(FrameType.CANCEL, 1)
    const outcome = await test.session.finish(1)
    expect(exitOf(outcome)).toEqual([1, signals.SIGKILL])
    expect(outcome.order.at(-2)).not.toBe(FrameType.END)
  })

  it('does not wait for descendants that keep its output open', async () => {
    const outcome = await test.session.run(1, ['/bin/sh', '-c', 'sleep 1000 & echo $!'])
    expect(exitOf(outcome)).toEqual([0, 0])
    process.kill(Number(String(outcome.outputs[0])), 'SIGKILL')
  })

  it('starts with every signal at its default and none blocked', async () => {
    const outcome = await test.session.run(1, ['cat', '/proc/self/status'])
    expect(String(outcome.outputs[0]).match(/(?<=^Sig(?:Blk|Ign|Cgt):\t).*$/gm)).toEqual(['0'.repeat(16), '0'.repeat(16), '0'.repeat(16)])
  })

  it('inherits nothing of the agent', async () => {
    const outcome = await test.session.run(1, ['/bin/sh', '-c', 'ls /proc/self/fd'])
    // The fourth is the directory that ls reads.
    expect(String(outcome.outputs[0]).trim().split('\n')).toEqual(['0', '1', '2', '3'])
  })

  it('runs on a terminal, which knows its size and hears of a new one', async () => {
    const terminal = [5, Buffer.concat([u16(91), u16(33)])] as const
    // In `wait`: dash loses a signal that comes while it starts a program.
    const script = 'sleep 1000 & trap "stty size; kill $!; exit 3" WINCH; stty size; echo ready; wait'
    test.session.exec(1, ['/bin/sh', '-c', script], [terminal, [6, u32(3)]])
    let seen = ''
    while (!seen.includes('ready')) seen += String((await test.session.next(FrameType.DATA1, 1)).payload)
    test.session.send(FrameType.RESIZE, 1, Buffer.concat([u16(120), u16(40)]))
    const outcome = await test.session.finish(1)
    expect((seen + String(outcome.outputs[0])).split('\r\n')).toEqual(['33 91', 'ready', '40 120', ''])
    expect(outcome.outputs[1].length).toBe(0)
    expect(exitOf(outcome)).toEqual([0, 3])
  })

  it('ends the input of a terminal with its end-of-file character', async () => {
    const terminal = [5, Buffer.concat([u16(80), u16(24)])] as const
    const script = 'stty -echo; echo ready; cat; tty -s && echo a terminal; echo $TERM'
    test.session.exec(1, ['/bin/sh', '-c', script], [terminal, [6, u32(3)]])
    await test.session.next(FrameType.DATA1, 1)
    test.session.data(1, 'typed\n')
    test.session.end(1)
    expect(String((await test.session.finish(1)).outputs[0])).toBe('typed\r\na terminal\r\nxterm-256color\r\n')
  })

  it('mixes both outputs in order where that was asked for', async () => {
    const outcome = await test.session.run(1, ['/bin/sh', '-c', 'echo 1; echo 2 >&2; echo 3'], [[6, u32(2)]])
    expect(outcome.outputs.map(String)).toEqual(['1\n2\n3\n', ''])
    expect(outcome.order.filter((type) => type === FrameType.END)).toHaveLength(1)
  })

  it('works in the directory it was given, else in the root', async () => {
    expect(String((await test.session.run(1, ['pwd'], [[3, test.folder]])).outputs[0])).toBe(`${test.folder}\n`)
    expect(String((await test.session.run(2, ['pwd'])).outputs[0])).toBe('/\n')
  })

  it('becomes the user it was given: by name, by number, with a group', async (ctx) => {
    if (process.getuid!() !== 0) ctx.skip('only root can become somebody else')
    const who = async (user: string): Promise<string> => {
      const outcome = await test.session.run(1, ['/bin/sh', '-c', 'id -u; id -g; echo $HOME $USER'], [[4, user]])
      return String(outcome.outputs[0])
    }
    expect(await who('daemon')).toBe('1\n1\n/usr/sbin daemon\n')
    expect(await who('1')).toBe('1\n1\n/usr/sbin daemon\n')
    expect(await who('daemon:tty')).toBe('1\n5\n/usr/sbin daemon\n')
    expect(await who('4242:4343')).toBe('4242\n4343\n/ 4242\n')
  })

  it('drops input that nobody reads, and gives its credit back', async () => {
    test.session.exec(1, ['/bin/sh', '-c', 'exec <&-; echo closed; sleep 1000'], [withInput])
    await test.session.next(FrameType.DATA1, 1)
    const piece = Buffer.alloc(Protocol.MAX_PAYLOAD_BYTES)
    for (let sent = 0; sent < Protocol.WINDOW_BYTES; sent += piece.length) test.session.data(1, piece)
    let given = 0
    while (given < Protocol.WINDOW_BYTES) given += (await test.session.next(FrameType.WINDOW, 1)).payload.readUInt32LE(1)
    test.session.send(FrameType.CANCEL, 1)
    await test.session.finish(1)
  })

  it('holds no more of its input than the window, and none of it is lost', async () => {
    test.session.exec(1, ['/bin/sh', '-c', 'read go; wc -c'], [withInput])
    test.session.data(1, 'go\n')
    const rest = Buffer.alloc(Protocol.WINDOW_BYTES - 3, 1)
    for (let sent = 0; sent < rest.length; sent += 32_765) test.session.data(1, rest.subarray(sent, sent + 32_765))
    test.session.end(1)
    expect(String((await test.session.finish(1)).outputs[0]).trim()).toBe(String(rest.length))
  })

  it('takes arguments and variables as bytes, up to a frame', async () => {
    const long = 'x'.repeat(60_000)
    const outcome = await test.session.run(1, ['printf', '%s', long])
    expect(outcome.outputs[0].length).toBe(long.length)
    test.session.open(2, 1, [[1, 'printf'], [1, '%s'], [1, Buffer.of(0xff, 0xfe)]])
    expect([...(await test.session.finish(2)).outputs[0]]).toEqual([0xff, 0xfe])
  })
})
