// The store's locks out of latches: names that one owner at a time can take, that a host frees when the owner dies.
//
// Box and name locks are a latch each. The home lock has two modes, out of exclusive latches alone:
//
//   shared      take any one of the slots, then look at the gate: taken means give the slot back and answer null
//   exclusive   take the gate, then look at every slot: one taken means give the gate back and answer null
//
// Each side first makes itself seen and then looks, so of a sharer and an excluder that meet at least one sees the
// other, whatever the order of their steps; both may give way, both never win. `isTaken` may miss a latch that is
// being taken at that moment, but never one whose `take` had answered. An excluder is told at once; a sharer waits at the
// gate for a moment, for an excluder that found somebody in the home, or has little to do there.
//
// A process keeps its slot for its next sharer: then sharing takes no step at all. To look at a slot is to knock there. Its
// owner, unless it is sharing, gives it up before it answers, in one step that no sharer of its own can fall into, and has
// to look at the gate again the next time. So a slot that was kept since its owner looked at the gate still proves that no
// excluder has won, and an idle process is in no one's way.

import type { Held, LockScope } from '../host.ts'
import { lockName } from './lock-name.ts'
import type { LockService } from './lock-service.ts'

export interface Latch {
  release(): Promise<void>
}

/**
 * What an owner answers to a knock: it stays; it will not be long, and who knocks may wait for it; or it goes: then the latch is
 * given up in the same step.
 */
export type Answer = 'stays' | 'soon' | 'goes'

/** What a host supplies: names that one owner at a time can take. */
export interface Latches {
  /** Null when someone has it, in this process or another. `answer` is asked at each knock; without it the owner stays. */
  take(name: string, answer?: () => Answer): Promise<Latch | null>
  /** Knocks: whether someone has it, whose `take` had answered before this was asked, and does not give it up, or not soon. */
  isTaken(name: string): Promise<boolean>
}

/** Most processes that share a home at one moment; one more is told that the home is busy. */
export const HOME_SLOTS = 64

const GATE = 'home'
// A process that is stopped answers no knock. What it keeps stands in an excluder's way, so it keeps nothing for long.
const KEPT_MS = 10_000

export class LatchLocks implements LockService {
  readonly #latches: Latches
  readonly #slots: readonly string[]
  readonly #held = new Set<Latch>()
  // One slot serves every sharer of this process: being taken, and then taken.
  #slot: Promise<Latch | null> | null = null
  #kept: Latch | null = null
  #sharers = 0
  #idle: Timer | undefined

  /** `firstSlot` is where this process begins to look for a free slot; any number, best a different one in each process. */
  constructor(latches: Latches, firstSlot: number, slotCount: number = HOME_SLOTS) {
    this.#latches = latches
    this.#slots = Array.from({ length: slotCount }, (_, i) => `home ${(firstSlot + i) % slotCount}`)
  }

  async take(scope: LockScope): Promise<Held | null> {
    if (scope.kind === 'home' && scope.mode === 'shared') return this.#share()
    const latch = await (scope.kind === 'home' ? this.#exclude() : this.#latches.take(lockName(scope)))
    if (latch === null) return null
    this.#held.add(latch)
    return this.#heldUntil(latch, async () => {
      if (this.#held.delete(latch)) await latch.release()
    })
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle)
    const held = [...this.#held]
    this.#held.clear()
    this.#slot = this.#kept = null
    for (const latch of held) await latch.release()
  }

  async #share(): Promise<Held | null> {
    this.#sharers++
    clearTimeout(this.#idle)
    const slot = (this.#slot ??= this.#takeSlot())
    let latch: Latch | null = null
    try {
      latch = await slot
    } finally {
      if (latch === null) {
        this.#sharers--
        if (this.#slot === slot) this.#slot = null
      }
    }
    return latch === null ? null : this.#heldUntil(latch, async () => this.#unshare())
  }

  #unshare(): void {
    if (--this.#sharers > 0) return
    const latch = this.#kept
    this.#idle = setTimeout(() => {
      // A release that fails has let go all the same; what it leaves behind is nobody's.
      if (latch !== null && this.#gaveUp(latch)) latch.release().catch(() => undefined)
    }, KEPT_MS)
    // Nothing that is only kept keeps the process.
    this.#idle.unref?.()
  }

  async #takeSlot(): Promise<Latch | null> {
    const latch = await this.#anySlot()
    if (latch === null || (await this.#seesOther(latch, [GATE]))) return null
    this.#held.add(latch)
    this.#kept = latch
    return latch
  }

  async #anySlot(): Promise<Latch | null> {
    for (const knocking of [false, true]) {
      for (const slot of this.#slots) {
        // Where every slot has its owner, those who only keep theirs give way.
        if (knocking && (await this.#latches.isTaken(slot))) continue
        let latch: Latch | null = null
        latch = await this.#latches.take(slot, () => (this.#gaveUp(latch) ? 'goes' : 'stays'))
        if (latch !== null) return latch
      }
    }
    return null
  }

  /** Forgets the slot, unless it is being taken or in use. */
  #gaveUp(latch: Latch | null): boolean {
    if (latch === null || latch !== this.#kept || this.#sharers > 0) return false
    this.#held.delete(latch)
    this.#slot = this.#kept = null
    return true
  }

  async #exclude(): Promise<Latch | null> {
    const gate = await this.#latches.take(GATE, () => 'soon')
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
