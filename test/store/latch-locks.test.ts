// The home lock out of exclusive latches, at every order in which the steps of its takers can fall.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { LatchLocks, type Answer, type Latches } from '../../src/store/latch-locks.ts'
import { count } from '../counts.ts'
import { Random } from '../crash/hash.ts'

type Mode = 'shared' | 'exclusive'

/** One run of the processes under one order of their steps. */
interface Run {
  /** How many steps there were to choose from, at each choice. */
  readonly choices: number[]
  /** What each process was given, of what it tried one after the other. */
  readonly given: readonly (readonly Mode[])[]
  /** Whether somebody was alone in the home while somebody else was in it. */
  readonly broken: boolean
}

/** Latches whose every step waits until it is chosen: taking has two, the claim and its becoming visible, and so has knocking. */
class SteppedLatches {
  readonly waiting: (() => void)[] = []
  readonly #claimed = new Set<string>()
  readonly #visible = new Map<string, { readonly answer: () => Answer }>()

  step(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve))
  }

  readonly latches: Latches = {
    take: async (name, answer = () => 'stays') => {
      await this.step()
      if (this.#claimed.has(name)) return null
      this.#claimed.add(name)
      await this.step()
      const owner = { answer }
      this.#visible.set(name, owner)
      return {
        release: async () => {
          await this.step()
          if (this.#visible.get(name) === owner) this.#free(name)
        },
      }
    },
    isTaken: async (name) => {
      for (;;) {
        await this.step()
        const owner = this.#visible.get(name)
        if (owner === undefined) return false
        await this.step()
        if (this.#visible.get(name) !== owner) continue
        const answer = owner.answer()
        if (answer === 'stays') return true
        if (answer === 'goes') this.#free(name)
        // A step later the one who waits has lost patience.
        if (answer === 'soon') await this.step()
        if (this.#visible.get(name) === owner) return true
      }
    },
  }

  #free(name: string): void {
    this.#visible.delete(name)
    this.#claimed.delete(name)
  }
}

interface World {
  /** What each process tries, one after the other; each time it holds what it got for a step. */
  readonly processes: readonly (readonly Mode[])[]
  readonly slotCount: number
  readonly fault?: (latches: Latches) => Latches
}

async function run({ processes, slotCount, fault = (latches) => latches }: World, choose: (choice: number, from: number) => number): Promise<Run> {
  const stepped = new SteppedLatches()
  const given = processes.map((): Mode[] => [])
  const inside: Mode[] = []
  let broken = false
  let ended = 0
  for (const [number, modes] of processes.entries()) {
    // Each is a process of its own; all look for a slot from the same place.
    const locks = new LatchLocks(fault(stepped.latches), 0, slotCount)
    const work = async (): Promise<void> => {
      for (const mode of modes) {
        const held = await locks.take({ kind: 'home', mode })
        if (held === null) continue
        given[number]!.push(mode)
        inside.push(mode)
        broken ||= inside.length > 1 && inside.includes('exclusive')
        await stepped.step()
        inside.splice(inside.indexOf(mode), 1)
        await held.release()
      }
    }
    void work().then(() => ended++)
  }
  const choices: number[] = []
  for (;;) {
    // Everything that can go on without a step has gone on.
    await new Promise((resolve) => setImmediate(resolve))
    if (stepped.waiting.length === 0) break
    const chosen = choose(choices.length, stepped.waiting.length)
    choices.push(stepped.waiting.length)
    stepped.waiting.splice(chosen, 1)[0]!()
  }
  expect(ended).toBe(processes.length)
  return { choices, given, broken }
}

/** Every order, depth first. */
async function everyOrder(world: World, check: (run: Run) => void): Promise<number> {
  let order: number[] = []
  let runs = 0
  for (;;) {
    const result = await run(world, (choice) => order[choice] ?? 0)
    const { choices } = result
    runs++
    check(result)
    const next = choices.map((_, i) => order[i] ?? 0)
    while (next.length > 0 && next.at(-1)! + 1 >= choices[next.length - 1]!) next.pop()
    if (next.length === 0) return runs
    next[next.length - 1]!++
    order = next
  }
}

/** What the processes were given, in words: one for each, in order. */
const words = ({ given }: Run): string => given.map((modes) => modes.join('+') || 'nothing').join(', ')

describe('the home lock', () => {
  it('is never shared and exclusive at once', async () => {
    const seen = new Set<string>()
    const runs = await everyOrder({ processes: [['shared'], ['exclusive']], slotCount: 2 }, (result) => {
      expect(result.broken).toBe(false)
      seen.add(words(result))
    })
    console.log(`${runs} orders of a sharer and an excluder`)
    // Either can win, one can come after the other, and where they meet in the middle both give way.
    expect([...seen].sort()).toEqual(['nothing, exclusive', 'nothing, nothing', 'shared, exclusive', 'shared, nothing'])
  })

  it('has one excluder at most', async () => {
    await everyOrder({ processes: [['exclusive'], ['exclusive']], slotCount: 2 }, ({ broken }) => expect(broken).toBe(false))
  })

  it('is never kept from one sharer by another', async () => {
    await everyOrder({ processes: [['shared'], ['shared']], slotCount: 2 }, ({ given }) => expect(given).toEqual([['shared'], ['shared']]))
  })
})

describe('a slot that is kept from one sharer to the next', () => {
  const world: World = { processes: [['shared', 'shared'], ['exclusive']], slotCount: 1 }

  it('is nobody’s way in while somebody is alone in the home', async () => {
    const seen = new Set<string>()
    const runs = await everyOrder(world, (result) => {
      expect(result.broken).toBe(false)
      seen.add(words(result))
    })
    console.log(`${runs} orders of a process that shares twice and an excluder`)
    // The excluder gets in between the two, and the sharer after it.
    expect(seen).toContain('shared+shared, exclusive')
    expect(seen).toContain('shared, exclusive')
    expect(seen).toContain('shared+shared, nothing')
  })

  it('would be, if its owner gave it up while it shares', async () => {
    const fault = (latches: Latches): Latches => ({ ...latches, take: (name) => latches.take(name, () => 'goes') })
    let broken = 0
    await everyOrder({ ...world, fault }, (result) => void (broken += result.broken ? 1 : 0))
    expect(broken).toBeGreaterThan(0)
  })

  it('is nobody’s way in when another process takes it over', async () => {
    const three: World = { processes: [['shared', 'shared'], ['shared'], ['exclusive', 'shared']], slotCount: 1 }
    const random = new Random(0x5107)
    const seen = new Set<string>()
    // All orders of three processes are too many.
    for (let runs = count(4000, 200_000); runs > 0; runs--) {
      const result = await run(three, (_, from) => random.below(from))
      expect(result.broken).toBe(false)
      seen.add(words(result))
    }
    expect(seen).toContain('shared+shared, shared, exclusive+shared')
  })

  it('is let go when nobody shares for a while', async () => {
    vi.useFakeTimers()
    const taken: (() => Answer)[] = []
    let released = 0
    const latches: Latches = {
      async take(_name, answer = () => 'stays') {
        taken.push(answer)
        return { release: async () => void released++ }
      },
      isTaken: async () => false,
    }
    const locks = new LatchLocks(latches, 0)
    const share = async (): Promise<void> => (await locks.take({ kind: 'home', mode: 'shared' }))!.release()
    await share()
    await vi.advanceTimersByTimeAsync(9000)
    await share()
    await vi.advanceTimersByTimeAsync(9000)
    expect([taken.length, released]).toEqual([1, 0])
    await vi.advanceTimersByTimeAsync(9000)
    expect([taken.length, released]).toEqual([1, 1])
    // What a late knock at the old slot asks for is not the new one.
    await share()
    expect(taken.map((answer) => answer())).toEqual(['stays', 'goes'])
  })
})

afterEach(() => vi.useRealTimers())
