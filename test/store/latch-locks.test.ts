// The home lock out of exclusive latches, at every order in which the steps of its takers can fall.
import { describe, expect, it } from 'vitest'
import { LatchLocks, type Latches } from '../../src/store/latch-locks.ts'

/** One run of the takers under a given order; the order that was not asked for is the first possible one. */
interface Run {
  /** How many steps there were to choose from, at each choice. */
  readonly choices: number[]
  readonly winners: readonly ('shared' | 'exclusive')[]
}

/** Latches whose every step waits until it is chosen: taking has two, the claim and its becoming visible. */
class SteppedLatches {
  readonly waiting: (() => void)[] = []
  readonly #claimed = new Set<string>()
  readonly #visible = new Set<string>()

  step(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve))
  }

  readonly latches: Latches = {
    take: async (name) => {
      await this.step()
      if (this.#claimed.has(name)) return null
      this.#claimed.add(name)
      await this.step()
      this.#visible.add(name)
      return {
        release: async () => {
          await this.step()
          this.#visible.delete(name)
          this.#claimed.delete(name)
        },
      }
    },
    isTaken: async (name) => {
      await this.step()
      return this.#visible.has(name)
    },
  }
}

async function run(takers: readonly ('shared' | 'exclusive')[], order: readonly number[]): Promise<Run> {
  const stepped = new SteppedLatches()
  const winners: ('shared' | 'exclusive')[] = []
  let ended = 0
  for (const mode of takers) {
    // Each taker is a process of its own; both look for a slot from the same place.
    void new LatchLocks(stepped.latches, 0, 2).take({ kind: 'home', mode }).then((held) => {
      ended++
      if (held !== null) winners.push(mode)
    })
  }
  const choices: number[] = []
  for (;;) {
    // Everything that can go on without a step has gone on.
    await new Promise((resolve) => setImmediate(resolve))
    if (stepped.waiting.length === 0) break
    const chosen = order[choices.length] ?? 0
    choices.push(stepped.waiting.length)
    stepped.waiting.splice(chosen, 1)[0]!()
  }
  expect(ended).toBe(takers.length)
  return { choices, winners }
}

/** Every order, depth first. */
async function everyOrder(takers: readonly ('shared' | 'exclusive')[], check: (winners: Run['winners']) => void): Promise<number> {
  let order: number[] = []
  let runs = 0
  for (;;) {
    const { choices, winners } = await run(takers, order)
    runs++
    check(winners)
    const next = choices.map((_, i) => order[i] ?? 0)
    while (next.length > 0 && next.at(-1)! + 1 >= choices[next.length - 1]!) next.pop()
    if (next.length === 0) return runs
    next[next.length - 1]!++
    order = next
  }
}

describe('the home lock', () => {
  it('is never shared and exclusive at once', async () => {
    const seen = new Set<string>()
    const runs = await everyOrder(['shared', 'exclusive'], (winners) => {
      expect(winners.length).toBeLessThanOrEqual(1)
      seen.add(winners.join())
    })
    console.log(`${runs} orders of a sharer and an excluder`)
    // Either can win, and where they meet in the middle both give way.
    expect([...seen].sort()).toEqual(['', 'exclusive', 'shared'])
  })

  it('has one excluder at most', async () => {
    await everyOrder(['exclusive', 'exclusive'], (winners) => expect(winners.length).toBeLessThanOrEqual(1))
  })

  it('is never kept from one sharer by another', async () => {
    await everyOrder(['shared', 'shared'], (winners) => expect(winners).toEqual(['shared', 'shared']))
  })
})
