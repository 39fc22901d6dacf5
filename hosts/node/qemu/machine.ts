// A running QEMU, the owner's side.

import type { Socket } from 'node:net'
import { ConsoleLog } from '../../../src/console-log.ts'
import type { ByteChannel, Machine, MachineExit } from '../../../src/engine.ts'
import { BoxLiteError, isBoxLiteError } from '../../../src/error.ts'
import type { MachineRecord } from '../../../src/operation/record.ts'
import { DISK_DEVICE, sockets, type QemuAccelerator } from './arguments.ts'
import { layerNode, layerOfNode, nodeName, openedNode } from './block-nodes.ts'
import { ConsoleFile } from './console-file.ts'
import type { DiskView } from './disk-view.ts'
import { endProcess, type MachineProcess, type ProcessEnd } from './machine-process.ts'
import type { Qmp, QmpEvent } from './qmp.ts'
import { connectTo, removeMachine } from './run-directory.ts'
import { SocketChannel } from './socket-channel.ts'

/** A flush waits for the host's disk. */
const DISK_TIMEOUT_MS = 60_000

/** What a machine is made of. */
export interface QemuParts {
  readonly identity: MachineRecord
  readonly accelerator: QemuAccelerator
  /** The run directory. */
  readonly directory: string
  readonly process: MachineProcess
  readonly qmp: Qmp
  /** What a layer stands on, as its header says, or null. */
  layerBelow(layer: string): Promise<string | null>
  /** The layers that it sees, or null where it sees all of the home. */
  readonly view: DiskView | null
  /** What its disk writes, where that is known already. */
  readonly top: string | null
  readonly isRunning: boolean
  /** Whether somebody spoke to its agent before. */
  readonly found: boolean
}

export class QemuMachine implements Machine {
  readonly engine = 'qemu'
  readonly accelerator: QemuAccelerator
  readonly identity: MachineRecord
  readonly exit: Promise<MachineExit>
  readonly #parts: QemuParts
  readonly #log = new ConsoleLog()
  readonly #below = new Map<string, string>()
  readonly #file: ConsoleFile
  #console: Socket | null = null
  #channel: ByteChannel | null = null
  #wasOpened: boolean
  /** As QEMU's events tell it. */
  #isRunning: boolean
  /** The layer that the disk writes; null while that is to be asked. */
  #known: string | null
  /** One that is open for a switch to come. */
  #expected: string | null = null
  #isPausing = false
  #isKilled = false
  #isReleased = false
  #shutdown: string | null = null
  #failure: string | null = null

  constructor(parts: QemuParts) {
    this.#parts = parts
    this.#file = new ConsoleFile(parts.directory)
    this.#wasOpened = parts.found
    this.#isRunning = parts.isRunning
    this.#known = parts.top
    this.identity = parts.identity
    this.accelerator = parts.accelerator
    this.exit = parts.process.ended.then((end) => this.#ended(end))
  }

  /** What the console said last, for the message of a start that failed. */
  get consoleTail(): string {
    return this.#log.tail()
  }

  /** Begins to listen to the console, from what `earlier` owners kept on. Where others listen already, it is heard when they are gone. */
  async openConsole(earlier: Uint8Array): Promise<void> {
    if (earlier.length > 0) this.#log.append(earlier)
    const socket = await connectTo(this.#parts.directory, sockets.console)
    if (socket === null) return
    this.#console = socket
    socket.on('error', () => socket.destroy())
    socket.on('data', (bytes: Buffer) => {
      this.#log.append(bytes)
      this.#file.append(bytes)
    })
  }

  /** What QEMU tells by itself. */
  heard({ event, data }: QmpEvent): void {
    if (event === 'SHUTDOWN') this.#shutdown = String(data['reason'])
    if (event === 'STOP' || event === 'RESUME') this.#isRunning = event === 'RESUME'
    // Stopped, but not by us: the accelerator gave up. It would stay so for ever.
    if (event === 'STOP' && !this.#isPausing) void this.#checkStop()
  }

  async openAgent(): Promise<{ readonly channel: ByteChannel; readonly fresh: boolean }> {
    if (this.#channel !== null) throw new BoxLiteError('busy', 'The channel to the guest agent is open already')
    const socket = await connectTo(this.#parts.directory, sockets.agents[0]!)
    if (socket === null) throw gone()
    const channel = new SocketChannel(socket)
    this.#channel = channel
    void channel.closed.then(() => {
      if (this.#channel === channel) this.#channel = null
    })
    const fresh = !this.#wasOpened
    this.#wasOpened = true
    return { channel, fresh }
  }

  console({ follow = false }: { readonly follow?: boolean } = {}): AsyncIterable<Uint8Array> {
    return this.#log.read(follow)
  }

  async pause(): Promise<void> {
    this.#isPausing = true
    try {
      await this.#execute('stop', {}, DISK_TIMEOUT_MS)
    } finally {
      this.#isPausing = false
    }
  }

  async resume(): Promise<void> {
    await this.#execute('cont')
    // One that stays open all the same is in nobody's way.
    void this.#closeExpected().catch(() => undefined)
  }

  /** `stop` waits for every request in flight (bdrv_drain_all), so a machine that is paused has none. */
  async drain(): Promise<void> {
    this.#checkPaused()
  }

  /**
   * `stop` flushes too, but keeps its failures to itself. Opening a node anew with the options it has flushes it, format and
   * file, and fails when that fails (bdrv_reopen_prepare); and a file whose sync failed once fails ever after.
   */
  async flush(): Promise<void> {
    const top = await this.#top()
    const below = this.#below.get(top) ?? (await this.#parts.layerBelow(top))
    const reopen = (): Promise<unknown> => this.#execute('blockdev-reopen', { options: [openedNode(top, below)] }, DISK_TIMEOUT_MS)
    await this.#opening([top], reopen)
  }

  /** Does what makes QEMU open layers for writing. */
  async #opening(layers: readonly string[], work: () => Promise<unknown>): Promise<void> {
    const { view } = this.#parts
    await (view === null ? work() : view.during(layers, [], work))
  }

  async expect(layer: string): Promise<void> {
    if (this.#expected === layer) return
    await this.#closeExpected()
    // It may be open for an owner that died before the switch: then what follows succeeds, else this does not.
    if (this.#parts.found) await this.#execute('blockdev-del', { 'node-name': nodeName(layer) }).catch(() => undefined)
    await this.#opening([layer], () => this.#execute('blockdev-add', layerNode(layer, null, true), DISK_TIMEOUT_MS))
    this.#expected = layer
  }

  async switchTo(layer: string): Promise<void> {
    this.#checkPaused()
    const top = await this.#top()
    if (top === layer) return
    await this.expect(layer)
    this.#known = null
    // The old top, which is opened anew, is open for reading only when this is done.
    const nodes = { node: nodeName(top), overlay: nodeName(layer) }
    await this.#opening([layer, top], () => this.#execute('blockdev-snapshot', nodes, DISK_TIMEOUT_MS))
    this.#expected = null
    this.#below.set(layer, top)
    this.#known = layer
  }

  async #closeExpected(): Promise<void> {
    const layer = this.#expected
    this.#expected = null
    if (layer !== null) await this.#execute('blockdev-del', { 'node-name': nodeName(layer) })
  }

  async status(): Promise<{ readonly state: 'running' | 'paused'; readonly open: string }> {
    const [status, open] = await Promise.all([this.#execute('query-status'), this.#askTop()])
    return { state: (status as { running: boolean }).running ? 'running' : 'paused', open }
  }

  async kill(): Promise<void> {
    this.#isKilled = true
    await endProcess(this.identity)
    await this.exit
  }

  async release(): Promise<void> {
    if (!this.identity.detached) throw new BoxLiteError('unsupported', 'The machine was not started to outlive its program')
    this.#isReleased = true
    await this.#channel?.close()
    this.#console?.destroy()
    this.#log.end()
    this.#parts.qmp.close()
    this.#parts.process.release()
    await this.#file.settled()
  }

  async #execute(command: string, args: Readonly<Record<string, unknown>> = {}, timeoutMs?: number): Promise<unknown> {
    return this.#parts.qmp.execute(command, args, timeoutMs)
  }

  #checkPaused(): void {
    if (this.#isRunning) throw new BoxLiteError('invalid_state', 'The machine runs: pause it first')
  }

  async #top(): Promise<string> {
    this.#known ??= await this.#askTop()
    return this.#known
  }

  /** The layer that the guest's disk writes: the name of the node on top says it. */
  async #askTop(): Promise<string> {
    const node = await this.#execute('qom-get', { path: DISK_DEVICE, property: 'drive' })
    const layer = layerOfNode(String(node))
    if (layer === null) throw new BoxLiteError('io', `QEMU has a disk that is no layer: ${String(node)}`, { facts: { node } })
    return layer
  }

  async #checkStop(): Promise<void> {
    try {
      const { status } = (await this.#execute('query-status')) as { status: string }
      if (status !== 'internal-error') return
      this.#failure = `The accelerator (${this.accelerator}) failed`
      await endProcess(this.identity)
    } catch (error) {
      // It has ended meanwhile, which `exit` tells.
      if (!isBoxLiteError(error)) throw error
    }
  }

  async #ended(end: ProcessEnd): Promise<MachineExit> {
    const { directory, qmp } = this.#parts
    if (!this.#isReleased) await this.#consoleEnd()
    qmp.close()
    this.#log.end()
    await this.#file.settled()
    // What stays is removed by the next start; the box can do without. After a release they may be the next machine's.
    if (!this.#isReleased) await removeMachine(directory).catch(() => undefined)
    return { ...this.#reason(end), console: this.#log.tail() }
  }

  /** The console's last words are in its socket when the process is gone; they end with the socket. */
  async #consoleEnd(): Promise<void> {
    const socket = this.#console
    if (socket === null || socket.closed) return
    await new Promise<void>((resolve) => socket.once('close', () => resolve()))
  }

  #reason({ code, signal, complaint }: ProcessEnd): Pick<MachineExit, 'reason' | 'detail'> {
    if (this.#isKilled) return { reason: 'killed', detail: 'The machine was killed' }
    if (this.#failure !== null) return { reason: 'crashed', detail: this.#failure }
    if (this.#shutdown === 'guest-shutdown') return { reason: 'shutdown', detail: 'The guest powered off' }
    if (this.#shutdown === 'guest-reset') return { reason: 'reset', detail: 'The guest rebooted' }
    if (this.#shutdown === 'host-signal') return { reason: 'killed', detail: 'QEMU was told to end by a signal' }
    const how = signal !== null ? `QEMU was ended by ${signal}` : code !== null ? `QEMU ended with exit code ${code}` : 'QEMU has ended'
    return { reason: 'crashed', detail: complaint === null ? how : `${how}: ${complaint}` }
  }
}

function gone(): BoxLiteError {
  return new BoxLiteError('invalid_state', 'The machine has ended')
}
