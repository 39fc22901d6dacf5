// A session with the agent of a running box: the only client of docs/agent-protocol.md.

import type { ByteChannel } from '../engine.ts'
import { BoxLiteError } from '../error.ts'
import { AgentStream, type StreamOptions } from './agent-stream.ts'
import { AgentCalls } from './calls.ts'
import { deferred, type Deferred } from '../deferred.ts'
import { encodeFields, fieldsBytes, type Field } from './fields.ts'
import { Violation } from './frame.ts'
import { decodeHello, HelloHunter, openingBytes, type AgentHello } from './hello.ts'
import { Outbox } from './outbox.ts'
import { FrameType, Protocol } from './protocol.ts'
import { Slots } from './slots.ts'
import { within } from './within.ts'

export interface SessionOptions {
  /** Nothing was ever said on this channel. */
  readonly fresh: boolean
  /** 16 random bytes that no session had before. */
  readonly nonce: Uint8Array
  /** How long the agent may take to answer. */
  readonly timeoutMs: number
}

/** Streams that executions and files never take, so that a full box can still be frozen and shut down. */
const RESERVED_STREAMS = 4
const MAX_STREAM_ID = 2 ** 24 - 1

export class AgentSession extends AgentCalls {
  readonly #channel: ByteChannel
  readonly #outbox: Outbox
  readonly #streams = new Map<number, AgentStream>()
  readonly #pings: Deferred<void>[] = []
  readonly #hello: Deferred<AgentHello> = deferred()
  readonly #closed: Deferred<BoxLiteError | null> = deferred()
  #slots = new Slots(Protocol.MAX_STREAMS - RESERVED_STREAMS)
  #reserved = new Slots(RESERVED_STREAMS)
  #answered: AgentHello | null = null
  #ended: BoxLiteError | null = null
  #lastId = 0

  private constructor(channel: ByteChannel, nonce: Uint8Array) {
    super()
    this.#channel = channel
    this.#outbox = new Outbox(channel, (error) => this.#end(lost('nothing can be written to its channel', error)))
    const hunter = new HelloHunter(nonce, {
      control: (type, stream, payload) => this.#control(type, stream, payload),
      data: (type, stream, part) => this.#open(stream).receiveData(type, part),
    })
    channel.receive((chunk) => this.#receive(hunter, chunk))
    void channel.closed.then(() => this.#end(lost('its channel was closed')))
  }

  /**
   * Begins a session. Rejects with `timeout` when no agent answers, `unsupported` when it speaks another protocol, `io` when the
   * channel closed; the channel is closed then.
   */
  static async open(channel: ByteChannel, { fresh, nonce, timeoutMs }: SessionOptions): Promise<AgentSession> {
    if (nonce.length !== Protocol.NONCE_BYTES) throw new Error(`a nonce has ${Protocol.NONCE_BYTES} bytes`)
    const session = new AgentSession(channel, nonce)
    try {
      const writing = channel.write(openingBytes(nonce, fresh)).then(() => session.#hello.promise)
      const answer = Promise.race([writing, session.#hello.promise])
      const { protocolVersion, agentVersion, maxStreams } = await within(timeoutMs, 'The agent of the box', answer)
      if (protocolVersion !== Protocol.VERSION) throw otherProtocol(protocolVersion, agentVersion)
      session.#slots = new Slots(Math.max(1, Math.min(maxStreams, Protocol.MAX_STREAMS) - RESERVED_STREAMS))
      return session
    } catch (error) {
      session.#end(error instanceof BoxLiteError ? error : lost('nothing can be written to its channel', error))
      throw session.#ended
    }
  }

  /** What the agent said of itself. */
  get hello(): AgentHello {
    if (this.#answered === null) throw new Error('the session is not open yet')
    return this.#answered
  }

  /** Whether nothing is asked of the agent at this moment. */
  get isIdle(): boolean {
    return this.#streams.size === 0
  }

  /** Resolves, and never rejects, when the session ended: with why, or null after `close`. */
  get closed(): Promise<BoxLiteError | null> {
    return this.#closed.promise
  }

  /** Ends the session and closes its channel: what runs is killed. Calls that wait reject with `reason`. */
  close(reason?: BoxLiteError): Promise<void> {
    this.#end(reason ?? new BoxLiteError('invalid_state', 'The session with the box was closed'), reason ?? null)
    return this.#channel.close()
  }

  /** Resolves when the agent has answered. */
  async ping({ timeoutMs = 5000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    if (this.#ended !== null) throw this.#ended
    const answer = deferred<void>()
    this.#pings.push(answer)
    this.#outbox.post(FrameType.PING, 0)
    await within(timeoutMs, 'The agent of the box', answer.promise)
  }

  /** Opens a stream; waits while all of the agent's are taken. The answer comes in its `done`. */
  async openStream(kind: number, fields: readonly Field[], { signal, reserved = false }: StreamOptions = {}): Promise<AgentStream> {
    const lengthBytes = fieldsBytes(fields) + 1
    if (lengthBytes > Protocol.MAX_PAYLOAD_BYTES) throw tooLong(lengthBytes)
    const slots = reserved ? this.#reserved : this.#slots
    await slots.take(signal)
    // It may have ended while the turn came.
    if (this.#ended !== null) throw this.#ended
    const id = this.#freeId()
    const stream = new AgentStream(this.#outbox, id)
    this.#streams.set(id, stream)
    this.#outbox.post(FrameType.OPEN, id, encodeFields(fields, new Uint8Array([kind])))
    void stream.done.then(() => slots.giveBack(), () => {})
    return stream
  }

  #freeId(): number {
    do this.#lastId = (this.#lastId % MAX_STREAM_ID) + 1
    while (this.#streams.has(this.#lastId))
    return this.#lastId
  }

  #receive(hunter: HelloHunter, chunk: Uint8Array): void {
    if (this.#ended !== null) return
    try {
      hunter.push(chunk)
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      this.#end(error)
    }
  }

  #control(type: number, stream: number, payload: Uint8Array): void {
    if (stream !== 0) {
      if (this.#open(stream).receive(type, payload)) this.#streams.delete(stream)
    } else if (type === FrameType.HELLO && this.#answered === null) {
      this.#answered = decodeHello(payload)
      this.#hello.resolve(this.#answered)
    } else if (type === FrameType.PING) {
      const ping = this.#pings.shift()
      if (ping === undefined) throw new Violation('an answer to no question')
      ping.resolve()
    } else if (type === FrameType.GOAWAY) {
      this.#end(lost(`it said '${new TextDecoder().decode(payload)}'`))
    } else throw new Violation(`a frame of type ${type} on the session`)
  }

  #open(id: number): AgentStream {
    const stream = this.#streams.get(id)
    if (stream === undefined) throw new Violation(`a frame for stream ${id}, which is not open`)
    return stream
  }

  #end(why: BoxLiteError, reported: BoxLiteError | null = why): void {
    if (this.#ended !== null) return
    this.#ended = why
    this.#outbox.close()
    this.#slots.fail(why)
    this.#reserved.fail(why)
    this.#hello.reject(why)
    for (const ping of this.#pings.splice(0)) ping.reject(why)
    for (const stream of this.#streams.values()) stream.fail(why)
    this.#streams.clear()
    this.#closed.resolve(reported)
    // Why the session ended is known already; that its channel cannot be closed well adds nothing.
    this.#channel.close().catch(() => {})
  }
}

function lost(why: string, cause?: unknown): BoxLiteError {
  return new BoxLiteError('io', `The connection to the agent of the box is lost: ${why}`, {
    remedy: 'See what the guest said last in box.logs(), and start the box again.',
    cause,
  })
}

function otherProtocol(protocolVersion: number, agentVersion: string): BoxLiteError {
  return new BoxLiteError('unsupported', `The agent in the box speaks no protocol that this version of boxlite knows (${Protocol.VERSION})`, {
    remedy: 'Use the guest files that belong to this version of boxlite, and start the box again.',
    facts: { protocolVersion, agentVersion },
  })
}

function tooLong(lengthBytes: number): BoxLiteError {
  return new BoxLiteError('invalid_argument', `The request takes ${lengthBytes} bytes; it may take ${Protocol.MAX_PAYLOAD_BYTES}`, {
    remedy: 'Shorten the arguments and the environment; give long input through standard input or a file.',
    facts: { lengthBytes, limitBytes: Protocol.MAX_PAYLOAD_BYTES },
  })
}
