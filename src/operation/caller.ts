// Whoever called for an operation: is told how far it is, and may end it until it is decided.

import { callListener } from '../call-listener.ts'
import { BoxLiteError } from '../error.ts'
import { Effect } from './abi.ts'
import type { ChangeProgress } from './change-progress.ts'
import type { Operation } from './operation.ts'

/** What a caller gives. */
export interface CallerOptions {
  /** Ends the operation with `aborted` before its first commit, and before it kills a machine: it is undone then. Later it goes on. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: ChangeProgress) => void) | undefined
}

/** The stages that effects begin. */
const stages: ReadonlyMap<number, ChangeProgress['stage']> = new Map([
  [Effect.FREEZE, 'freeze'],
  [Effect.FLUSH, 'flush'],
  [Effect.COMMIT_RECORD, 'commit'],
  [Effect.REMOVE_RECORD, 'commit'],
  [Effect.SWITCH, 'switch'],
  [Effect.KILL, 'kill'],
])
const decisions: ReadonlySet<number> = new Set([Effect.COMMIT_RECORD, Effect.REMOVE_RECORD, Effect.KILL])

export class Caller {
  readonly #operation: Operation['kind']
  readonly #options: CallerOptions
  #stage: ChangeProgress['stage'] | null = null
  #decided = false

  constructor(operation: Operation['kind'], options: CallerOptions) {
    this.#operation = operation
    this.#options = options
  }

  /** An effect is about to be carried out: `aborted` where that would decide an operation that its caller has ended. */
  before(effect: number): void {
    const { signal, onProgress } = this.#options
    const stage = stages.get(effect)
    if (stage !== undefined && stage !== this.#stage) {
      this.#stage = stage
      if (onProgress !== undefined) callListener(onProgress, { stage })
    }
    // A collection commits nothing: it leaves what it has not deleted yet.
    const sweeps = this.#operation === 'collect' && effect === Effect.REMOVE
    if (!sweeps && (this.#decided || !decisions.has(effect))) return
    if (signal?.aborted === true) throw new BoxLiteError('aborted', 'it was aborted', { cause: signal.reason, facts: { unchanged: true } })
    this.#decided = true
  }
}
