// The thread's side: a machine, its disk, and what the owner asks of them.

import type { Codec } from '../../src/disk/codec.ts'
import { BoxLiteError } from '../../src/error.ts'
import { SyncGuard } from '../../src/store/sync-guard.ts'
import { EmulatedMachine, type GuestEnd } from './emulated-machine.ts'
import { ChannelSender } from './channel-sender.ts'
import { encodeError } from './error-message.ts'
import { LiveDisk, type OpenLayer } from './live-disk.ts'
import {
  AGENT_PORT,
  CHANNEL_WINDOW_BYTES,
  CONSOLE_WINDOW_BYTES,
  type CallName,
  type Calls,
  type Endpoint,
  type FromThread,
  type ToThread,
} from './protocol.ts'

/** What the thread's platform has for a machine. */
export interface ThreadPlatform {
  readonly codec: Codec
  /** The layers of the store at a location. */
  openLayers(home: string): Promise<OpenLayer>
}

type Handlers = { [Name in CallName]: (given: Calls[Name]['given']) => Promise<Calls[Name]['answer']> }

const CONSOLE_BYTES = 4096

export class MachineServer {
  readonly #endpoint: Endpoint<ToThread, FromThread>
  readonly #platform: ThreadPlatform
  readonly #handlers: Handlers
  readonly #syncs = new SyncGuard((layer, error) => this.#endpoint.post({ kind: 'syncFailed', layer, error: encodeError(error) }))
  #machine: EmulatedMachine | null = null
  #disk: LiveDisk | null = null
  readonly #sender: ChannelSender
  #session = 0
  /** One call after the other: a switch of the disk is never beside a flush. */
  #tail: Promise<void> = Promise.resolve()
  #console = new Uint8Array(CONSOLE_BYTES)
  #consoleBytes = 0
  #unheardBytes = 0

  constructor(endpoint: Endpoint<ToThread, FromThread>, platform: ThreadPlatform) {
    this.#endpoint = endpoint
    this.#platform = platform
    this.#sender = new ChannelSender((message, transfer) => endpoint.post(message, transfer))
    this.#handlers = {
      prepare: (given) => this.#prepare(given),
      launch: (given) => this.#launch(given),
      pause: () => this.#running().pause().then(nothing),
      resume: () => this.#running().run().then(nothing),
      drain: () => this.#running().drain().then(nothing),
      flush: () => this.#opened().flush().then(nothing),
      switchTo: (layer) => this.#switchTo(layer),
      status: async () => ({ state: this.#running().isRunning ? 'running' : 'paused', open: this.#opened().top }),
      save: () => this.#running().save(),
    }
    endpoint.receive((message) => this.#receive(message))
  }

  /** Tells the owner that the emulator failed, after everything that the console had said. */
  crash(error: unknown): void {
    this.#flushConsole(true)
    const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    this.#endpoint.post({ kind: 'crashed', detail })
  }

  #receive(message: ToThread): void {
    if (message.kind === 'call') {
      this.#tail = this.#tail.then(() => this.#answer(message.id, message.name, message.given))
      return
    }
    if (message.kind === 'heard') {
      this.#unheardBytes -= message.count
      this.#flushConsole()
      return
    }
    const port = this.#machine?.ports[0]
    if (port === undefined) return
    if (message.kind === 'open') {
      this.#session = message.session
      this.#sender.begin(message.session)
      port.open(CHANNEL_WINDOW_BYTES)
    } else if (message.session !== this.#session) return
    else if (message.kind === 'bytes') port.send(message.bytes)
    else if (message.kind === 'taken') port.grant(message.count)
    else port.close()
  }

  async #answer<Name extends CallName>(id: number, name: Name, given: Calls[Name]['given']): Promise<void> {
    try {
      const answer = await (this.#handlers[name] as (given: Calls[Name]['given']) => Promise<Calls[Name]['answer']>)(given)
      this.#endpoint.post({ kind: 'answer', id, answer }, answer instanceof ArrayBuffer ? [answer] : [])
    } catch (error) {
      this.#endpoint.post({ kind: 'failure', id, error: encodeError(error) })
    }
  }

  async #prepare({ module, files, memoryMib, serial, state }: Calls['prepare']['given']): Promise<undefined> {
    const machine = await EmulatedMachine.create({
      module,
      files,
      memoryMib,
      serial,
      ports: [{ ...AGENT_PORT, received: (bytes) => this.#sender.received(bytes), delivered: (count) => this.#sender.delivered(count) }],
      said: (byte) => this.#said(byte),
      ended: (end) => void this.#finish(end),
      diskFailed: (error) => this.#endpoint.post({ kind: 'diskFailed', error: encodeError(error) }),
    })
    if (state !== undefined) await machine.restore(state)
    this.#machine = machine
    return undefined
  }

  async #launch(place: Calls['launch']['given']): Promise<undefined> {
    const machine = this.#running()
    if (place !== null) {
      const open = await this.#platform.openLayers(place.home)
      const guarded: OpenLayer = async (name, mode) => this.#syncs.watch(name, await open(name, mode))
      this.#disk = await LiveDisk.open(place.layers, guarded, this.#platform.codec)
      machine.attach(this.#disk)
    }
    await machine.run()
    return undefined
  }

  async #switchTo(layer: string): Promise<undefined> {
    const machine = this.#running()
    if (machine.isRunning) throw new BoxLiteError('invalid_state', 'The disk of a running machine is switched while it is paused')
    await machine.drain()
    await this.#opened().switchTo(layer)
    return undefined
  }

  async #finish(end: GuestEnd): Promise<void> {
    this.#flushConsole(true)
    try {
      await this.#machine?.drain()
      await this.#disk?.close()
      this.#endpoint.post({ kind: 'ended', end, error: null })
    } catch (error) {
      this.#endpoint.post({ kind: 'ended', end, error: encodeError(error) })
    }
  }

  #said(byte: number): void {
    // One message for what the guest says in one go of the emulator.
    if (this.#consoleBytes === 0) void Promise.resolve().then(() => this.#flushConsole())
    this.#console[this.#consoleBytes++] = byte
    if (this.#consoleBytes < CONSOLE_BYTES) return
    this.#flushConsole()
    // What there was no room for makes room for what comes.
    this.#consoleBytes = 0
  }

  /** Tells the owner, as far as it has room for more; its last words go in any case. */
  #flushConsole(isLast = false): void {
    if (this.#consoleBytes === 0 || (this.#unheardBytes >= CONSOLE_WINDOW_BYTES && !isLast)) return
    this.#unheardBytes += this.#consoleBytes
    const bytes = this.#console.slice(0, this.#consoleBytes)
    this.#consoleBytes = 0
    this.#endpoint.post({ kind: 'console', bytes }, [bytes.buffer])
  }

  #running(): EmulatedMachine {
    if (this.#machine === null) throw new BoxLiteError('invalid_state', 'There is no machine in this thread yet')
    return this.#machine
  }

  #opened(): LiveDisk {
    if (this.#disk === null) throw new BoxLiteError('invalid_state', 'The machine has no disk')
    return this.#disk
  }
}

const nothing = (): undefined => undefined
