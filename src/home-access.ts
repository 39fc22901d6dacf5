// One open home: its store, cores to think with, and the order of calls on each box.

import { checkAborted } from './aborted.ts'
import type { BoxHost } from './box-host.ts'
import { Core } from './core/core.ts'
import type { Engine } from './engine.ts'
import { BoxLiteError, isBoxLiteError, type ErrorCode } from './error.ts'
import type { Guest } from './guest.ts'
import type { Held, Store } from './host.ts'
import { chooseEngine, engineUnavailable, type ChosenEngine, type EngineInfo } from './machine/chosen-engine.ts'
import { engineOf } from './machine/machine-name.ts'
import type { OperationMachines } from './machine/operation-machines.ts'
import { Runner } from './machine/runner.ts'
import type { CloseOptions } from './machine/stop.ts'
import { NameIndex } from './name-index.ts'
import type { CallerOptions } from './operation/caller.ts'
import { HeadMemory } from './operation/head-memory.ts'
import { Reason } from './operation/abi.ts'
import { reasonNames } from './operation/messages.ts'
import type { Operation, Outcome } from './operation/operation.ts'
import { readBoxRecord, readImageRecord } from './operation/read-record.ts'
import type { BoxRecord, ImageRecord, MachineRecord } from './operation/record.ts'
import { perform, type BulkWork, type HeldLock, type PerformHost } from './perform.ts'
import type { AssetProgress } from './progress.ts'
import { SharedWork, type Share } from './shared-work.ts'
import { Turns } from './turns.ts'

/** What stands under a box's id. */
export type BoxReading =
  | { readonly kind: 'box'; readonly id: string; readonly record: BoxRecord }
  | { readonly kind: 'damaged'; readonly id: string; readonly error: BoxLiteError }
  | { readonly kind: 'absent'; readonly id: string }

const IDLE_CORES = 8
const IDLE_CORE_BYTES = 4 * 1024 * 1024
const UNREADABLE: ReadonlySet<ErrorCode> = new Set(['corrupt', 'unsupported', 'limit'])

/** What an operation is given beside what every one is given. */
export interface RunOptions extends CallerOptions {
  readonly held?: readonly HeldLock[]
  readonly bulk?: Partial<BulkWork>
  /** The machines to work with; the caller lets go of them. By default the operation's own. */
  readonly machines?: OperationMachines
}

export class HomeAccess {
  readonly host: BoxHost
  readonly store: Store
  readonly names: NameIndex
  readonly runner: Runner
  readonly #engines: readonly Engine[]
  readonly #log: PerformHost['log']
  #guest: Guest | null = null
  readonly #finding = new SharedWork<Guest, AssetProgress>()
  readonly #heads = new HeadMemory()
  readonly #idleCores: Core[] = []
  #reader: Core | null = null
  readonly #turns = new Turns()
  readonly #running = new Set<Promise<unknown>>()
  readonly #openDisks = new Map<string, () => Promise<void>>()
  #closing: Promise<void> | null = null

  /** `engines`: those that boxes may be started with, the best first. */
  constructor(host: BoxHost, store: Store, engines: readonly Engine[] = host.engines, log?: PerformHost['log']) {
    this.host = host
    this.store = store
    this.#engines = engines
    this.#log = log
    this.names = new NameIndex(store, (id) => this.read(id))
    this.runner = new Runner(this)
  }

  /** Every engine that may run a machine of this home: those to start with, and the host's others, for machines that live. */
  get engines(): readonly Engine[] {
    return [...new Set([...this.#engines, ...this.host.engines])]
  }

  /** The engine of a box's machine; `unsupported` where this program does not have it. */
  engineOf(boxId: string, machine: MachineRecord): Engine {
    return engineOf(this.engines, boxId, machine)
  }

  /** The engine that boxes are started with; `engine_unavailable` where none works. Engines remember what they found out. */
  async engine(): Promise<ChosenEngine> {
    const chosen = await chooseEngine(this.#engines)
    if (chosen.engine === null) throw engineUnavailable(chosen.info)
    return chosen
  }

  /** What there is to tell of the engine, whether or not one works. */
  async engineInfo(): Promise<EngineInfo> {
    return (await chooseEngine(this.#engines)).info
  }

  /** The guest; one that was found is kept. */
  async guest(share: Share<AssetProgress> = {}): Promise<Guest> {
    this.#guest ??= await this.#finding.join('guest', share, (whole) => this.host.findGuest(whole))
    return this.#guest
  }

  /** A core for single questions: each is answered in one go, so one serves all. */
  async reader(): Promise<Core> {
    this.#reader ??= await Core.create()
    return this.#reader
  }

  /** What operations need of this home. */
  get performer(): PerformHost {
    const { names } = this
    return {
      store: this.store,
      heads: this.#heads,
      findBox: (name) => names.find(name),
      nameOf: (id) => names.nameOf(id),
      ...(this.#log && { log: this.#log }),
    }
  }

  /** One call of the public API: `close` waits for its end; after `close` it is refused with `invalid_state`. */
  async during<T>(call: () => Promise<T>): Promise<T> {
    this.#checkOpen()
    const running = call()
    this.#running.add(running)
    try {
      return await running
    } finally {
      this.#running.delete(running)
    }
  }

  /** Carries out one operation, with the locks of the machines that run here. A core is an operation's own while it lasts. */
  async run<O extends Operation>(operation: O, { held = [], bulk, machines, ...caller }: RunOptions = {}): Promise<Outcome<O>> {
    const core = this.#idleCores.pop() ?? (await Core.create())
    const own = 'boxId' in operation ? this.runner.heldLocks(operation.boxId) : []
    const found = machines ?? this.runner.operationMachines()
    try {
      return await perform(core, operation, { ...this.performer, ...caller, machines: found, held: [...own, ...held], ...(bulk && { bulk }) })
    } catch (error) {
      const isLocked = isBoxLiteError(error, 'busy') && error.facts['reason'] === reasonNames[Reason.LOCKED_BOX]
      throw isLocked ? await this.inUse(String(error.facts['subject']), error.facts) : error
    } finally {
      // One that had to think about a large home gives its memory back.
      if (core.bytes.length <= IDLE_CORE_BYTES && this.#idleCores.length < IDLE_CORES) this.#idleCores.push(core)
      if (machines === undefined) await found.letGo()
    }
  }

  /** What stands under a box's id. A record that is not one is `damaged`; a device that fails rejects. */
  async read(id: string): Promise<BoxReading> {
    try {
      const bytes = await this.store.readRecord('boxes', id)
      if (bytes === null) return { kind: 'absent', id }
      const record = readBoxRecord(await this.reader(), id, bytes)
      this.names.note(id, record.name)
      return { kind: 'box', id, record }
    } catch (error) {
      if (!isBoxLiteError(error) || !UNREADABLE.has(error.code)) throw error
      return { kind: 'damaged', id, error }
    }
  }

  /** Like `read`, for whoever looks at all boxes: a record that cannot be read now is `damaged` too, and keeps nobody from the others. */
  async look(id: string): Promise<BoxReading> {
    try {
      return await this.read(id)
    } catch (error) {
      if (!isBoxLiteError(error)) throw error
      return { kind: 'damaged', id, error }
    }
  }

  /** The record of an image, or null when there is none. One that cannot be read rejects. */
  async readImage(id: string): Promise<ImageRecord | null> {
    const bytes = await this.store.readRecord('images', id)
    if (bytes === null) return null
    return readImageRecord(await this.reader(), id, bytes)
  }

  /** The record of a box that has to be there: `not_found`, `corrupt`, `unsupported`. */
  async record(id: string): Promise<BoxRecord> {
    const reading = await this.read(id)
    if (reading.kind === 'box') return reading.record
    throw reading.kind === 'damaged' ? reading.error : boxNotFound(id)
  }

  /** Waits for all earlier calls on this box and keeps later ones waiting until the function that this answers is called. */
  enter(boxId: string, signal?: AbortSignal): Promise<() => void> {
    this.#checkOpen()
    checkAborted(signal)
    return this.#turns.enter(boxId, signal)
  }

  /** Runs `work` in the box's turn: callers in one process wait for each other, others are told `busy`. The waiting ends by `signal`. */
  async inTurn<T>(boxId: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const leave = await this.enter(boxId, signal)
    try {
      return await work()
    } finally {
      leave()
    }
  }

  /** Like `inTurn`, for what has to be done even while the home is being closed: a machine that ended is told to the record. */
  async afterTurn(boxId: string, work: () => Promise<void>): Promise<void> {
    const leave = await this.#turns.enter(boxId)
    try {
      await work()
    } finally {
      leave()
    }
  }

  /** Runs one operation on a box, in turn. Refused with `invalid_state` while this process has the box's disk open. */
  change<O extends Operation & { readonly boxId: string }>(operation: O, options: CallerOptions = {}): Promise<Outcome<O>> {
    const work = (): Promise<Outcome<O>> => {
      this.checkDiskClosed(operation.boxId)
      return this.run(operation, options)
    }
    return this.inTurn(operation.boxId, work, options.signal)
  }

  /** What a message calls a box: its name where it has one. */
  called(boxId: string): string {
    return this.names.nameOf(boxId) ?? boxId
  }

  checkDiskClosed(boxId: string): void {
    if (!this.#openDisks.has(boxId)) return
    throw new BoxLiteError('invalid_state', `The disk of box '${this.called(boxId)}' is open`, { remedy: 'Close the disk first.', facts: { boxId } })
  }

  /** Says that the disk of a box is open, until the function that this returns is called. */
  noteOpenDisk(boxId: string, close: () => Promise<void>): () => void {
    this.#openDisks.set(boxId, close)
    return () => this.#openDisks.delete(boxId)
  }

  /** Lets go of a box that another program wants, and that stays: its disk is closed where it is open here, it is stopped where it runs here. */
  async giveUp(boxId: string): Promise<void> {
    await this.#openDisks.get(boxId)?.()
    await this.inTurn(boxId, () => this.runner.stop(boxId, {}, true))
  }

  /** A lock of the box, or `busy`. */
  async lockBox(boxId: string): Promise<Held> {
    const held = await this.store.lock({ kind: 'box', id: boxId })
    if (held === null) throw await this.inUse(boxId)
    return held
  }

  /** Why a box's lock cannot be had, and what to do. */
  async inUse(boxId: string, facts: BoxLiteError['facts'] = {}): Promise<BoxLiteError> {
    const reading = await this.look(boxId)
    const machine = reading.kind === 'box' ? reading.record.machine : null
    const box = `box '${this.called(boxId)}'`
    if (machine === null || machine.detached) {
      const remedy = 'Try again when the other process or tab is done.'
      return new BoxLiteError('busy', `${box} is in use by another process or tab`, { remedy, facts: { ...facts, boxId } })
    }
    return new BoxLiteError('busy', `${box} runs in another process or tab, which alone can use it until it stops`, {
      remedy: "Use it there, or stop it there. Started with `detach: true`, as 'boxlite start' does under QEMU, it can be used by several.",
      facts: { ...facts, boxId, pid: machine.pid },
    })
  }

  /** The home, shared or alone, or `busy`. */
  async lockHome(mode: 'shared' | 'exclusive'): Promise<Held> {
    const held = await this.store.lock({ kind: 'home', mode })
    if (held !== null) return held
    throw new BoxLiteError('busy', 'the home is in use by another process or tab', { remedy: 'Try again when the other process or tab is done.' })
  }

  /** Waits for the calls that are under way, closes open disks and the store. Once. */
  close(options: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  #checkOpen(): void {
    if (this.#closing !== null) throw new BoxLiteError('invalid_state', 'This BoxLite is closed', { remedy: 'Open it again.' })
  }

  async #close(options: CloseOptions): Promise<void> {
    // Whoever made a call hears how it ended; here it only has to be over.
    await Promise.allSettled([this.#turns.over(), ...this.#running])
    const closed = await Promise.allSettled([...Array.from(this.#openDisks.values(), (closeDisk) => closeDisk()), this.runner.close(options)])
    await this.#turns.over()
    await this.store.close()
    // A disk that could not be flushed, a machine that could not be stopped: the caller has to know.
    for (const result of closed) if (result.status === 'rejected') throw result.reason
  }
}

export function boxNotFound(idOrName: string): BoxLiteError {
  return new BoxLiteError('not_found', `box '${idOrName}' not found`, {
    remedy: "Run 'boxlite ls' to see the boxes there are.",
    facts: { box: idOrName },
  })
}
