// The host's side of the protocol at its plainest: frames out, frames in, and no opinion about them. It shares nothing with the
// client of src/agent/ but the numbers.
import type { Socket } from 'node:net'
import { FrameType, Protocol, StreamKind } from '../../src/agent/protocol.ts'

export interface Frame {
  readonly type: number
  readonly stream: number
  readonly payload: Buffer
}

/** A field of an OPEN: `[tag, value]`. Numbers need their size, so they come as buffers of `u16`, `u32`, `u64`. */
export type Field = readonly [tag: number, value: string | Uint8Array]

export const u16 = (value: number): Buffer => Buffer.from(Uint16Array.of(value).buffer)
export const u32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer)
export const u64 = (value: bigint): Buffer => Buffer.from(BigUint64Array.of(value).buffer)

export function frame(type: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(Protocol.HEADER_BYTES + payload.length + 1)
  bytes.writeUInt32LE(payload.length, 0)
  bytes[4] = type
  bytes.writeUIntLE(stream, 5, 3)
  bytes.set(payload, Protocol.HEADER_BYTES)
  bytes[bytes.length - 1] = Protocol.TRAILER
  return bytes
}

export const magic = Buffer.from('boxlite-agent\r\n\x1a', 'latin1')
export const nonce = Buffer.from('0123456789abcdef', 'latin1')

export function hello(lowest = 1, highest = 1, withNonce: Uint8Array = nonce): Buffer {
  return frame(FrameType.HELLO, 0, Buffer.concat([magic, withNonce, u16(lowest), u16(highest)]))
}

export function fields(list: readonly Field[]): Buffer {
  return Buffer.concat(list.flatMap(([tag, value]) => [Buffer.of(tag), u32(Buffer.byteLength(value)), Buffer.from(value as string)]))
}

/** The fields behind the first `skip` bytes of a DONE or a HELLO, by tag. */
export function fieldsOf(payload: Buffer, skip = 4): Map<number, Buffer> {
  const found = new Map<number, Buffer>()
  for (let at = skip; at < payload.length;) {
    const length = payload.readUInt32LE(at + 1)
    found.set(payload[at]!, payload.subarray(at + 5, at + 5 + length))
    at += 5 + length
  }
  return found
}

/** What a stream came to: its outputs, and its DONE. */
export interface Outcome {
  readonly outputs: readonly [Buffer, Buffer]
  readonly error: number
  readonly result: Map<number, Buffer>
  /** The types of its frames in order, each run of one type once. */
  readonly order: readonly number[]
}

export class RawSession {
  readonly socket: Socket
  /** What came and nobody took yet. */
  readonly inbox: Frame[] = []
  closed = false
  #rest: Buffer = Buffer.alloc(0)
  #waiting: (() => void)[] = []

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => this.#feed(chunk))
    // The end of the channel is what `closed` says; a reset is one too.
    socket.on('error', () => this.#end())
    socket.on('close', () => this.#end())
  }

  #end(): void {
    this.closed = true
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  #feed(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    for (;;) {
      if (this.#rest.length < Protocol.HEADER_BYTES) break
      const length = this.#rest.readUInt32LE(0)
      const whole = Protocol.HEADER_BYTES + length + 1
      if (this.#rest.length < whole) break
      if (this.#rest[whole - 1] !== Protocol.TRAILER) throw new Error('the agent sent a frame with a wrong last byte')
      this.inbox.push({ type: this.#rest[4]!, stream: this.#rest.readUIntLE(5, 3), payload: this.#rest.subarray(Protocol.HEADER_BYTES, whole - 1) })
      this.#rest = this.#rest.subarray(whole)
    }
    this.#wake()
  }

  write(...bytes: Uint8Array[]): void {
    this.socket.write(Buffer.concat(bytes))
  }

  send(type: number, stream: number, payload?: Uint8Array): void {
    this.socket.write(frame(type, stream, payload))
  }

  /** The first frame that fits, taken out of the inbox; rejects when the channel ends before. */
  async take(fits: (candidate: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const index = this.inbox.findIndex(fits)
      if (index >= 0) return this.inbox.splice(index, 1)[0]!
      if (this.closed) throw new Error('the channel ended')
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  next(type: number, stream?: number): Promise<Frame> {
    return this.take((candidate) => candidate.type === type && (stream === undefined || candidate.stream === stream))
  }

  /** Says HELLO, and passes over everything before the answer with our nonce. */
  async greet(withNonce: Uint8Array = nonce): Promise<Frame> {
    this.write(hello(1, 1, withNonce))
    const answer = await this.take(({ type, payload }) => type === FrameType.HELLO && payload.subarray(0, 16).equals(withNonce))
    return answer
  }

  open(stream: number, kind: number, list: readonly Field[] = []): void {
    this.send(FrameType.OPEN, stream, Buffer.concat([Buffer.of(kind), fields(list)]))
  }

  exec(stream: number, words: readonly string[], more: readonly Field[] = []): void {
    this.open(stream, StreamKind.EXEC, [...words.map((word): Field => [1, word]), ...more])
  }

  data(stream: number, bytes: string | Uint8Array): void {
    this.send(FrameType.DATA0, stream, Buffer.from(bytes as string))
  }

  end(stream: number): void {
    this.send(FrameType.END, stream, Buffer.of(0))
  }

  credit(stream: number, channel: number, bytes: number): void {
    this.send(FrameType.WINDOW, stream, Buffer.concat([Buffer.of(channel), u32(bytes)]))
  }

  /** Takes a stream's frames to its DONE, but for the WINDOWs, giving back every credit. */
  async finish(stream: number): Promise<Outcome> {
    const outputs: [Buffer[], Buffer[]] = [[], []]
    const order: number[] = []
    for (;;) {
      const { type, payload } = await this.take((candidate) => candidate.stream === stream && candidate.type !== FrameType.WINDOW)
      if (order.at(-1) !== type) order.push(type)
      if (type === FrameType.DATA1 || type === FrameType.DATA2) {
        outputs[type - FrameType.DATA1]!.push(payload)
        this.credit(stream, type - FrameType.DATA0, payload.length)
      }
      if (type !== FrameType.DONE) continue
      return { outputs: [Buffer.concat(outputs[0]), Buffer.concat(outputs[1])], error: payload.readUInt32LE(0), result: fieldsOf(payload), order }
    }
  }

  async run(stream: number, words: readonly string[], more: readonly Field[] = []): Promise<Outcome> {
    this.exec(stream, words, more)
    return await this.finish(stream)
  }
}

/** `[how, code]` of an EXEC's outcome. */
export function exitOf(outcome: Outcome): readonly [how: number, code: number] {
  return [outcome.result.get(1)![0]!, outcome.result.get(2)!.readUInt32LE(0)]
}
