// Carries out what the core decides. The only place that awaits: one switch from effect to host call.
//
//   begin(kind) -> effect -> host call -> resume(status) -> effect -> ... -> done | failed
//
// The locks that an operation took are let go here, at its end, however it ends.

import type { Core } from './core/core.ts'
import { BoxLiteError, isBoxLiteError, type ErrorCode } from './error.ts'
import type { Directory, Held, LockScope, RecordKind } from './host.ts'
import { Effect, HomeMode, MachineState, Place, Status, Step } from './operation/abi.ts'
import { Caller } from './operation/caller.ts'
import { encodeOperation } from './operation/encode.ts'
import { decodeFinding, decodeOutcome } from './operation/decode.ts'
import { findName } from './operation/find-name.ts'
import { LayerFiles } from './operation/layer-files.ts'
import { codes, describeFailure } from './operation/messages.ts'
import type { Finding, Operation, Outcome } from './operation/operation.ts'
import type { BoxMachine, PerformHost } from './operation/perform-host.ts'
import type { MachineRecord } from './operation/record.ts'
import { MessageReader, MessageWriter } from './operation/wire.ts'

export type {
  BoxMachine,
  BulkWork,
  Fold,
  HeldLock,
  MachineAnswer,
  MachineControl,
  OperationEvent,
  PerformHost,
} from './operation/perform-host.ts'

const effectNames = new Map(Object.entries(Effect).map(([name, code]) => [code as number, name as keyof typeof Effect]))
const directories: readonly Directory[] = ['boxes', 'images', 'layers', 'states']
const commits: ReadonlySet<number> = new Set([Effect.COMMIT_RECORD, Effect.REMOVE_RECORD])
const LIST_SLICE_NAMES = 4096

/** Carries `operation` out and resolves with its outcome. Rejects with a `BoxLiteError`; the home is then as it was, or as the error says. */
export async function perform<O extends Operation>(core: Core, operation: O, host: PerformHost): Promise<Outcome<O>> {
  const run = new Run(core, operation, host)
  let outcome: Outcome
  try {
    outcome = await run.toEnd()
  } catch (error) {
    // What stopped the operation says more than what its end may meet.
    await run.letGo().catch(() => undefined)
    throw error
  }
  await run.letGo()
  return outcome as Outcome<O>
}

class Run {
  readonly #core: Core
  readonly #operation: Operation
  readonly #host: PerformHost
  readonly #taken: Held[] = []
  readonly #layers: LayerFiles
  readonly #caller: Caller
  readonly #findings: Finding[] = []
  readonly #errors: unknown[] = []
  readonly #listings = new Map<Directory, readonly string[]>()
  readonly #answer = new MessageWriter()

  constructor(core: Core, operation: Operation, host: PerformHost) {
    this.#core = core
    this.#operation = operation
    this.#host = host
    this.#layers = new LayerFiles(operation, host, () => this.#heldLocks())
    this.#caller = new Caller(operation.kind, host)
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
    if (step === Step.FAILED) throw describeFailure(this.#operation, end, this.#errors, this.#host.nameOf)
    throw new Error(`the core refused a call: step ${step}`)
  }

  /** Lets go of what this run took: files left open by a failure, then the locks. */
  async letGo(): Promise<void> {
    const closed = await this.#layers.close()
    const released = await Promise.allSettled(this.#taken.map((held) => held.release()))
    for (const end of [...closed, ...released]) if (end.status === 'rejected') throw end.reason
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
      this.#caller.before(effect)
      status = await this.#carryOut(effect, message)
      this.#errors.push(null)
    } catch (error) {
      status = isBoxLiteError(error) ? codes.indexOf(error.code) : Status.IO
      this.#errors.push(error)
      this.#answer.clear()
      if (commits.has(effect) && isBoxLiteError(error) && error.facts['unchanged'] === true) this.#answer.number(1)
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
        await this.#layers.readHead(message.text(), message.number(), message.number(), this.#answer)
        return Status.OK
      case Effect.CREATE_LAYER:
        await this.#layers.create(message.text())
        return Status.OK
      case Effect.WRITE_LAYER:
        await this.#layers.write(message)
        return Status.OK
      case Effect.FILL_LAYER:
        await this.#layers.fill(message.number(), message.text())
        return Status.OK
      case Effect.FOLD_LAYERS:
        await this.#layers.fold(message)
        return Status.OK
      case Effect.SYNC_LAYER:
        await this.#layers.sync(message.text())
        return Status.OK
      case Effect.PUBLISH_LAYER:
        await store.publishLayer(message.text(), message.text())
        return Status.OK
      case Effect.SYNC_DIRECTORY:
        await store.syncDirectory(directory(message))
        return Status.OK
      case Effect.REMOVE:
        await this.#layers.remove(directory(message), message.text())
        return Status.OK
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
        await machines.freeze(box, message.text(), this.#host.signal)
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
    case 'port':
      return held.kind === 'port' && held.id === wanted.id && held.port === wanted.port
  }
}
