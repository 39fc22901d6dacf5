// What an operation needs from its host, beside the store.

import type { ErrorCode } from '../error.ts'
import type { Held, LayerFile, LockScope, Store } from '../host.ts'
import type { Effect } from './abi.ts'
import type { CallerOptions } from './caller.ts'
import type { HeadMemory } from './head-memory.ts'
import type { NewLayer, Operation } from './operation.ts'
import type { MachineRecord } from './record.ts'

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
  /**
   * Asks the guest to freeze its file systems; it is frozen still when its machine is paused next, to be switched to `layer`. A
   * rejection, also by the caller's signal, is reported, and the snapshot goes on without.
   */
  freeze(box: BoxMachine, layer: string, signal: AbortSignal | undefined): Promise<void>
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
export interface PerformHost extends CallerOptions {
  readonly store: Store
  /** Locks this caller holds already: the effect that takes one of them does nothing, and it is not let go at the end. */
  readonly held?: readonly HeldLock[]
  /** The machine side. Absent where there are no machines: a box whose record names one is then refused with `unsupported`. */
  readonly machines?: MachineControl
  readonly bulk?: Partial<BulkWork>
  /** Heads of frozen layers, kept over many operations on this one home. Absent: they are read each time. */
  readonly heads?: HeadMemory
  /** The id of the box that has a name, or null. By default every box record is read. */
  readonly findBox?: (name: string) => Promise<string | null>
  /** The name of a box, for messages; null where it is not known. By default messages say ids. */
  readonly nameOf?: (boxId: string) => string | null
  readonly log?: (event: OperationEvent) => void
}
