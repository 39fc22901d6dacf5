// One frame: length u32, type u8, stream u24, payload, 0x5A. Everything little endian.

import { BoxLiteError } from '../error.ts'
import { FrameType, Protocol } from './protocol.ts'

/** Bytes of a frame around its payload. */
export const FRAME_OVERHEAD_BYTES: number = Protocol.HEADER_BYTES + 1

/** Writes a frame at the start of `target` and returns its length in bytes. */
export function putFrame(target: Uint8Array, type: number, stream: number, payload: Uint8Array): number {
  const { length } = payload
  target[0] = length & 0xff
  target[1] = (length >> 8) & 0xff
  target[2] = (length >> 16) & 0xff
  target[3] = length >> 24
  target[4] = type
  target[5] = stream & 0xff
  target[6] = (stream >> 8) & 0xff
  target[7] = stream >> 16
  target.set(payload, Protocol.HEADER_BYTES)
  target[Protocol.HEADER_BYTES + length] = Protocol.TRAILER
  return length + FRAME_OVERHEAD_BYTES
}

/** A frame by itself. */
export function encodeFrame(type: number, stream: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const frame = new Uint8Array(payload.length + FRAME_OVERHEAD_BYTES)
  putFrame(frame, type, stream, payload)
  return frame
}

/** What a parser gives its frames to. It throws a `Violation` for one that may not come now. */
export interface FrameSink {
  /** A frame that is not DATA, as a whole. The payload is the receiver's. */
  control(type: number, stream: number, payload: Uint8Array): void
  /** A part of a DATA frame, as soon as it is there. The part is the receiver's. */
  data(type: number, stream: number, part: Uint8Array): void
}

/** The agent sent what it may not send. */
export class Violation extends BoxLiteError {
  constructor(what: string) {
    super('corrupt', `The agent of the box broke its protocol: ${what}`, {
      remedy: 'Stop the box and start it again; report it with what box.logs() says.',
    })
  }
}

const known: ReadonlySet<number> = new Set(Object.values(FrameType))

/**
 * Cuts chunks of any size into frames. DATA is handed on without copying and without waiting for its frame's end; of everything
 * else at most one payload is held.
 */
export class FrameParser {
  readonly #sink: FrameSink
  readonly #header = new Uint8Array(Protocol.HEADER_BYTES)
  #headerBytes = 0
  #type = 0
  #stream = 0
  /** Of the payload, not seen yet. */
  #missing = 0
  /** A control frame's payload as far as it came. */
  #payload = new Uint8Array(0)
  #inPayload = false

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  /** Takes a chunk, which is the parser's from then on. */
  push(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length) {
      if (!this.#inPayload) at = this.#takeHeader(chunk, at)
      else if (this.#missing > 0) at = this.#takePayload(chunk, at)
      else at = this.#takeTrailer(chunk, at)
    }
  }

  #takeHeader(chunk: Uint8Array, at: number): number {
    const part = chunk.subarray(at, at + Protocol.HEADER_BYTES - this.#headerBytes)
    this.#header.set(part, this.#headerBytes)
    this.#headerBytes += part.length
    if (this.#headerBytes < Protocol.HEADER_BYTES) return at + part.length
    const header = new DataView(this.#header.buffer)
    this.#headerBytes = 0
    this.#missing = header.getUint32(0, true)
    this.#type = header.getUint8(4)
    this.#stream = header.getUint32(4, true) >>> 8
    this.#inPayload = true
    if (this.#missing > Protocol.MAX_PAYLOAD_BYTES) throw new Violation(`a frame of ${this.#missing} bytes`)
    if (!known.has(this.#type)) throw new Violation(`a frame of the unknown type ${this.#type}`)
    if (!isData(this.#type)) this.#payload = new Uint8Array(this.#missing)
    return at + part.length
  }

  #takePayload(chunk: Uint8Array, at: number): number {
    const part = chunk.subarray(at, at + this.#missing)
    if (isData(this.#type)) this.#sink.data(this.#type, this.#stream, part)
    else this.#payload.set(part, this.#payload.length - this.#missing)
    this.#missing -= part.length
    return at + part.length
  }

  #takeTrailer(chunk: Uint8Array, at: number): number {
    if (chunk[at] !== Protocol.TRAILER) throw new Violation('a frame without its last byte')
    this.#inPayload = false
    if (!isData(this.#type)) this.#sink.control(this.#type, this.#stream, this.#payload)
    return at + 1
  }
}

function isData(type: number): boolean {
  return type >= FrameType.DATA0
}
