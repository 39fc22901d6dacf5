// The store's locks out of latches: names that one owner at a time can take, that a host frees when the owner dies.
//
// Box and name locks are a latch each. The home lock has two modes, out of exclusive latches alone:
//
//   shared      take any one of the slots, then look at the gate: taken means give the slot back and answer null
//   exclusive   take the gate, then look at every slot: one taken means give the gate back and answer null
//
// Each side first makes itself seen and then looks, so of a sharer and an excluder that meet at least one sees the
// other, whatever the order of their steps; both may give way, both never win. `isTaken` may miss a latch that is
// being taken at that moment, but never one whose `take` had answered.

import type { Held, LockScope } from '../host.ts'
import type { LockService } from './lock-service.ts'

export interface Latch {
  release(): Promise<void>
}

/** What a host supplies: names that one owner at a time can take. */
export interface Latches {
  /** Null when someone has it, in this process or another. */
  take(name: string): Promise<Latch | null>
  /** Whether someone has it, whose `take` had answered before this was asked. */
  isTaken(name: string): Promise<boolean>
}

/** Most processes that share a home at one moment; one more is told that the home is busy. */
export const HOME_SLOTS = 64

const GATE = 'home'

export class LatchLocks implements LockService {
  readonly #latches: Latches
  readonly #slots: readonly string[]
  readonly #held = new Set<Latch>()
  // One slot serves every sharer of this process.
  #slot: Promise<Latch | null> | null = null
  #sharers = 0

  /** `firstSlot` is where this process begins to look for a free slot; any number, best a different one in each process. */
  constructor(latches: Latches, firstSlot: number, slotCount: number = HOME_SLOTS) {
    this.#latches = latches
    this.#slots = Array.from({ length: slotCount }, (_, i) => `home ${(firstSlot + i) % slotCount}`)
  }

  async take(scope: LockScope): Promise<Held | null> {
    if (scope.kind === 'home' && scope.mode === 'shared') return this.#share()
    const latch = await (scope.kind === 'home' ? this.#exclude() : this.#latches.take(latchName(scope)))
    if (latch === null) return null
    this.#held.add(latch)
    return this.#heldUntil(latch, async () => {
      if (this.#held.delete(latch)) await latch.release()
    })
  }

  async close(): Promise<void> {
    const held = [...this.#held]
    this.#held.clear()
    for (const latch of held) await latch.release()
  }

  async #share(): Promise<Held | null> {
    this.#sharers++
    this.#slot ??= this.#takeSlot()
    try {
      const latch = await this.#slot
      if (latch !== null) return this.#heldUntil(latch, () => this.#unshare())
    } catch (error) {
      await this.#unshare()
      throw error
    }
    await this.#unshare()
    return null
  }

  async #unshare(): Promise<void> {
    if (--this.#sharers > 0) return
    const slot = this.#slot
    this.#slot = null
    const latch = await slot?.catch(() => null)
    if (latch !== null && latch !== undefined && this.#held.delete(latch)) await latch.release()
  }

  async #takeSlot(): Promise<Latch | null> {
    for (const slot of this.#slots) {
      const latch = await this.#latches.take(slot)
      if (latch === null) continue
      if (await this.#seesOther(latch, [GATE])) return null
      this.#held.add(latch)
      return latch
    }
    return null
  }

  async #exclude(): Promise<Latch | null> {
    const gate = await this.#latches.take(GATE)
    return gate === null || (await this.#seesOther(gate, this.#slots)) ? null : gate
  }

  /** Whether any of `names` is taken; then, or when it cannot be told, `mine` is given back. */
  async #seesOther(mine: Latch, names: readonly string[]): Promise<boolean> {
    let seen = true
    try {
      seen = (await Promise.all(names.map((name) => this.#latches.isTaken(name)))).includes(true)
    } finally {
      if (seen) await mine.release()
    }
    return seen
  }

  #heldUntil(latch: Latch, release: () => Promise<void>): Held {
    let held = true
    return {
      isHeld: () => held && this.#held.has(latch),
      async release() {
        if (!held) return
        held = false
        await release()
      },
    }
  }
}

function latchName(scope: Exclude<LockScope, { kind: 'home' }>): string {
  return scope.kind === 'box' ? `box ${scope.id}` : `name ${scope.name}`
}
