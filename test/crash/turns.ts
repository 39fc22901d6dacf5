// Two processes in one home: every call of either waits for its turn, and a seeded choice says whose it is.

import type { Hook } from './crash-fs.ts'
import type { Random } from './hash.ts'

/** Whose call is next, of those that wait. */
export type Choose = (waiting: readonly number[]) => number

/** Each call may go to either. */
export function anyTurn(random: Random): Choose {
  return (waiting) => random.pick(waiting)
}

/** Process 0 makes `calls` calls, then process 1 runs to its end, then process 0 goes on. */
export function onePreemption(calls: number): Choose {
  let made = 0
  return (waiting) => (waiting.includes(0) && (made < calls || !waiting.includes(1)) ? (made++, 0) : 1)
}

export class Turns {
  readonly #choose: Choose
  readonly #active = new Set<number>()
  readonly #waiting = new Map<number, () => void>()
  /** How many calls were made. */
  calls = 0
  /** Called before each call with how many were made; answers the process that dies here, or null. */
  dying: (calls: number) => number | null = () => null

  constructor(choose: Choose, processes: readonly number[]) {
    this.#choose = choose
    for (const process of processes) this.#active.add(process)
  }

  hook(process: number): Hook {
    return (_call, act) => this.#turn(process).then(act)
  }

  /** `process` makes no more calls: it has ended, or it was killed and its last call is never answered. */
  leave(process: number): void {
    this.#active.delete(process)
    this.#waiting.delete(process)
    this.#next()
  }

  #turn(process: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.set(process, resolve)
      this.#next()
    })
  }

  #next(): void {
    if (this.#waiting.size === 0 || this.#waiting.size < this.#active.size) return
    const dead = this.dying(this.calls)
    if (dead !== null && this.#active.has(dead)) return this.leave(dead)
    this.calls++
    const process = this.#choose([...this.#waiting.keys()].sort())
    const go = this.#waiting.get(process)!
    this.#waiting.delete(process)
    go()
  }
}
