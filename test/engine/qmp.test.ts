// The client of QEMU's machine protocol against a server that keeps to it, or does not.
import { mkdtemp, rm } from 'node:fs/promises'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Qmp, type QmpEvent } from '../../hosts/node/qemu/qmp.ts'
import { isBoxLiteError } from '../../src/error.ts'
import { errorCode } from '../error-code.ts'

const GREETING = '{"QMP":{"version":{"qemu":{"major":7,"minor":2,"micro":22}},"capabilities":[]}}\r\n'
const TIMEOUT_MS = 60_000

interface Command {
  readonly execute: string
  readonly arguments: unknown
  readonly id: number
}

describe('the QMP client', () => {
  let directory: string
  let server: Server
  let peer: Socket
  let events: QmpEvent[]
  let answer: (command: Command) => string | null

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'boxlite-qmp-'))
    events = []
    answer = ({ id }) => `{"return":{},"id":${id}}`
  })

  afterEach(async () => {
    peer?.destroy()
    await new Promise((resolve) => server.close(resolve))
    await rm(directory, { recursive: true, force: true })
  })

  /** Connects to a server that says `first`, and answers each command as `answer` does. */
  const connect = async (first = GREETING, timeoutMs = TIMEOUT_MS): Promise<Qmp> => {
    const path = join(directory, 'qmp.sock')
    server = createServer((socket) => {
      peer = socket
      // A client that gives up resets the connection.
      socket.on('error', () => socket.destroy())
      socket.write(first)
      let said = ''
      socket.on('data', (bytes) => {
        said += bytes.toString()
        const lines = said.split('\n')
        said = lines.pop()!
        for (const line of lines) {
          const reply = answer(JSON.parse(line) as Command)
          if (reply !== null) socket.write(`${reply}\r\n`)
        }
      })
    })
    await new Promise<void>((resolve) => server.listen(path, resolve))
    const socket = createConnection(path)
    await new Promise((resolve) => socket.once('connect', resolve))
    return Qmp.open(socket, (event) => void events.push(event), timeoutMs)
  }

  it('negotiates, asks and is answered', async () => {
    const qmp = await connect()
    answer = ({ execute, arguments: args, id }) => JSON.stringify({ return: { execute, args }, id })
    expect(await qmp.execute('query-status')).toEqual({ execute: 'query-status', args: {} })
    expect(await qmp.execute('stop', { a: 1 })).toEqual({ execute: 'stop', args: { a: 1 } })
    qmp.close()
    await qmp.closed
  })

  it('gives each answer to who asked, in whatever order and pieces they come', async () => {
    const qmp = await connect()
    const ids: number[] = []
    answer = ({ id }) => {
      ids.push(id)
      if (ids.length < 3) return null
      const line = ids.reverse().map((one) => `{"return":${one},"id":${one}}\r\n`).join('')
      for (const letter of line) peer.write(letter)
      return null
    }
    const answers = await Promise.all([qmp.execute('a'), qmp.execute('b'), qmp.execute('c')])
    expect(answers).toEqual([...ids].reverse())
  })

  it('hands events on, also between a command and its answer', async () => {
    const qmp = await connect()
    answer = ({ id }) => `{"event":"STOP","timestamp":{}}\r\n{"return":null,"id":${id}}\r\n{"event":"SHUTDOWN","data":{"reason":"guest-reset"}}`
    expect(await qmp.execute('stop')).toBeNull()
    await expect.poll(() => events).toEqual([{ event: 'STOP', data: {} }, { event: 'SHUTDOWN', data: { reason: 'guest-reset' } }])
  })

  it('makes a typed error of a refusal, and goes on', async () => {
    const qmp = await connect()
    answer = ({ id }) => `{"error":{"class":"GenericError","desc":"no such node"},"id":${id}}`
    const error = await qmp.execute('blockdev-add').catch((cause: unknown) => cause)
    expect(isBoxLiteError(error, 'io') && error.facts).toEqual({ command: 'blockdev-add', class: 'GenericError', description: 'no such node' })
    expect(String(error)).toContain('no such node')
    answer = ({ id }) => `{"return":1,"id":${id}}`
    expect(await qmp.execute('query-status')).toBe(1)
  })

  it('waits for no answer longer than it was told, and is over then', async () => {
    const qmp = await connect()
    answer = () => null
    const patient = errorCode(qmp.execute('stop'))
    expect(await errorCode(qmp.execute('query-status', {}, 1))).toBe('timeout')
    expect(await patient).toBe('timeout')
    expect(await errorCode(qmp.execute('query-status'))).toBe('timeout')
    await qmp.closed
  })

  it('fails what is asked when the other side is gone', async () => {
    const qmp = await connect()
    answer = () => {
      peer.destroy()
      return null
    }
    expect(await errorCode(qmp.execute('quit'))).toBe('io')
    await qmp.closed
    expect(await errorCode(qmp.execute('query-status'))).toBe('io')
  })

  it.each([
    ['no JSON', 'QEMU 7.2\r\n', 'io'],
    ['no object', '[1]\r\n', 'io'],
    ['a line without an end', 'x'.repeat(1024 * 1024 + 1), 'limit'],
    ['nothing', '', 'timeout'],
  ])('refuses a server that says %s', async (_what, first, expected) => {
    expect(await errorCode(connect(first, expected === 'timeout' ? 1 : TIMEOUT_MS))).toBe(expected)
  })

  it('passes over an answer that nobody waits for', async () => {
    const qmp = await connect()
    answer = ({ id }) => `{"return":1,"id":4711}\r\n{"return":1}\r\n{"return":2,"id":${id}}`
    expect(await qmp.execute('query-status')).toBe(2)
  })
})
