// One stream of a session: an execution, a file, a question. It begins with OPEN and is over with DONE.

import { deferred, type Deferred } from '../deferred.ts'
import { Fields } from './fields.ts'
import { Violation } from './frame.ts'
import type { Outbox } from './outbox.ts'
import { FrameType } from './protocol.ts'
import { ReceiveChannel } from './receive-channel.ts'
import { SendChannel } from './send-channel.ts'

export interface StreamOptions {
  /** Gives up waiting for a free stream. */
  readonly signal?: AbortSignal
  /** For what keeps the box itself going: takes one of the streams that are kept free for that. */
  readonly reserved?: boolean
}

/** What DONE says. */
export interface StreamResult {
  /** Linux's error number, 0 for none. */
  readonly errno: number
  readonly fields: Fields
}

/** Why a stream takes no more bytes: it is over. */
export class StreamOver extends Error {}

export class AgentStream {
  readonly #outbox: Outbox
  readonly #id: number
  readonly #opened: Deferred<number> = deferred()
  readonly #done: Deferred<StreamResult> = deferred()
  #over = false
  /** DATA 0. */
  readonly input: SendChannel
  /** DATA 1. */
  readonly output: ReceiveChannel
  /** DATA 2. */
  readonly errors: ReceiveChannel

  /** Made by the session, which has sent OPEN. */
  constructor(outbox: Outbox, id: number) {
    this.#outbox = outbox
    this.#id = id
    this.input = new SendChannel(() => outbox.wake(id, this.input))
    this.output = new ReceiveChannel((bytes) => this.#post(FrameType.WINDOW, windowPayload(1, bytes)))
    this.errors = new ReceiveChannel((bytes) => this.#post(FrameType.WINDOW, windowPayload(2, bytes)))
  }

  /** The process id, when an execution has begun. Rejects with `StreamOver` when it never did, and when the session ended. */
  get opened(): Promise<number> {
    return this.#opened.promise
  }

  /** The agent's answer. Rejects only when the session ended before. */
  get done(): Promise<StreamResult> {
    return this.#done.promise
  }

  /** Sends a signal to the process group; nothing when the stream is over. */
  signal(signal: number): void {
    this.#post(FrameType.SIGNAL, new Uint8Array([signal]))
  }

  /** Says how large the terminal is; nothing when the stream is over. */
  resize(columns: number, rows: number): void {
    const payload = new Uint8Array(4)
    new DataView(payload.buffer).setUint16(0, columns, true)
    new DataView(payload.buffer).setUint16(2, rows, true)
    this.#post(FrameType.RESIZE, payload)
  }

  /** Ends it: what runs is killed, output is dropped, `done` follows. Nothing when the stream is over. */
  cancel(): void {
    this.#post(FrameType.CANCEL)
    this.input.close(new StreamOver('the stream was cancelled'))
    this.output.discard()
    this.errors.discard()
  }

  /** For the session: a frame of the stream has come. True when it was the last. */
  receive(type: number, payload: Uint8Array): boolean {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
    switch (type) {
      case FrameType.OPENED:
        if (payload.length !== 4) throw new Violation('an OPENED that is none')
        this.#opened.resolve(view.getUint32(0, true))
        return false
      case FrameType.END:
        if (payload.length !== 1) throw new Violation('an END that is none')
        this.#receiver(view.getUint8(0)).end()
        return false
      case FrameType.WINDOW:
        if (payload.length !== 5 || payload[0] !== 0) throw new Violation('a WINDOW that is none')
        this.input.addCredit(view.getUint32(1, true))
        return false
      case FrameType.DONE:
        if (payload.length < 4) throw new Violation('a DONE that is none')
        this.#finish({ errno: view.getUint32(0, true), fields: new Fields(payload.subarray(4)) })
        return true
      default:
        throw new Violation(`a frame of type ${type} on a stream`)
    }
  }

  /** For the session: a part of DATA has come. */
  receiveData(type: number, part: Uint8Array): void {
    this.#receiver(type - FrameType.DATA0).take(part)
  }

  /** For the session: it ended. */
  fail(why: unknown): void {
    this.#over = true
    this.input.close(why)
    this.output.fail(why)
    this.errors.fail(why)
    this.#opened.reject(why)
    this.#done.reject(why)
  }

  #finish(result: StreamResult): void {
    this.#over = true
    this.output.end()
    this.errors.end()
    const over = new StreamOver('the stream is over')
    this.input.close(over)
    this.#opened.reject(over)
    this.#done.resolve(result)
  }

  #receiver(channel: number): ReceiveChannel {
    if (channel === 1) return this.output
    if (channel === 2) return this.errors
    throw new Violation(`a frame for channel ${channel}`)
  }

  #post(type: number, payload?: Uint8Array): void {
    if (!this.#over) this.#outbox.post(type, this.#id, payload)
  }
}

function windowPayload(channel: number, bytes: number): Uint8Array {
  const payload = new Uint8Array(5)
  payload[0] = channel
  new DataView(payload.buffer).setUint32(1, bytes, true)
  return payload
}
