// A home in use: a world, its machines and locks, the processes at work on it, and the truth that is
// kept beside them. Whatever happens, `expected` says what may be on the disk at that moment.

import type { Core } from '../../src/core/core.ts'
import type { Layer } from '../../src/disk/chain.ts'
import { mergeLayers } from '../../src/disk/merge.ts'
import { isBoxLiteError, type BoxLiteError } from '../../src/error.ts'
import type { Held, LayerFile, Store } from '../../src/host.ts'
import { adoptBox } from '../../src/legacy/adopt.ts'
import type { OldFiles } from '../../src/legacy/old-files.ts'
import type { NewLayer, Operation, Outcome } from '../../src/operation/operation.ts'
import { perform, type BulkWork, type Fold, type HeldLock, type MachineControl } from '../../src/perform.ts'
import { FileStore } from '../../src/store/file-store.ts'
import type { LockService } from '../../src/store/lock-service.ts'
import { MemoryLocks } from '../../src/store/memory-locks.ts'
import { internPage } from './content.ts'
import { CrashFileSystem, type Hook } from './crash-fs.ts'
import { patternPage } from './guest.ts'
import { qcow2Image, rawImage } from './image-builder.ts'
import { directoryOf, guestBytes, readChain, readRecord, type GuestBytes } from './image-reader.ts'
import { Machines, type GuestWatch } from './machines.ts'
import { after, either, flushed, NotApplicable, written, type Adoption, type BoxTruth, type Expectation, type Task } from './truth.ts'
import { ROOT, type World } from './world.ts'

/** Pages of a test's disk: two clusters. */
export const DISK_PAGES = 32

/** What a layer of an import or an image is filled with: the `index`th of its operation. */
export function filling(index: number): GuestBytes {
  const pages = Array.from({ length: DISK_PAGES }, (_, i) => (i % 16 === 3 || i === 7 ? internPage(patternPage(0xf1110000 + index * 256 + i)) : null))
  return guestBytes(pages)
}

/** Changes to what a process does: for faults and mutants. */
export interface Wrappers {
  readonly hook?: Hook | null
  readonly store?: (store: Store) => Store
  readonly machines?: (machines: MachineControl) => MachineControl
  /** What a broken host does after the operation was answered. */
  readonly late?: () => Promise<void>
}

/** An operation that was begun and may have changed something. */
interface Begun {
  readonly operation: Task
  /** In flight, or answered with an error that leaves its outcome open: it may have taken place. Done: it has. */
  status: 'open' | 'done'
  /** Of a running box: what its guest had on disk when it was paused and drained; undefined until then. */
  caught: BoxTruth | undefined
  readonly ofRunning: boolean
}

/** A process: one owner of locks, one store. */
export interface Process {
  readonly store: Store
  readonly locks: LockService
  readonly machines: MachineControl
  readonly core: Core
  /** A home of the prior implementation beside this one, where there is one. */
  readonly old: OldFiles
  readonly late: () => Promise<void>
  /** The locks of boxes whose machines end with this process. */
  readonly owned: Map<string, Held>
}

export class Run implements GuestWatch {
  readonly world: World
  readonly machines: Machines
  readonly #locks = new MemoryLocks()
  #base: Expectation
  readonly #begun: Begun[] = []
  #expected: Expectation | undefined
  #stores: number

  constructor(world: World, base: Expectation, machines: Machines = new Machines(world)) {
    this.world = world
    this.#base = base
    this.machines = machines
    this.#stores = firstFreeNonce(world)
  }

  /** What the disk may show now. */
  get expected(): Expectation {
    this.#expected ??= this.#possible()
    return this.#expected
  }

  /** The one truth, when nothing is open. */
  get base(): Expectation {
    return this.#base
  }

  process(core: Core, wrappers: Wrappers = {}): Process {
    const hook = wrappers.hook ?? null
    const locks = this.#locks.owner()
    const store = new FileStore(new CrashFileSystem(this.world, hook), locks, `p${this.#stores++}`)
    const machines = this.machines.control(hook, this)
    return {
      core,
      locks,
      old: new CrashFileSystem(this.world, hook, this.world.names(ROOT).entries.get('old')),
      store: wrappers.store?.(store) ?? store,
      machines: wrappers.machines?.(machines) ?? machines,
      late: wrappers.late ?? (async () => undefined),
      owned: new Map(),
    }
  }

  /** Carries an operation out and keeps the truth: an error of the device leaves its outcome open, a refusal changes nothing. */
  perform<O extends Operation>(process: Process, operation: O): Promise<Outcome<O>> {
    const captures = operation.kind === 'snapshot.create' || (operation.kind === 'clone' && operation.snapshot === null)
    const { core, store, machines } = process
    const work = async (): Promise<Outcome<O>> => {
      const held = 'boxId' in operation ? await this.#owning(process, operation.boxId) : []
      return await perform(core, operation, { store, machines, held, bulk: bulkOf(store) })
    }
    return this.#keepingTruth(process, operation, captures && this.#runs(operation.boxId), work)
  }

  /** The same for whatever a process may be asked to do. */
  async carryOut(process: Process, task: Task): Promise<void> {
    await (task.kind === 'adopt' ? this.#keepingTruth(process, task, false, () => adopt(process, task)) : this.perform(process, task))
  }

  async #keepingTruth<T>(process: Process, operation: Task, ofRunning: boolean, work: () => Promise<T>): Promise<T> {
    const begun: Begun = { operation, status: 'open', caught: undefined, ofRunning }
    this.#begun.push(begun)
    this.#expected = undefined
    try {
      const outcome = await work()
      begun.status = 'done'
      this.#close()
      await process.late()
      return outcome
    } catch (error) {
      if (isRefusal(error)) this.#begun.splice(this.#begun.indexOf(begun), 1)
      this.#expected = undefined
      throw error
    }
  }

  /** A machine that ends with its owner has one: the process that has the box's lock, from the machine's launch to its own end. */
  async #owning(process: Process, boxId: string): Promise<readonly HeldLock[]> {
    const isOwned = this.machines.alive.some((machine) => machine.boxId === boxId && !machine.record.detached)
    if (isOwned && !process.owned.has(boxId)) {
      const lock = await process.locks.take({ kind: 'box', id: boxId })
      if (lock !== null) process.owned.set(boxId, lock)
    }
    const held = process.owned.get(boxId)
    return held === undefined ? [] : [{ scope: { kind: 'box', id: boxId }, held }]
  }

  writing(boxId: string, page: number, bytes: ReturnType<typeof internPage>): void {
    this.#change(boxId, (truth) => written(truth, page, bytes))
  }

  flushed(boxId: string): void {
    this.#change(boxId, flushed)
    this.world.onEffect?.()
  }

  caught(boxId: string): void {
    for (const begun of this.#begun) {
      if (begun.ofRunning && 'boxId' in begun.operation && begun.operation.boxId === boxId) begun.caught ??= this.#base.box(boxId)!
    }
    this.#expected = undefined
  }

  died(boxId: string): void {
    const layers = directoryOf(this.world, 'layers')
    const record = this.world.content(directoryOf(this.world, 'boxes').entries.get(`${boxId}.json`)!)
    const live = readChain(this.world, layers, readRecord(record, boxId).live)
    this.#change(boxId, (truth) => ({ ...truth, live }))
  }

  #runs(boxId: string): boolean {
    return this.machines.alive.some((machine) => machine.boxId === boxId)
  }

  /** The answer was given: when nothing else is open, what was done is the truth from now on. */
  #close(): void {
    if (this.#begun.every((begun) => begun.status === 'done')) {
      this.#base = this.#possible()
      this.#begun.length = 0
    }
    this.#expected = undefined
    this.world.onEffect?.()
  }

  #change(boxId: string, change: (truth: BoxTruth) => BoxTruth): void {
    const alternatives = this.#base.boxes.get(boxId) ?? []
    this.#base = this.#base.with(boxId, ...alternatives.map((truth) => (truth === null ? null : change(truth))))
    this.#expected = undefined
  }

  /** Every order in which what is done has happened and what is open may have. */
  #possible(): Expectation {
    let all: Expectation | undefined
    const follow = (from: Expectation, left: readonly Begun[]): void => {
      if (left.every((begun) => begun.status === 'open')) all = all === undefined ? from : either(all, from)
      for (const begun of left) {
        const next = this.#applied(from, begun)
        if (next !== null) follow(next, left.filter((other) => other !== begun))
      }
    }
    follow(this.#base, this.#begun)
    if (all === undefined) throw new Error('the operations that succeeded cannot all have')
    return all
  }

  #applied(from: Expectation, { operation, ofRunning, caught }: Begun): Expectation | null {
    if (!ofRunning || !('boxId' in operation)) return applicable(() => after(from, operation, filling))
    // Nothing is caught of a machine that recovery had to end: its box is a stopped one by now.
    if (caught === undefined) return this.#runs(operation.boxId) ? null : applicable(() => after(from, operation, filling))
    const now = from.box(operation.boxId)!
    const then = applicable(() => after(from.with(operation.boxId, { ...now, live: caught.live, loose: new Map() }), operation, filling))
    if (then === null || then.box(operation.boxId) === null) return then
    return then.with(operation.boxId, { ...then.box(operation.boxId)!, live: now.live, loose: now.loose })
  }
}

async function adopt({ store, machines, old }: Process, { oldId, ids }: Adoption): Promise<void> {
  const left = [...ids]
  const home = { files: old, evidenceOfMachine: async () => null }
  await adoptBox({ store, machines }, home, oldId, { newId: () => left.shift()!, nowMs: 0 })
}

/** Names of temporary files are unique to their process: those that dead ones left are not used again. */
function firstFreeNonce(world: World): number {
  let free = 0
  for (const directory of ['boxes', 'images']) {
    for (const name of directoryOf(world, directory).entries.keys()) {
      const nonce = /\.p([0-9]+)-[0-9]+\.tmp$/.exec(name)?.[1]
      if (nonce !== undefined) free = Math.max(free, Number(nonce) + 1)
    }
  }
  return free
}

function applicable(apply: () => Expectation): Expectation | null {
  try {
    return apply()
  } catch (error) {
    if (error instanceof NotApplicable) return null
    throw error
  }
}

const refusals = ['invalid_argument', 'not_found', 'already_exists', 'invalid_state', 'unsupported', 'busy', 'limit'] as const

/** Whether an error says that nothing was done. */
export function isRefusal(error: unknown): error is BoxLiteError {
  return refusals.some((code) => isBoxLiteError(error, code))
}

function bulkOf(store: Store): BulkWork {
  return {
    async fill(index: number, layer: NewLayer, file: LayerFile): Promise<void> {
      const disk = filling(index)
      const segments = layer.name.endsWith('.raw') ? rawImage(disk) : qcow2Image(disk, layer.parent)
      for (const segment of segments) await file.write(segment.bytes, segment.offset)
      if (layer.name.endsWith('.raw')) await file.truncate(DISK_PAGES * 4096)
    },
    fold: (fold, target) => foldLayers(store, fold, target),
  }
}

async function foldLayers(store: Store, fold: Fold, target: LayerFile): Promise<void> {
  const open = async (name: string): Promise<Layer> => {
    return { name, format: name.endsWith('.raw') ? 'raw' : 'qcow2', file: await store.openLayer(name, 'read') }
  }
  const [upper, lower, ...below] = await Promise.all([fold.upper, fold.lower, ...fold.below].map(open))
  const backing = below[0] === undefined ? null : { name: below[0].name, format: below[0].format }
  try {
    await mergeLayers({ upper: upper!, lower: lower!, below, target, backing })
  } finally {
    for (const layer of [upper!, lower!, ...below]) await layer.file.close()
  }
}
