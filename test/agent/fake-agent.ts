// An agent made of a few lines, in memory: it does what a test tells it, also what no agent may do.

import type { ByteChannel } from '../../src/engine.ts'
import { encodeFields, type Field } from '../../src/agent/fields.ts'
import { encodeFrame, FrameParser } from '../../src/agent/frame.ts'
import { FrameType, Protocol } from '../../src/agent/protocol.ts'

/** How bytes from the agent are cut on their way. */
export type Split = (bytes: Uint8Array) => Uint8Array[]

export const NONCE: Uint8Array = Uint8Array.from({ length: 16 }, (_value, index) => 200 + index)

const MAGIC = new TextEncoder().encode('boxlite-agent\r\n\x1a')

/** The agent's side of one stream. */
export class FakeStream {
  readonly agent: FakeAgent
  readonly id: number
  readonly kind: number
  /** Every field of OPEN, in order. */
  readonly fields: readonly Field[]
  /** What came on DATA 0. */
  readonly input: Uint8Array[] = []
  readonly signals: number[] = []
  readonly sizes: [number, number][] = []
  inputEnded = false
  cancelled = false
  /** What may be sent on channels 1 and 2. */
  readonly credit = [0, Protocol.WINDOW_BYTES, Protocol.WINDOW_BYTES]
  readonly #waiting: (() => void)[] = []
  onInput: (bytes: Uint8Array) => void = (bytes) => this.giveCredit(bytes.length)

  constructor(agent: FakeAgent, id: number, kind: number, fields: readonly Field[]) {
    this.agent = agent
    this.id = id
    this.kind = kind
    this.fields = fields
  }

  text(tag: number): string | undefined {
    const field = this.fields.find((candidate) => candidate.tag === tag)
    return field === undefined ? undefined : new TextDecoder().decode(field.value)
  }

  texts(tag: number): string[] {
    return this.fields.filter((field) => field.tag === tag).map(({ value }) => new TextDecoder().decode(value))
  }

  number(tag: number): number {
    const { value } = this.fields.find((field) => field.tag === tag)!
    return new DataView(value.buffer, value.byteOffset).getUint32(0, true)
  }

  get inputText(): string {
    return new TextDecoder().decode(Buffer.concat(this.input))
  }

  post(type: number, payload?: Uint8Array): void {
    this.agent.post(type, this.id, payload)
  }

  opened(processId = 7): void {
    this.post(FrameType.OPENED, u32(processId))
  }

  /** Sends within the credit: waits for more where it has to. */
  async send(channel: 1 | 2, bytes: Uint8Array | string, frameBytes: number = Protocol.MAX_PAYLOAD_BYTES): Promise<void> {
    const all = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes
    for (let at = 0; at < all.length; ) {
      while (this.credit[channel] === 0) await this.changed()
      const part = all.subarray(at, at + Math.min(frameBytes, this.credit[channel]!))
      this.credit[channel]! -= part.length
      at += part.length
      this.post(FrameType.DATA0 + channel, part)
    }
  }

  end(channel: number): void {
    this.post(FrameType.END, new Uint8Array([channel]))
  }

  giveCredit(bytes: number): void {
    this.post(FrameType.WINDOW, new Uint8Array([0, ...u32(bytes)]))
  }

  done(errno = 0, fields: readonly Field[] = []): void {
    this.post(FrameType.DONE, encodeFields(fields, u32(errno)))
    this.agent.streams.delete(this.id)
  }

  /** Ends an execution well. */
  exit(code: number): void {
    this.end(1)
    this.end(2)
    this.done(0, [{ tag: 1, value: new Uint8Array([0]) }, { tag: 2, value: u32(code) }])
  }

  killed(signal: number): void {
    this.done(0, [{ tag: 1, value: new Uint8Array([1]) }, { tag: 2, value: u32(signal) }])
  }

  /** Resolves when anything of the stream has come. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.changed()
  }

  receive(type: number, payload: Uint8Array): void {
    const view = new DataView(payload.buffer, payload.byteOffset)
    if (type === FrameType.END) this.inputEnded = true
    else if (type === FrameType.SIGNAL) this.signals.push(payload[0]!)
    else if (type === FrameType.CANCEL) this.cancelled = true
    else if (type === FrameType.WINDOW) this.credit[payload[0]!]! += view.getUint32(1, true)
    else if (type === FrameType.RESIZE) this.sizes.push([view.getUint16(0, true), view.getUint16(2, true)])
    else throw new Error(`the host sent a frame of type ${type} on a stream`)
    this.#tell()
  }

  receiveData(part: Uint8Array): void {
    this.input.push(part)
    this.onInput(part)
    this.#tell()
  }

  #tell(): void {
    for (const tell of this.#waiting.splice(0)) tell()
  }
}

export class FakeAgent {
  /** The host's end. */
  readonly channel: ByteChannel
  readonly streams = new Map<number, FakeStream>()
  /** Every byte that the host sent. */
  readonly received: Uint8Array[] = []
  /** Bytes before the host's HELLO, and whether the HELLO has come. */
  skippedBytes = 0
  greeted = false
  closed = false
  /** Set: the host's writes wait. */
  stalled: Promise<void> | null = null
  onHello: (nonce: Uint8Array) => void = (nonce) => this.hello(nonce)
  onOpen: (stream: FakeStream) => void = () => {}
  #receiver: ((bytes: Uint8Array) => void) | null = null
  #early: Uint8Array[] = []
  readonly #split: Split
  readonly #opens: ((stream: FakeStream) => void)[] = []
  #hunting = new Uint8Array(0)
  readonly #parser: FrameParser

  constructor(split: Split = (bytes) => [bytes]) {
    this.#split = split
    let close = (): void => {}
    const closed = new Promise<void>((resolve) => {
      close = resolve
    })
    this.#parser = new FrameParser({
      control: (type, stream, payload) => this.#control(type, stream, payload),
      data: (_type, stream, part) => this.streams.get(stream)?.receiveData(part.slice()),
    })
    this.channel = {
      closed,
      write: async (bytes) => {
        if (this.closed) throw new Error('the channel is closed')
        await this.stalled
        this.#take(bytes.slice())
      },
      receive: (receiver) => {
        this.#receiver = receiver
        for (const chunk of this.#early.splice(0)) receiver(chunk)
      },
      close: () => {
        this.closed = true
        close()
        return Promise.resolve()
      },
    }
  }

  /** Sends bytes as they are, cut as the test wants. */
  raw(bytes: Uint8Array): void {
    for (const chunk of this.#split(bytes)) {
      if (this.#receiver === null) this.#early.push(chunk)
      else this.#receiver(chunk.slice())
    }
  }

  post(type: number, stream: number, payload?: Uint8Array): void {
    this.raw(encodeFrame(type, stream, payload))
  }

  hello(nonce: Uint8Array, { version = 1, maxStreams = 64 } = {}): void {
    const text = new TextEncoder()
    const fields = [{ tag: 1, value: text.encode('6.1.0') }, { tag: 2, value: text.encode('0.1.0') }, { tag: 3, value: u32(maxStreams) }]
    this.post(FrameType.HELLO, 0, encodeFields(fields, Buffer.concat([nonce, new Uint8Array([version, 0, 0, 0])])))
  }

  /** The next stream that the host opens. */
  nextOpen(): Promise<FakeStream> {
    return new Promise((resolve) => this.#opens.push(resolve))
  }

  #take(bytes: Uint8Array): void {
    this.received.push(bytes)
    if (this.greeted) return this.#parser.push(bytes)
    const all = Buffer.concat([this.#hunting, bytes])
    const at = all.indexOf(MAGIC) - Protocol.HEADER_BYTES
    this.#hunting = all
    if (at < 0) return
    this.skippedBytes = at
    this.greeted = true
    this.#parser.push(new Uint8Array(all.subarray(at)))
  }

  #control(type: number, stream: number, payload: Uint8Array): void {
    if (type === FrameType.HELLO) this.onHello(payload.slice(MAGIC.length, MAGIC.length + Protocol.NONCE_BYTES))
    else if (type === FrameType.PING) this.post(FrameType.PING, 0, payload)
    else if (type === FrameType.OPEN) this.#open(stream, payload)
    else this.streams.get(stream)?.receive(type, payload)
  }

  #open(id: number, payload: Uint8Array): void {
    const stream = new FakeStream(this, id, payload[0]!, decodeFields(payload.subarray(1)))
    this.streams.set(id, stream)
    this.onOpen(stream)
    this.#opens.shift()?.(stream)
  }
}

export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}

function decodeFields(payload: Uint8Array): Field[] {
  const fields: Field[] = []
  const view = new DataView(payload.buffer, payload.byteOffset)
  for (let at = 0; at < payload.length; ) {
    const end = at + 5 + view.getUint32(at + 1, true)
    fields.push({ tag: payload[at]!, value: payload.slice(at + 5, end) })
    at = end
  }
  return fields
}
