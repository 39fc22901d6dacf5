// A client of QEMU's machine protocol: one JSON object per line, over a local socket.
//
//   QEMU    {"QMP": ...}                                        the greeting
//   client  {"execute": "qmp_capabilities", "id": 1}            ends the negotiation
//   client  {"execute": NAME, "arguments": {...}, "id": N}
//   QEMU    {"return": ..., "id": N} | {"error": {"class", "desc"}, "id": N}
//   QEMU    {"event": NAME, "data": {...}}                      at any time

import type { Socket } from 'node:net'
import { BoxLiteError } from '../../../src/error.ts'

/** Longest line that is taken; the longest answer that is asked for has some hundred bytes. */
const LINE_LIMIT_BYTES = 1024 * 1024
const ANSWER_TIMEOUT_MS = 10_000

/** What QEMU tells without being asked. */
export interface QmpEvent {
  readonly event: string
  readonly data: Readonly<Record<string, unknown>>
}

interface Pending {
  readonly command: string
  readonly timer: NodeJS.Timeout
  resolve(value: unknown): void
  reject(error: BoxLiteError): void
}

/** One session. Commands are answered in order; each is bounded in time. */
export class Qmp {
  /** Resolves when the connection is gone, for whatever reason. */
  readonly closed: Promise<void>
  readonly #socket: Socket
  readonly #onEvent: (event: QmpEvent) => void
  readonly #pending = new Map<number, Pending>()
  #chunks: Buffer[] = []
  #held = 0
  #lastId = 0
  #failure: BoxLiteError | null = null

  private constructor(socket: Socket, onEvent: (event: QmpEvent) => void) {
    this.#socket = socket
    this.#onEvent = onEvent
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', (cause) => this.#fail(new BoxLiteError('io', 'The connection to QEMU broke', { cause })))
    socket.on('close', () => this.#fail(new BoxLiteError('io', 'QEMU closed the connection')))
  }

  /** Takes over a connected socket and negotiates. Rejects with `timeout` when nothing greets, `io` when it hangs up. */
  static async open(socket: Socket, onEvent: (event: QmpEvent) => void, timeoutMs: number): Promise<Qmp> {
    const qmp = new Qmp(socket, onEvent)
    try {
      await qmp.#greeting(timeoutMs)
      await qmp.execute('qmp_capabilities', {}, timeoutMs)
    } catch (error) {
      qmp.close()
      throw error
    }
    return qmp
  }

  /**
   * Runs one command and resolves with what it returned. Rejects with `io` when QEMU refuses (facts `class`, `description`) or
   * is gone, and with `timeout`; after that the session is over, since nobody knows what became of the command.
   */
  execute(command: string, args: Readonly<Record<string, unknown>> = {}, timeoutMs: number = ANSWER_TIMEOUT_MS): Promise<unknown> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(new BoxLiteError('timeout', `QEMU did not answer ${command} in ${timeoutMs} ms`)), timeoutMs)
      this.#pending.set(id, { command, timer, resolve, reject })
      this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #greeting(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(new BoxLiteError('timeout', `QEMU did not greet in ${timeoutMs} ms`)), timeoutMs)
      this.#pending.set(0, { command: 'greeting', timer, resolve: () => resolve(), reject })
    })
  }

  #take(chunk: Buffer): void {
    let rest = chunk
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const line = Buffer.concat([...this.#chunks, rest.subarray(0, end)]).toString('utf8')
      this.#chunks = []
      this.#held = 0
      rest = rest.subarray(end + 1)
      if (line.trim() !== '') this.#line(line)
    }
    if (rest.length === 0) return
    this.#chunks.push(rest)
    this.#held += rest.length
    if (this.#held > LINE_LIMIT_BYTES) this.#fail(new BoxLiteError('limit', `A line from QEMU is longer than ${LINE_LIMIT_BYTES} bytes`))
  }

  #line(line: string): void {
    const message = parse(line)
    if (message === null) {
      this.#fail(new BoxLiteError('io', 'QEMU sent a line that is no JSON object', { facts: { line: line.slice(0, 200) } }))
    } else if ('QMP' in message) {
      this.#settle(0)?.resolve(null)
    } else if (typeof message['event'] === 'string') {
      this.#onEvent({ event: message['event'], data: asObject(message['data']) })
    } else {
      this.#answer(message)
    }
  }

  #answer(message: Readonly<Record<string, unknown>>): void {
    const pending = this.#settle(message['id'] as number)
    if (pending === null) return
    if (!('error' in message)) {
      pending.resolve(message['return'])
      return
    }
    const { class: kind, desc: description } = asObject(message['error'])
    pending.reject(
      new BoxLiteError('io', `QEMU refused ${pending.command}: ${String(description)}`, {
        facts: { command: pending.command, class: kind, description },
      }),
    )
  }

  #settle(id: number): Pending | null {
    const pending = this.#pending.get(id)
    if (pending === undefined) return null
    clearTimeout(pending.timer)
    this.#pending.delete(id)
    return pending
  }

  /** Ends the session: what is asked or will be asked fails with `error`. */
  #fail(error: BoxLiteError): void {
    this.#failure ??= error
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(this.#failure)
    this.#socket.destroy()
  }
}

function parse(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
