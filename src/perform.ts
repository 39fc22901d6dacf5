// Carries out what the core decides. The only place that awaits: one switch from effect to host call.
//
//   begin(kind) -> effect -> host call -> resume(status) -> effect -> ... -> done | failed
//
// The locks that an operation took are let go here, at its end, however it ends.

import type { Core } from './core/core.ts'
import { BoxLiteError, isBoxLiteError, type ErrorCode } from './error.ts'
import type { Directory, Held, LayerFile, LockScope, RecordKind, Store } from './host.ts'
import { Effect, HomeMode, MachineState, Place, Status, Step } from './operation/abi.ts'
import { encodeOperation } from './operation/encode.ts'
import { decodeFinding, decodeOutcome } from './operation/decode.ts'
import { findName } from './operation/find-name.ts'
import { codes, describeFailure } from './operation/messages.ts'
import type { Finding, NewLayer, Operation, Outcome } from './operation/operation.ts'
import type { MachineRecord } from './operation/record.ts'
import { MessageReader, MessageWriter } from './operation/wire.ts'

/** A lock the caller of `perform` holds already. */
export interface HeldLock {
  readonly scope: LockScope
  readonly held: Held
}

/** A machine, as its box's record names it. */
export interface BoxMachine {
  readonly boxId: string
  readonly machine: MachineRecord
}

/** What a machine answered when it was asked what it has open. `silent`: it lives, or may live, and gave no answer. */
export type MachineAnswer =
  | { readonly state: 'none' }
  | { readonly state: 'running' | 'paused'; readonly open: string }
  | { readonly state: 'silent' }

/** The machine side of an operation. Every method is bounded in time by the host and rejects with a `BoxLiteError`. */
export interface MachineControl {
  /** Asks the guest to freeze its file systems. A rejection is reported, and the snapshot goes on without. */
  freeze(box: BoxMachine): Promise<void>
  pause(box: BoxMachine): Promise<void>
  /** Resolves when no request of the guest is in flight. */
  drain(box: BoxMachine): Promise<void>
  /** Hands every acknowledged write to the live layer's file. */
  flush(box: BoxMachine): Promise<void>
  /** Makes the machine write into `layer` (a file name) from now on; the machine is paused. */
  switchTo(box: BoxMachine, layer: string): Promise<void>
  /** Lets a paused machine run; nothing for a running one. */
  resume(box: BoxMachine): Promise<void>
  thaw(box: BoxMachine): Promise<void>
  /** What it has open. Rejects only when not even "no answer" can be told. */
  ask(box: BoxMachine): Promise<MachineAnswer>
  /** Ends it; resolves when its end is proven. */
  kill(box: BoxMachine): Promise<void>
}

/** Two layers to be made one. */
export interface Fold {
  /** The layer that stays under its name. */
  readonly upper: string
  /** What it backs on. */
  readonly lower: string
  /** What `lower` backs on, from the top; empty for none. */
  readonly below: readonly string[]
}

/** Bulk bytes, moved without the core. None of these syncs: the core asks for that. */
export interface BulkWork {
  /** Writes the new layer, the `index`th of the operation's, into `file`, which is empty. */
  fill(index: number, layer: NewLayer, file: LayerFile): Promise<void>
  /** Writes into `target`, which is empty, what `upper` and `lower` hold together, backing on the first of `below`. */
  fold(fold: Fold, target: LayerFile): Promise<void>
}

/** An effect that was carried out, for a log. */
export interface OperationEvent {
  readonly operation: Operation['kind']
  readonly effect: keyof typeof Effect
  /** `null`: it went well. */
  readonly error: ErrorCode | null
}

/** What an operation needs from its host. */
export interface PerformHost {
  readonly store: Store
  /** Locks this caller holds already: the effect that takes one of them does nothing, and it is not let go at the end. */
  readonly held?: readonly HeldLock[]
  /** The machine side. Absent where there are no machines: a box whose record names one is then refused with `unsupported`. */
  readonly machines?: MachineControl
  readonly bulk?: Partial<BulkWork>
  /** The id of the box that has a name, or null. By default every box record is read. */
  readonly findBox?: (name: string) => Promise<string | null>
  readonly log?: (event: OperationEvent) => void
}

const effectNames = new Map(Object.entries(Effect).map(([name, code]) => [code as number, name as keyof typeof Effect]))
const directories: readonly Directory[] = ['boxes', 'images', 'layers', 'states']
const LIST_SLICE_NAMES = 4096

/** Carries `operation` out and resolves with its outcome. Rejects with a `BoxLiteError`; the home is then as it was, or as the error says. */
export async function perform<O extends Operation>(core: Core, operation: O, host: PerformHost): Promise<Outcome<O>> {
  const run = new Run(core, operation, host)
  try {
    return (await run.toEnd()) as Outcome<O>
  } finally {
    await run.letGo()
  }
}

class Run {
  readonly #core: Core
  readonly #operation: Operation
  readonly #host: PerformHost
  readonly #taken: Held[] = []
  readonly #files = new Map<string, LayerFile>()
  readonly #findings: Finding[] = []
  readonly #errors: unknown[] = []
  readonly #listings = new Map<Directory, readonly string[]>()
  readonly #answer = new MessageWriter()

  constructor(core: Core, operation: Operation, host: PerformHost) {
    this.#core = core
    this.#operation = operation
    this.#host = host
  }

  async toEnd(): Promise<Outcome> {
    const { exports } = this.#core
    exports.reset()
    const kind = encodeOperation(this.#answer.clear(), this.#operation, this.#host.store.guarantees)
    const message = this.#answer.message
    this.#core.put(message)
    let step = exports.operationBegin(kind, message.length)
    if (step === Step.ILLEGAL) throw new BoxLiteError('invalid_argument', `${this.#operation.kind}: a field is not of its type`)
    while (step === Step.EFFECT) {
      const status = await this.#effect(this.#message())
      const answer = this.#answer.message
      this.#core.put(answer)
      step = exports.operationResume(status, answer.length)
    }
    const end = this.#message()
    if (step === Step.DONE) return decodeOutcome(this.#operation, end, this.#findings)
    if (step === Step.FAILED) throw describeFailure(this.#operation, end, this.#errors)
    throw new Error(`the core refused a call: step ${step}`)
  }

  /** Lets go of what this run took: files left open by a failure, then the locks, the last one first. */
  async letGo(): Promise<void> {
    for (const file of this.#files.values()) await file.close()
    for (const held of this.#taken.reverse()) await held.release()
  }

  #message(): MessageReader {
    return new MessageReader(this.#core.bytes, this.#core.reserve(0))
  }

  /** Carries one effect out and leaves its answer's fields in `#answer`. Errors become a status; the core decides what they mean. */
  async #effect(message: MessageReader): Promise<number> {
    const effect = message.number()
    this.#answer.clear()
    let status: number = Status.OK
    try {
      status = await this.#carryOut(effect, message)
      this.#errors.push(null)
    } catch (error) {
      status = isBoxLiteError(error) ? codes.indexOf(error.code) : Status.IO
      this.#errors.push(error)
      this.#answer.clear()
    }
    this.#host.log?.({
      operation: this.#operation.kind,
      effect: effectNames.get(effect) as keyof typeof Effect,
      error: status === Status.OK ? null : (codes[status] as ErrorCode),
    })
    return status
  }

  async #carryOut(effect: number, message: MessageReader): Promise<number> {
    const { store } = this.#host
    switch (effect) {
      case Effect.LOCK_BOX:
        return this.#lock({ kind: 'box', id: message.text() })
      case Effect.LOCK_HOME:
        return this.#lock({ kind: 'home', mode: message.number() === HomeMode.SHARED ? 'shared' : 'exclusive' })
      case Effect.LOCK_NAME:
        return this.#lock({ kind: 'name', name: message.text() })
      case Effect.FIND_NAME:
        return this.#findName(message.text())
      case Effect.LIST:
        return this.#list(directory(message), message.number())
      case Effect.READ_RECORD:
        return this.#readRecord(recordKind(message), message.text())
      case Effect.COMMIT_RECORD:
        await store.commitRecord(recordKind(message), message.text(), message.bytes(), optionalBytes(message), this.#heldLocks())
        return Status.OK
      case Effect.REMOVE_RECORD:
        await store.removeRecord(recordKind(message), message.text(), message.bytes(), this.#heldLocks())
        return Status.OK
      case Effect.READ_HEAD:
        return this.#readHead(message.text(), message.number())
      case Effect.CREATE_LAYER:
        return this.#create(message.text())
      case Effect.WRITE_LAYER:
        return this.#write(message)
      case Effect.FILL_LAYER:
        return this.#fill(message.number(), message.text())
      case Effect.FOLD_LAYERS:
        return this.#fold(message)
      case Effect.SYNC_LAYER:
        return this.#sync(message.text())
      case Effect.PUBLISH_LAYER:
        await store.publishLayer(message.text(), message.text())
        return Status.OK
      case Effect.SYNC_DIRECTORY:
        await store.syncDirectory(directory(message))
        return Status.OK
      case Effect.REMOVE:
        return this.#remove(directory(message), message.text())
      case Effect.REPORT:
        this.#findings.push(decodeFinding(message))
        return Status.OK
      default:
        return this.#machine(effect, message)
    }
  }

  async #machine(effect: number, message: MessageReader): Promise<number> {
    const { machines } = this.#host
    if (!machines) throw new BoxLiteError('unsupported', 'this process cannot reach the machines of boxes')
    const box: BoxMachine = { boxId: message.text(), machine: JSON.parse(message.text()) as MachineRecord }
    switch (effect) {
      case Effect.FREEZE:
        await machines.freeze(box)
        return Status.OK
      case Effect.PAUSE:
        await machines.pause(box)
        return Status.OK
      case Effect.DRAIN:
        await machines.drain(box)
        return Status.OK
      case Effect.FLUSH:
        await machines.flush(box)
        return Status.OK
      case Effect.SWITCH:
        await machines.switchTo(box, message.text())
        return Status.OK
      case Effect.RESUME:
        await machines.resume(box)
        return Status.OK
      case Effect.THAW:
        await machines.thaw(box)
        return Status.OK
      case Effect.ASK: {
        const answer = await machines.ask(box)
        this.#answer.number(machineStates[answer.state]).text('open' in answer ? answer.open : '')
        return Status.OK
      }
      case Effect.KILL:
        await machines.kill(box)
        return Status.OK
      default:
        throw new Error(`the core asked for an unknown effect: ${effect}`)
    }
  }

  async #lock(scope: LockScope): Promise<number> {
    const before = this.#host.held?.some((lock) => covers(lock.scope, scope) && lock.held.isHeld()) ?? false
    if (!before) {
      const held = await this.#host.store.lock(scope)
      if (held === null) return Status.BUSY
      this.#taken.push(held)
    }
    this.#answer.number(before ? 1 : 0)
    return Status.OK
  }

  #heldLocks(): readonly Held[] {
    return [...(this.#host.held ?? []).map((lock) => lock.held), ...this.#taken]
  }

  async #findName(name: string): Promise<number> {
    const id = await (this.#host.findBox ?? ((wanted) => findName(this.#host.store, wanted)))(name)
    if (id === null) return Status.NOT_FOUND
    this.#answer.text(id)
    return Status.OK
  }

  /** One slice of a listing from `cursor`, and where the next one starts; 0 at the end. */
  async #list(of: Directory, cursor: number): Promise<number> {
    const names = cursor === 0 ? await this.#host.store.list(of) : (this.#listings.get(of) ?? [])
    this.#listings.set(of, names)
    const slice = names.slice(cursor, cursor + LIST_SLICE_NAMES)
    this.#answer.number(slice.length)
    for (const name of slice) this.#answer.text(name)
    this.#answer.number(cursor + slice.length < names.length ? cursor + slice.length : 0)
    return Status.OK
  }

  async #readRecord(kind: RecordKind, id: string): Promise<number> {
    const bytes = await this.#host.store.readRecord(kind, id)
    if (bytes === null) return Status.NOT_FOUND
    this.#answer.bytes(bytes)
    return Status.OK
  }

  async #readHead(name: string, lengthBytes: number): Promise<number> {
    const file = await this.#host.store.openLayer(name, 'read')
    try {
      const head = new Uint8Array(lengthBytes)
      const had = await file.read(head, 0)
      this.#answer.number(await file.size()).bytes(head.subarray(0, had))
      return Status.OK
    } finally {
      await file.close()
    }
  }

  async #create(name: string): Promise<number> {
    this.#files.set(name, await this.#host.store.createLayer(name))
    return Status.OK
  }

  /** A new layer stays open from its creation to its sync. */
  #created(name: string): LayerFile {
    const file = this.#files.get(name)
    if (!file) throw new Error(`the core wrote into '${name}', which it did not create`)
    return file
  }

  async #write(message: MessageReader): Promise<number> {
    const file = this.#created(message.text())
    const length = message.number()
    for (let more = message.number(); more > 0; more--) {
      const offset = message.number()
      await file.write(message.bytes(), offset)
    }
    await file.truncate(length)
    return Status.OK
  }

  async #fill(index: number, name: string): Promise<number> {
    const layers = 'layers' in this.#operation ? this.#operation.layers : []
    const layer = layers[index]
    const fill = this.#host.bulk?.fill
    if (!layer || !fill) throw new BoxLiteError('unsupported', `nothing fills the new layer '${name}'`)
    await fill.call(this.#host.bulk, index, layer, this.#created(name))
    return Status.OK
  }

  async #fold(message: MessageReader): Promise<number> {
    const fold = this.#host.bulk?.fold
    if (!fold) throw new BoxLiteError('unsupported', 'nothing folds layers here')
    const target = this.#created(message.text())
    const upper = message.text()
    const lower = message.text()
    const below = Array.from({ length: message.number() }, () => message.text())
    await fold.call(this.#host.bulk, { upper, lower, below }, target)
    return Status.OK
  }

  async #sync(name: string): Promise<number> {
    const file = this.#files.get(name) ?? (await this.#host.store.openLayer(name, 'write'))
    this.#files.delete(name)
    try {
      await file.sync()
    } finally {
      await file.close()
    }
    return Status.OK
  }

  async #remove(from: Directory, name: string): Promise<number> {
    const file = from === 'layers' ? this.#files.get(name) : undefined
    this.#files.delete(name)
    await file?.close()
    await this.#host.store.remove(from, name)
    return Status.OK
  }
}

const machineStates = {
  none: MachineState.NONE,
  running: MachineState.RUNNING,
  paused: MachineState.PAUSED,
  silent: MachineState.SILENT,
} as const

function directory(message: MessageReader): Directory {
  const of = directories[message.number()]
  if (!of) throw new Error('the core named an unknown directory')
  return of
}

function recordKind(message: MessageReader): RecordKind {
  return message.number() === Place.BOXES ? 'boxes' : 'images'
}

function optionalBytes(message: MessageReader): Uint8Array | null {
  return message.number() === 0 ? null : message.bytes()
}

/** Whether holding `held` is holding `wanted`: the same lock, or the home alone where sharing it is enough. */
function covers(held: LockScope, wanted: LockScope): boolean {
  switch (wanted.kind) {
    case 'box':
      return held.kind === 'box' && held.id === wanted.id
    case 'home':
      return held.kind === 'home' && (held.mode === wanted.mode || held.mode === 'exclusive')
    case 'name':
      return held.kind === 'name' && held.name === wanted.name
  }
}
