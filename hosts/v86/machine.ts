// A running machine, the owner's side.

import { BoxLiteError } from '../../src/error.ts'
import type { ByteChannel, Machine, MachineExit } from '../../src/engine.ts'
import type { Store } from '../../src/host.ts'
import type { MachineRecord } from '../../src/operation/record.ts'
import { AgentChannel } from './agent-channel.ts'
import { ConsoleLog } from '../../src/console-log.ts'
import { decodeError } from './error-message.ts'
import type { MachineThread } from './host.ts'
import type { CallName, Calls, FromThread, Preparation, ToThread } from './protocol.ts'

/** A call that takes longer has no answer. The slowest, a flush, waits for the host's own disk. */
const CALL_TIMEOUT_MS = 60_000

interface Caller {
  resolve(answer: Calls[CallName]['answer']): void
  reject(error: unknown): void
}

/** Who else is told of what happens to a machine. */
export interface MachineListeners {
  /** Hears of syncs that fail. */
  readonly store?: Store
  /** Gets what the console says. */
  readonly keep?: (bytes: Uint8Array) => void
}

export class V86Machine implements Machine {
  readonly engine = 'v86'
  readonly accelerator = 'jit'
  readonly identity: MachineRecord
  readonly exit: Promise<MachineExit>
  readonly #thread: MachineThread
  readonly #listeners: MachineListeners
  readonly #log = new ConsoleLog()
  readonly #callers = new Map<number, Caller>()
  #calls = 0
  #channel: AgentChannel | null = null
  #sessions = 0
  #wasRestored = false
  #isKilled = false
  #exit: MachineExit | null = null
  #diskTrouble: BoxLiteError | null = null
  #resolveExit: (exit: MachineExit) => void = () => undefined

  /** `release` is called when the machine has ended, before its exit is told. */
  constructor(thread: MachineThread, identity: MachineRecord, release: () => Promise<void>, listeners: MachineListeners = {}) {
    this.identity = identity
    this.#listeners = listeners
    this.exit = new Promise((resolve) => (this.#resolveExit = resolve))
    this.#thread = thread
    thread.endpoint.receive((message) => this.#receive(message))
    void thread.ended.then(async (error) => {
      const exit = this.#exit ?? this.#threadExit(error)
      // A latch that cannot be given back goes with this program; the machine has ended all the same.
      await release().catch(() => undefined)
      this.#end(exit)
    })
  }

  /** What the console says, for the message of a start that failed. */
  get consoleTail(): string {
    return this.#log.tail()
  }

  call<Name extends CallName>(name: Name, given: Calls[Name]['given'], transfer: readonly ArrayBuffer[] = []): Promise<Calls[Name]['answer']> {
    return new Promise<Calls[Name]['answer']>((resolve, reject) => {
      if (this.#exit !== null || this.#isKilled) return reject(gone())
      const id = ++this.#calls
      const timer = setTimeout(() => {
        this.#callers.delete(id)
        reject(new BoxLiteError('timeout', `The machine gave no answer to '${name}' in ${CALL_TIMEOUT_MS / 1000} s`))
      }, CALL_TIMEOUT_MS)
      this.#callers.set(id, {
        resolve(answer) {
          clearTimeout(timer)
          resolve(answer as Calls[Name]['answer'])
        },
        reject(error) {
          clearTimeout(timer)
          reject(error)
        },
      })
      this.#thread.endpoint.post({ kind: 'call', id, name, given } as ToThread, transfer)
    })
  }

  /** Makes the computer in the thread. */
  async prepare(preparation: Preparation): Promise<void> {
    const { firmware, kernel, initrd } = preparation.files
    const { state } = preparation
    this.#wasRestored = state !== undefined
    await this.call('prepare', preparation, [firmware, kernel, initrd, state].filter((buffer) => buffer !== undefined))
  }

  async openAgent(): Promise<{ readonly channel: ByteChannel; readonly fresh: boolean }> {
    if (this.#exit !== null || this.#isKilled) throw gone()
    if (this.#channel !== null) throw new BoxLiteError('busy', 'The channel to the guest agent is open already')
    const session = ++this.#sessions
    const channel = new AgentChannel(this.#thread.endpoint, session)
    this.#channel = channel
    void channel.closed.then(() => {
      if (this.#channel === channel) this.#channel = null
    })
    return { channel, fresh: session === 1 && !this.#wasRestored }
  }

  console({ follow = false }: { readonly follow?: boolean } = {}): AsyncIterable<Uint8Array> {
    return this.#log.read(follow)
  }

  pause(): Promise<void> {
    return this.call('pause', undefined)
  }

  resume(): Promise<void> {
    return this.call('resume', undefined)
  }

  drain(): Promise<void> {
    return this.call('drain', undefined)
  }

  flush(): Promise<void> {
    return this.call('flush', undefined)
  }

  switchTo(layer: string): Promise<void> {
    return this.call('switchTo', layer)
  }

  status(): Promise<{ readonly state: 'running' | 'paused'; readonly open: string }> {
    return this.call('status', undefined)
  }

  /** The state of the paused machine, without its disk; see `EmulatedMachine.save` for what a guest has to be told when it goes on from it. */
  save(): Promise<ArrayBuffer> {
    return this.call('save', undefined)
  }

  async kill(): Promise<void> {
    this.#isKilled = true
    await this.#thread.terminate()
    await this.exit
  }

  async release(): Promise<void> {
    throw new BoxLiteError('unsupported', 'A machine of the v86 engine lives in this program and cannot go on without it')
  }

  #receive(message: FromThread): void {
    if (message.kind === 'answer') this.#caller(message.id)?.resolve(message.answer)
    else if (message.kind === 'failure') this.#caller(message.id)?.reject(decodeError(message.error))
    else if (message.kind === 'console') this.#said(message.bytes)
    else if (message.kind === 'diskFailed') this.#diskTrouble = decodeError(message.error)
    else if (message.kind === 'syncFailed') this.#listeners.store?.noteSyncFailure?.(message.layer, decodeError(message.error))
    else if (message.kind === 'ended') this.#over(this.#guestExit(message))
    else if (message.kind === 'crashed') this.#over(this.#crash(`The emulator failed: ${message.detail}`))
    else if (message.session === this.#sessions) {
      if (message.kind === 'bytes') this.#channel?.came(message.bytes)
      else this.#channel?.taken(message.count)
    }
  }

  #said(bytes: Uint8Array): void {
    this.#log.append(bytes)
    this.#listeners.keep?.(bytes)
    this.#thread.endpoint.post({ kind: 'heard', count: bytes.length })
  }

  #caller(id: number): Caller | undefined {
    const caller = this.#callers.get(id)
    this.#callers.delete(id)
    return caller
  }

  #guestExit({ end, error }: Extract<FromThread, { kind: 'ended' }>): MachineExit {
    if (error !== null) return this.#crash(`The guest has ended, but its disk could not be closed: ${error.message}`)
    const detail = end === 'shutdown' ? 'The guest powered off' : 'The guest rebooted'
    return { reason: end, detail: detail + this.#trouble(), console: this.#log.tail() }
  }

  #threadExit(error: Error | null): MachineExit {
    if (this.#isKilled) return { reason: 'killed', detail: 'The machine was killed', console: this.#log.tail() }
    return this.#crash(error === null ? 'The thread of the emulator has ended' : `The thread of the emulator failed: ${error.message}`)
  }

  #crash(detail: string): MachineExit {
    return { reason: 'crashed', detail: detail + this.#trouble(), console: this.#log.tail() }
  }

  /** A guest whose disk fails often ends for that reason. */
  #trouble(): string {
    return this.#diskTrouble === null ? '' : `; before that its disk failed: ${this.#diskTrouble.message}`
  }

  /** The machine has ended; its thread still has to. */
  #over(exit: MachineExit): void {
    this.#exit = exit
    void this.#thread.terminate()
  }

  #end(exit: MachineExit): void {
    this.#exit = exit
    this.#log.end()
    this.#channel?.end()
    // Who waits for an answer hears why there will be none.
    const code = exit.reason === 'crashed' ? 'engine_unavailable' : 'invalid_state'
    for (const { reject } of this.#callers.values()) reject(new BoxLiteError(code, exit.detail))
    this.#callers.clear()
    this.#resolveExit(exit)
  }
}

function gone(): BoxLiteError {
  return new BoxLiteError('invalid_state', 'The machine has ended')
}
