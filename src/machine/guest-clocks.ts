// The clocks of guests whose program was asleep: a tab that was frozen, a computer whose lid was closed. Such a gap is seen by a
// timer that rings late, and then every guest is told the time.

import type { BoxHost } from '../box-host.ts'
import { isBoxLiteError } from '../error.ts'
import type { BoxRun } from './box-run.ts'
import type { LiveMachine } from './live-machine.ts'

/** How often it is looked, and how late that may be before it is called a gap. */
const LOOK_MS = 5_000

export class GuestClocks {
  readonly #host: BoxHost
  readonly #runs: () => readonly BoxRun[]
  #timer: Timer | null = null

  constructor(host: BoxHost, runs: () => readonly BoxRun[]) {
    this.#host = host
    this.#runs = runs
  }

  /** Watches for as long as a machine runs. */
  watch(): void {
    if (this.#timer !== null) return
    const expectedMs = this.#host.nowMs() + LOOK_MS
    this.#timer = setTimeout(() => {
      this.#timer = null
      const running = this.#runs().flatMap(({ owned }) => owned?.live ?? [])
      if (running.length > 0) this.watch()
      if (this.#host.nowMs() - expectedMs < LOOK_MS) return
      for (const live of running) void this.mend(live)
    }, LOOK_MS)
    this.#timer.unref?.()
  }

  /** Tells one guest the time. One that does not answer is not told; whoever wants something of it hears why. */
  async mend(live: LiveMachine): Promise<void> {
    try {
      await (await live.agent()).setClock(BigInt(this.#host.nowMs()) * 1_000_000n)
    } catch (error) {
      if (!isBoxLiteError(error)) throw error
    }
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
