// The beginning of a session: the host's HELLO, and the search for the agent's answer in whatever the channel holds.

import { joinBytes } from '../join-bytes.ts'
import { Fields } from './fields.ts'
import { encodeFrame, FrameParser, Violation, type FrameSink } from './frame.ts'
import { FrameType, Protocol } from './protocol.ts'

const MAGIC = new TextEncoder().encode('boxlite-agent\r\n\x1a')

/** What an agent says of itself. */
export interface AgentHello {
  readonly protocolVersion: number
  readonly kernelRelease: string
  readonly agentVersion: string
  /** Most streams at once. */
  readonly maxStreams: number
}

/** What begins a session: on a channel that somebody used, first what ends whatever they left half said. */
export function openingBytes(nonce: Uint8Array, fresh: boolean): Uint8Array {
  const versions = new Uint8Array([Protocol.VERSION & 0xff, Protocol.VERSION >> 8, Protocol.VERSION & 0xff, Protocol.VERSION >> 8])
  const hello = encodeFrame(FrameType.HELLO, 0, joinBytes(MAGIC, nonce, versions))
  return fresh ? hello : joinBytes(new Uint8Array(Protocol.RESYNC_BYTES).fill(0xff), hello)
}

/** Reads the payload of an agent's HELLO. */
export function decodeHello(payload: Uint8Array): AgentHello {
  const head = Protocol.NONCE_BYTES + 4
  if (payload.length < head) throw new Violation('a HELLO that is too short')
  const protocolVersion = new DataView(payload.buffer, payload.byteOffset).getUint16(Protocol.NONCE_BYTES, true)
  const fields = new Fields(payload.subarray(head))
  const limits = fields.bytes(3)
  return {
    protocolVersion,
    kernelRelease: fields.text(1) ?? '',
    agentVersion: fields.text(2) ?? '',
    maxStreams: limits === undefined ? Protocol.MAX_STREAMS : fields.u32(3),
  }
}

/** Throws away what comes before the agent's HELLO with our nonce; that and what follows are frames. */
export class HelloHunter {
  readonly #parser: FrameParser
  readonly #pattern: Uint8Array
  #tail = new Uint8Array(0)
  #found = false

  constructor(nonce: Uint8Array, sink: FrameSink) {
    this.#parser = new FrameParser(sink)
    this.#pattern = joinBytes(new Uint8Array([FrameType.HELLO, 0, 0, 0]), nonce)
  }

  push(chunk: Uint8Array): void {
    if (this.#found) return this.#parser.push(chunk)
    const bytes = joinBytes(this.#tail, chunk)
    const at = find(bytes, this.#pattern, LENGTH_BYTES)
    if (at < 0) {
      this.#tail = bytes.slice(Math.max(0, bytes.length - this.#pattern.length - LENGTH_BYTES + 1))
      return
    }
    this.#found = true
    this.#tail = new Uint8Array(0)
    this.#parser.push(bytes.subarray(at - LENGTH_BYTES))
  }
}

/** What stands before the part of a header that we look for. */
const LENGTH_BYTES = 4

/** Where `pattern` begins in `bytes`, not before `from`; -1 where it does not. */
function find(bytes: Uint8Array, pattern: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(pattern[0] ?? 0, from); at >= 0; at = bytes.indexOf(pattern[0] ?? 0, at + 1)) {
    if (at + pattern.length > bytes.length) return -1
    if (pattern.every((byte, index) => bytes[at + index] === byte)) return at
  }
  return -1
}
