// Visits to detached machines. A detached machine belongs to nobody: whoever changes its box takes the box's lock for that long,
// and whoever only needs its guest comes through a port, which is his by a latch of its own. So a shell here and a command there
// are in nobody's way, nor in that of a snapshot.
//
//   the record names a detached machine, which lives ─> a port's latch ─> connect, and it still lives ─> greet
//     no answer: a snapshot may be in the middle, or an owner died there; where the box's lock is free, recover it ─> greet again
//
// A visitor holds no lock, so anything may happen to the machine meanwhile: a switch of its disk goes unnoticed, its end closes
// the channel.

import type { AgentSession } from '../agent/session.ts'
import { VISITOR_PORTS } from '../engine.ts'
import { BoxLiteError, isBoxLiteError } from '../error.ts'
import type { HomeAccess } from '../home-access.ts'
import type { Held } from '../host.ts'
import { meetAgent } from './meet-agent.ts'

/** How long the agent of a machine that lives may take to answer: a boot, or a snapshot on a slow disk, may be under way. */
const GREETING_LIMIT_MS = 30_000
/**
 * How often a visitor looks after its session. One that nobody used since the last look is given up: others may need the port. A guest
 * that answers no more may have lost its owner in the middle of a snapshot, and stand still until somebody recovers the box.
 */
const LOOK_MS = 5_000
/** A machine whose channel is closed is about to be gone: how long to wait before each look, in milliseconds. */
const LOOKS_MS = [0, 20, 100, 500, 2_000]

export class Visits {
  readonly #home: HomeAccess
  readonly #visits = new Map<string, Promise<Visit | null>>()
  #isClosed = false

  constructor(home: HomeAccess) {
    this.#home = home
  }

  /** Whether the box is being visited. */
  has(boxId: string): boolean {
    return this.#visits.has(boxId)
  }

  /**
   * The session with the guest of a detached machine; null where the box has none that lives. `busy` where all ports are taken,
   * `timeout` where the guest does not answer.
   */
  async session(boxId: string): Promise<AgentSession | null> {
    const visit = await (this.#visits.get(boxId) ?? this.#begin(boxId))
    return visit?.use() ?? null
  }

  /** Whether the box has a detached machine whose guest answers; one that others fill is not asked. */
  async isRunning(boxId: string): Promise<boolean> {
    try {
      return (await this.session(boxId)) !== null
    } catch (error) {
      if (isBoxLiteError(error, 'busy')) return true
      throw error
    }
  }

  /** Ends every visit. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(Array.from(this.#visits.values(), async (visit) => (await visit.catch(() => null))?.end()))
  }

  #begin(boxId: string): Promise<Visit | null> {
    const { endsTold } = this.#home.runner.of(boxId)
    const beginning = this.#visit(boxId)
    this.#visits.set(boxId, beginning)
    beginning.then(
      (visit) => this.#follow(boxId, visit, endsTold),
      () => this.#visits.delete(boxId),
    )
    return beginning
  }

  async #visit(boxId: string): Promise<Visit | null> {
    const { host, store } = this.#home
    const { machine } = await this.#home.record(boxId)
    if (machine === null || !machine.detached) return null
    const engine = this.#home.engineOf(boxId, machine)
    if (!(await engine.lives(machine))) return null
    const { port, latch } = await this.#takePort(boxId)
    try {
      const session = await meetAgent({
        async open() {
          const channel = await engine.visit(boxId, store, machine, port)
          if (channel === null) throw new BoxLiteError('io', 'The machine has ended')
          return { channel, fresh: false }
        },
        nonce: () => host.randomBytes(16),
        timeoutMs: GREETING_LIMIT_MS,
        unanswered: () => this.#recover(boxId),
      })
      const run = this.#home.runner.of(boxId)
      if (run.owned === null) run.leave()
      return new Visit(session, latch, () => this.#recover(boxId))
    } catch (error) {
      await latch.release()
      if (!(await engine.lives(machine))) return null
      throw error
    }
  }

  async #takePort(boxId: string): Promise<{ readonly port: number; readonly latch: Held }> {
    for (let port = 1; port <= VISITOR_PORTS; port++) {
      const latch = await this.#home.store.lock({ kind: 'port', id: boxId, port })
      if (latch !== null) return { port, latch }
    }
    const box = this.#home.called(boxId)
    throw new BoxLiteError('busy', `box '${box}' is in use by ${VISITOR_PORTS} programs at once, which is as many as can be`, {
      remedy: 'Try again when one of them is done.',
      facts: { boxId, limit: VISITOR_PORTS },
    })
  }

  /** Takes the box's lock for a moment, which is recovering it. Best effort: where the lock is not free, its owner is at it. */
  async #recover(boxId: string): Promise<void> {
    // What this process has it has taken, and with that recovered.
    if (this.#home.runner.of(boxId).owned !== null) return
    try {
      await this.#home.run({ kind: 'recover', boxId })
    } catch (error) {
      if (!isBoxLiteError(error)) throw error
    }
  }

  /** What is done when a visit is over. */
  async #follow(boxId: string, visit: Visit | null, endsTold: number): Promise<void> {
    const why = (await visit?.session.closed) ?? null
    this.#visits.delete(boxId)
    // What cannot be given back goes with this program.
    await visit?.latch.release().catch(() => undefined)
    if (why !== null) await this.#noticeEnd(boxId, endsTold)
  }

  /**
   * Tells the record of a machine that ended by itself, unless somebody else does, and whoever listens here. `endsTold`: what was told
   * before this machine was visited.
   */
  async #noticeEnd(boxId: string, endsTold: number): Promise<void> {
    const { runner } = this.#home
    for (const delayMs of LOOKS_MS) {
      // It keeps no program from its end.
      await new Promise<void>((resolve) => setTimeout(resolve, delayMs).unref?.())
      if (this.#isClosed) return
      const reading = await this.#home.look(boxId)
      if (reading.kind !== 'box') return
      const { machine } = reading.record
      if ((await runner.seen(reading.record)).machine !== null) continue
      if (machine !== null) await this.#home.afterTurn(boxId, () => this.#recover(boxId))
      const run = runner.of(boxId)
      // Who stopped it here has told it, and may have started the box again since.
      if (run.state === null && run.endsTold === endsTold) run.tellEnd()
      return
    }
  }
}

/** A session through a port. */
class Visit {
  readonly session: AgentSession
  readonly latch: Held
  readonly #revive: () => Promise<void>
  #wasUsed = true
  #isOver = false
  #timer: Timer | undefined

  /** `revive` is called when a guest that answered before does so no more. */
  constructor(session: AgentSession, latch: Held, revive: () => Promise<void>) {
    this.session = session
    this.latch = latch
    this.#revive = revive
    this.#watch()
    void session.closed.then(() => {
      this.#isOver = true
      clearTimeout(this.#timer)
    })
  }

  use(): AgentSession {
    this.#wasUsed = true
    return this.session
  }

  async end(): Promise<void> {
    await this.session.close()
    await this.latch.release()
  }

  #watch(): void {
    if (this.#isOver) return
    this.#timer = setTimeout(() => void this.#look(), LOOK_MS)
    this.#timer.unref?.()
  }

  async #look(): Promise<void> {
    if (!this.#wasUsed && this.session.isIdle) {
      // What cannot be closed well is gone all the same.
      await this.end().catch(() => undefined)
      return
    }
    this.#wasUsed = false
    const answers = await this.session.ping({ timeoutMs: LOOK_MS }).then(
      () => true,
      () => false,
    )
    if (!answers && !this.#isOver) await this.#revive()
    this.#watch()
  }
}
