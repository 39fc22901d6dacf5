// The machines of boxes as one operation sees them: those that this process runs, and those of dead or former owners, which
// are found by what their boxes' records say, and let go of when the operation is over.

import { unlessAborted } from '../aborted.ts'
import { Protocol } from '../agent/protocol.ts'
import { within } from '../agent/within.ts'
import type { BoxHost } from '../box-host.ts'
import type { Engine } from '../engine.ts'
import { BoxLiteError, isBoxLiteError } from '../error.ts'
import type { Store } from '../host.ts'
import type { BoxMachine, MachineAnswer, MachineControl } from '../operation/perform-host.ts'
import { LiveMachine } from './live-machine.ts'
import { engineOf } from './machine-name.ts'

/**
 * How long a guest may take to write out what it holds and to freeze, and its machine to pause then. As long as the guest itself tries;
 * and since it thaws by itself that long after it froze, one that is paused in time is frozen still.
 */
const FREEZE_LIMIT_MS = Protocol.THAW_AFTER_MS
const THAW_LIMIT_MS = 5_000

export class OperationMachines implements MachineControl {
  readonly #host: BoxHost
  readonly #store: Store
  readonly #engines: readonly Engine[]
  readonly #own: (boxId: string) => LiveMachine | null
  readonly #found = new Map<string, LiveMachine>()

  /** `own` gives the machine that this process runs for a box. */
  constructor(host: BoxHost, store: Store, engines: readonly Engine[], own: (boxId: string) => LiveMachine | null) {
    this.#host = host
    this.#store = store
    this.#engines = engines
    this.#own = own
  }

  async freeze(box: BoxMachine, layer: string, signal: AbortSignal | undefined): Promise<void> {
    const live = await this.#living(box)
    // Where that fails the switch tries it again, and says why.
    await live.machine.expect?.(layer).catch(() => undefined)
    const sinceMs = performance.now()
    const freezing = live.agent(FREEZE_LIMIT_MS).then((agent) => agent.freeze({ timeoutMs: FREEZE_LIMIT_MS }))
    await unlessAborted(within(FREEZE_LIMIT_MS, 'The guest', freezing), signal)
    await live.machine.pause()
    if (performance.now() - sinceMs < FREEZE_LIMIT_MS) return
    throw new BoxLiteError('timeout', `The guest froze and was not paused within ${FREEZE_LIMIT_MS} ms: it may have thawed before`)
  }

  async thaw(box: BoxMachine): Promise<void> {
    const live = await this.#living(box)
    await within(THAW_LIMIT_MS, 'The guest', live.agent(THAW_LIMIT_MS).then((agent) => agent.thaw()))
  }

  async pause(box: BoxMachine): Promise<void> {
    await (await this.#living(box)).machine.pause()
  }

  async resume(box: BoxMachine): Promise<void> {
    await (await this.#living(box)).machine.resume()
  }

  async drain(box: BoxMachine): Promise<void> {
    await (await this.#living(box)).machine.drain()
  }

  async flush(box: BoxMachine): Promise<void> {
    await (await this.#living(box)).machine.flush()
  }

  async switchTo(box: BoxMachine, layer: string): Promise<void> {
    await (await this.#living(box)).machine.switchTo(layer)
  }

  async ask(box: BoxMachine): Promise<MachineAnswer> {
    try {
      const live = await this.#find(box)
      if (live === null || live.exit !== null) return { state: 'none' }
      return await live.machine.status()
    } catch (error) {
      if (isBoxLiteError(error, 'timeout')) return { state: 'silent' }
      throw error
    }
  }

  async kill(box: BoxMachine): Promise<void> {
    const live = this.#known(box)
    if (live !== null) await live.machine.kill()
    else await this.#engineOf(box).end(box.boxId, this.#store, box.machine)
  }

  /** Hands over the machine that was found for a box, which is the caller's from now on. */
  take(boxId: string): LiveMachine | null {
    const live = this.#found.get(boxId) ?? null
    this.#found.delete(boxId)
    return live !== null && live.exit === null ? live : null
  }

  /** Lets go of every machine that was found and not taken. */
  async letGo(): Promise<void> {
    const found = [...this.#found.values()]
    this.#found.clear()
    // One that has ended is nobody's to hold.
    await Promise.all(found.filter((live) => live.exit === null).map((live) => live.release()))
  }

  async #living(box: BoxMachine): Promise<LiveMachine> {
    const live = await this.#find(box)
    if (live !== null && live.exit === null) return live
    throw new BoxLiteError('io', `the machine of box '${box.boxId}' is gone`, { facts: { boxId: box.boxId } })
  }

  #known({ boxId, machine }: BoxMachine): LiveMachine | null {
    const live = this.#own(boxId) ?? this.#found.get(boxId) ?? null
    return live?.machine.identity.nonce === machine.nonce ? live : null
  }

  async #find(box: BoxMachine): Promise<LiveMachine | null> {
    const known = this.#known(box)
    if (known !== null) return known
    const machine = await this.#engineOf(box).find(box.boxId, this.#store, box.machine)
    if (machine === null) return null
    const live = new LiveMachine(machine, this.#host)
    this.#found.set(box.boxId, live)
    return live
  }

  #engineOf({ boxId, machine }: BoxMachine): Engine {
    return engineOf(this.#engines, boxId, machine)
  }
}
