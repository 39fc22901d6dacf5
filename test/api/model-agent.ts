// A guest agent in TypeScript for the tests of boxes: it answers what a box's life needs, and runs a few commands on the model
// machine's real disk. Exec and files in full are tested against the real agent.
import { encodeFields, Fields, textField, u32Field, u64Field, type Field } from '../../src/agent/fields.ts'
import { encodeFrame, FrameParser } from '../../src/agent/frame.ts'
import { FrameType, Protocol, StreamKind } from '../../src/agent/protocol.ts'
import type { ByteChannel } from '../../src/engine.ts'

/** What the guest can do to its machine. */
export interface ModelGuest {
  hostname: string
  clockNs: bigint
  entropyBytes: number
  frozen: number
  thawed: number
  /** Does it now, or when its processor, which stands still, goes on. */
  whenAwake(work: () => void): void
  /** Reads and writes the text at the disk's place for it. */
  get(): Promise<string>
  put(text: string): Promise<void>
  end(reason: 'shutdown' | 'crashed'): void
}

type Unheard = keyof typeof StreamKind | 'hello' | 'exit'

/** What a model agent does wrong. */
export interface AgentFaults {
  /** It answers nothing of these kinds; with `hello`, nothing at all; with `exit`, programs run until they are killed. */
  readonly deaf?: readonly Unheard[]
  /** How many HELLOs it does not hear before it hears one. */
  missedHellos?: number
}

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes)
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value)

/** The host's end of a channel to a model agent. */
export function connectAgent(guest: ModelGuest, faults: AgentFaults): { channel: ByteChannel; hangUp(): void } {
  let receiver: ((chunk: Uint8Array) => void) | null = null
  const early: Uint8Array[] = []
  let hangUp = (): void => undefined
  const closed = new Promise<void>((resolve) => (hangUp = resolve))
  const agent = new ModelAgent(guest, faults, (chunk) => (receiver === null ? early.push(chunk) : receiver(chunk)))
  const channel: ByteChannel = {
    async write(chunk) {
      const copy = chunk.slice()
      guest.whenAwake(() => agent.receive(copy))
    },
    receive(given) {
      receiver = given
      for (const chunk of early.splice(0)) given(chunk)
    },
    closed,
    async close() {
      agent.close()
      hangUp()
    },
  }
  return { channel, hangUp }
}

class ModelAgent {
  readonly #guest: ModelGuest
  readonly #faults: AgentFaults
  readonly #send: (chunk: Uint8Array) => void
  readonly #arguments = new Map<number, string[]>()
  #parser: FrameParser | null = null
  #open = true

  constructor(guest: ModelGuest, faults: AgentFaults, send: (chunk: Uint8Array) => void) {
    this.#guest = guest
    this.#faults = faults
    this.#send = send
  }

  receive(chunk: Uint8Array): void {
    // What a session before left behind is thrown away; our host's HELLO comes in one piece.
    const at = this.#parser === null ? Math.max(0, chunk.length - HELLO_FRAME_BYTES) : 0
    this.#parser ??= new FrameParser({ control: (type, stream, payload) => this.#control(type, stream, payload), data: () => undefined })
    this.#parser.push(chunk.subarray(at))
  }

  close(): void {
    this.#open = false
  }

  #post(type: number, stream: number, payload?: Uint8Array): void {
    if (this.#open) queueMicrotask(() => this.#send(encodeFrame(type, stream, payload)))
  }

  #done(stream: number, errno: number, fields: readonly Field[] = []): void {
    this.#post(FrameType.DONE, stream, encodeFields(fields, errnoBytes(errno)))
  }

  #control(type: number, stream: number, payload: Uint8Array): void {
    if (type === FrameType.HELLO && (this.#faults.missedHellos ?? 0) > 0) this.#faults.missedHellos!--
    else if (type === FrameType.HELLO && !this.#isDeafTo('hello')) {
      const nonce = payload.subarray(16, 16 + Protocol.NONCE_BYTES)
      const version = new Uint8Array([Protocol.VERSION, 0, 0, 0])
      const fields = [textField(1, '6.1.0-model'), textField(2, 'model'), u32Field(3, Protocol.MAX_STREAMS)]
      this.#post(FrameType.HELLO, 0, encodeFields(fields, new Uint8Array([...nonce, ...version])))
    } else if (type === FrameType.PING) this.#post(FrameType.PING, 0, payload)
    else if (type === FrameType.OPEN) void this.#start(stream, payload[0] ?? 0, payload.subarray(1))
    else if (type === FrameType.CANCEL && this.#arguments.delete(stream)) this.#exit(stream, 1, 9)
  }

  #isDeafTo(what: Unheard): boolean {
    return this.#faults.deaf?.includes(what) ?? false
  }

  async #start(stream: number, kind: number, payload: Uint8Array): Promise<void> {
    const name = (Object.keys(StreamKind) as (keyof typeof StreamKind)[]).find((key) => StreamKind[key] === kind)
    if (name === undefined || this.#isDeafTo(name)) return
    if (name === 'EXEC') return this.#exec(stream, payload)
    const fields = new Fields(payload)
    switch (name) {
      case 'FREEZE':
        this.#guest.frozen++
        return this.#done(stream, 0, [u32Field(1, 1)])
      case 'THAW':
        this.#guest.thawed++
        return this.#done(stream, 0, [{ tag: 1, value: new Uint8Array([1]) }])
      case 'SET_CLOCK':
        this.#guest.clockNs = fields.u64(1)
        return this.#done(stream, 0)
      case 'ADD_ENTROPY':
        this.#guest.entropyBytes += fields.bytes(1)?.length ?? 0
        return this.#done(stream, 0)
      case 'SET_HOSTNAME':
        this.#guest.hostname = fields.text(1) ?? ''
        return this.#done(stream, 0)
      case 'SHUT_DOWN':
        this.#done(stream, 0)
        return this.#guest.end('shutdown')
      case 'METRICS':
        return this.#done(stream, 0, METRICS)
      default:
        return this.#done(stream, 38)
    }
  }

  async #exec(stream: number, payload: Uint8Array): Promise<void> {
    const [program = '', ...args] = argumentsOf(payload)
    this.#arguments.set(stream, [program, ...args])
    const known = ['true', 'false', 'echo', 'get', 'put', 'hang', 'crash', 'hostname', '/bin/sh', 'env', 'python3'].includes(program)
    if (!known) return this.#done(stream, 2, [textField(3, 'execve')])
    this.#post(FrameType.OPENED, stream, errnoBytes(77))
    if (program === 'hang' || this.#isDeafTo('exit')) return
    if (program === 'crash') return this.#guest.end('crashed')
    if (program === 'put') await this.#guest.put(args.join(' '))
    const said: Record<string, () => string | Promise<string>> = {
      echo: () => `${args.join(' ')}\n`,
      get: () => this.#guest.get(),
      hostname: () => this.#guest.hostname,
      // Says what it was told to run.
      python3: () => args.join(' '),
      env: () => variablesOf(payload).join('\n'),
    }
    const output = (await said[program]?.()) ?? ''
    if (output !== '') this.#post(FrameType.DATA1, stream, bytes(output))
    this.#exit(stream, 0, program === 'false' ? 1 : 0)
  }

  #exit(stream: number, how: number, code: number): void {
    this.#arguments.delete(stream)
    this.#post(FrameType.END, stream, new Uint8Array([1]))
    this.#post(FrameType.END, stream, new Uint8Array([2]))
    this.#done(stream, 0, [{ tag: 1, value: new Uint8Array([how]) }, u32Field(2, code)])
  }
}

const METRICS = [u64Field(1, 64n), u64Field(2, 32n), u64Field(3, 5n), u32Field(4, 150), u64Field(5, 9n), u64Field(6, 8n), u32Field(7, 3)]

const HELLO_FRAME_BYTES = Protocol.HEADER_BYTES + 16 + Protocol.NONCE_BYTES + 4 + 1

function errnoBytes(errno: number): Uint8Array {
  const value = new Uint8Array(4)
  new DataView(value.buffer).setUint32(0, errno, true)
  return value
}

const argumentsOf = (payload: Uint8Array): string[] => repeated(payload, 1)
const variablesOf = (payload: Uint8Array): string[] => repeated(payload, 2)

/** The texts of a field that may repeat. */
function repeated(payload: Uint8Array, tag: number): string[] {
  const found: string[] = []
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  for (let at = 0; at < payload.length; ) {
    const end = at + 5 + view.getUint32(at + 1, true)
    if (payload[at] === tag) found.push(text(payload.subarray(at + 5, end)))
    at = end
  }
  return found
}
