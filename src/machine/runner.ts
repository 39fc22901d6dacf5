// The machines that this process runs in one home. A box whose machine ends with this process is owned: its lock is held for the
// machine's life, and every operation on it is given that lock. One that was detached is owned only while something is done with
// it, or while it is paused; else it is nobody's, and visited (visits.ts).
//
//   take    box lock ─> recover ─┬─ a living machine ──> ours
//                                └─ none ──> launch
//   settle  the machine has ended ─> box.stop clears the record ─> [box.remove] ─> the lock is let go
//   leave   a detached machine goes on; the lock is let go
//
// All but `session` runs in the box's turn (HomeAccess), so that no two of these ever meet.

import type { AgentSession } from '../agent/session.ts'
import { BoxLiteError } from '../error.ts'
import type { MachineExit } from '../engine.ts'
import type { HomeAccess } from '../home-access.ts'
import type { Held } from '../host.ts'
import type { Finding } from '../operation/operation.ts'
import type { BoxRecord } from '../operation/record.ts'
import type { HeldLock } from '../perform.ts'
import type { CallOptions } from '../progress.ts'
import { checkTimeout } from '../timeout.ts'
import { BoxRun, isDetached, isOrderly, type OwnedMachine } from './box-run.ts'
import { GuestClocks } from './guest-clocks.ts'
import { launchFor, type StartOptions, type StartProgress } from './launch.ts'
import { dropLeftExports } from './left-exports.ts'
import type { LiveMachine } from './live-machine.ts'
import { livesAnywhere } from './machine-name.ts'
import { OperationMachines } from './operation-machines.ts'
import { removeBox } from './remove-box.ts'
import { type CloseOptions, shutDown, stopLimit, type StopOptions } from './stop.ts'
import { Visits } from './visits.ts'

export class Runner {
  readonly #home: HomeAccess
  readonly #runs = new Map<string, BoxRun>()
  readonly #visits: Visits
  readonly #settling = new WeakMap<OwnedMachine, Promise<void>>()
  readonly #clocks: GuestClocks

  constructor(home: HomeAccess) {
    this.#home = home
    this.#visits = new Visits(home)
    this.#clocks = new GuestClocks(home.host, () => this.runs)
  }

  /** What this process knows of a box. */
  of(boxId: string): BoxRun {
    const known = this.#runs.get(boxId)
    if (known !== undefined) return known
    const run = new BoxRun(boxId)
    this.#runs.set(boxId, run)
    return run
  }

  get runs(): readonly BoxRun[] {
    return [...this.#runs.values()]
  }

  /** How many boxes this process runs, or is at. */
  get runningCount(): number {
    return this.runs.filter(({ boxId, owned }) => owned !== null || this.#visits.has(boxId)).length
  }

  /** The locks that a running box is held by, or one that is started again. */
  heldLocks(boxId: string): readonly HeldLock[] {
    const run = this.#runs.get(boxId)
    const held = run?.owned?.lock ?? run?.kept ?? null
    return held === null ? [] : [{ scope: { kind: 'box', id: boxId }, held }]
  }

  /** The machines of boxes, for one operation. */
  operationMachines(): OperationMachines {
    const { host, store, engines } = this.#home
    return new OperationMachines(host, store, engines, (boxId) => this.#runs.get(boxId)?.owned?.live ?? null)
  }

  /** The session with the agent of a box, which is started where it does not run. */
  async session(boxId: string, options: CallOptions<StartProgress> = {}): Promise<AgentSession> {
    const running = await this.runningSession(boxId)
    if (running !== null) return running
    await this.#home.inTurn(boxId, () => this.start(boxId, options), options.signal)
    return (await this.runningSession(boxId)) ?? this.#notRunning(boxId)
  }

  /** The session with the agent of a box that runs here, or is detached; null for another. */
  async runningSession(boxId: string): Promise<AgentSession | null> {
    const run = this.of(boxId)
    const { owned } = run
    if (owned !== null && owned.live.exit === null) {
      run.change(await this.#home.reader(), 'exec')
      if (!isDetached(owned)) return owned.live.agent()
    }
    return this.#visits.session(boxId)
  }

  /** Starts a box; nothing for one that runs. */
  async start(boxId: string, options: StartOptions = {}): Promise<void> {
    if (options.startTimeoutMs !== undefined) checkTimeout('startTimeoutMs', options.startTimeoutMs)
    const run = this.of(boxId)
    await this.#settleDead(run)
    if (run.owned !== null && run.state === 'running') return
    if (run.owned !== null) run.change(await this.#home.reader(), 'launch')
    if (await this.#visits.isRunning(boxId)) return
    const owned = await this.#take(run, (record, held) => launchFor(this.#home, run, record, held, options))
    if (owned === null) return this.#notRunning(boxId)
    if (isDetached(owned)) await this.#leave(run, owned)
  }

  /** Stops a box: the guest shuts down by itself where it can. How its machine ended; null for one that does not run. */
  async stop(boxId: string, options: StopOptions = {}, keep = false): Promise<MachineExit | null> {
    const limitMs = stopLimit(options)
    const run = this.of(boxId)
    const owned = await this.owned(boxId)
    if (owned === null) return null
    const wasPaused = run.state === 'paused'
    const core = await this.#home.reader()
    await shutDown(owned.live, { ...options, wasPaused, limitMs }, () => {
      // It may be that an earlier stop could not end it: this one tries again.
      if (run.state !== 'stopping') run.change(core, 'stop')
    })
    await this.#settle(run, owned, keep)
    return owned.live.exit
  }

  async pause(boxId: string): Promise<void> {
    const run = this.of(boxId)
    const owned = await this.#needOwned(boxId)
    const core = await this.#home.reader()
    if (run.state === 'paused') return
    await owned.live.machine.pause()
    run.change(core, 'pause')
  }

  async resume(boxId: string): Promise<void> {
    const run = this.of(boxId)
    const owned = await this.#needOwned(boxId)
    const core = await this.#home.reader()
    if (run.state !== 'running') {
      await owned.live.machine.resume()
      run.change(core, 'resume')
      await this.#clocks.mend(owned.live)
    }
    if (isDetached(owned)) await this.#leave(run, owned)
  }

  /** The machine of a box: one that this process runs, or takes over; null where none lives. */
  async owned(boxId: string): Promise<OwnedMachine | null> {
    const run = this.of(boxId)
    await this.#settleDead(run)
    if (run.owned !== null) return run.owned
    const { machine } = await this.#home.record(boxId)
    return machine === null ? null : this.#take(run, null)
  }

  /** A record as it is now: a machine that it names and that is gone is none. */
  async seen(record: BoxRecord): Promise<BoxRecord> {
    const { id, machine } = record
    const lives = machine === null || this.of(id).owned !== null || (await livesAnywhere(this.#home.engines, machine))
    return lives ? record : { ...record, machine: null }
  }

  /** Tells whoever listens what an operation noticed. */
  tell(boxId: string, findings: readonly Finding[]): void {
    for (const finding of findings) this.of(boxId).events.emit({ kind: 'finding', boxId, finding })
  }

  /** Forgets a box that was removed. */
  forget(boxId: string): void {
    const run = this.#runs.get(boxId)
    if (run === undefined) return
    this.#runs.delete(boxId)
    run.events.emit({ kind: 'removed', boxId })
  }

  /** Stops what this process runs; a detached machine goes on without it. */
  async close(options: CloseOptions = {}): Promise<void> {
    this.#clocks.stop()
    const ends = await Promise.allSettled(
      this.runs.map(async (run) => {
        const { owned } = run
        if (owned === null) return
        if (isDetached(owned)) await this.#leave(run, owned)
        else await this.stop(run.boxId, options)
      }),
    )
    await this.#visits.close()
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }

  /** Lets go of a detached machine, which goes on as its record says. */
  async #leave(run: BoxRun, owned: OwnedMachine): Promise<void> {
    run.leave()
    await owned.live.release().finally(() => owned.lock.release())
  }

  async #needOwned(boxId: string): Promise<OwnedMachine> {
    return (await this.owned(boxId)) ?? this.#notRunning(boxId)
  }

  #notRunning(boxId: string): never {
    throw new BoxLiteError('invalid_state', `box '${boxId}' is not running`, { remedy: 'Start the box first.', facts: { boxId } })
  }

  /** Takes the box's lock, and with it its machine: a living one of a former owner, else what `make` launches. */
  async #take(
    run: BoxRun,
    make: ((record: BoxRecord, held: readonly HeldLock[]) => Promise<LiveMachine>) | null,
  ): Promise<OwnedMachine | null> {
    const { boxId } = run
    const home = this.#home
    home.checkDiskClosed(boxId)
    const lock = run.kept ?? (await home.lockBox(boxId))
    const machines = this.operationMachines()
    let owned: OwnedMachine | null = null
    try {
      const shared = await home.lockHome('shared')
      try {
        const held = [
          { scope: { kind: 'box', id: boxId }, held: lock },
          { scope: { kind: 'home', mode: 'shared' }, held: shared },
        ] as const
        const recovered = await home.run({ kind: 'recover', boxId }, { held, machines })
        const record = await dropLeftExports(home, recovered.record, { held, machines })
        const live = record.machine === null ? ((await make?.(record, held)) ?? null) : machines.take(boxId)
        if (live !== null) owned = this.#own(run, live, lock, record)
      } finally {
        await shared.release()
      }
    } finally {
      await machines.letGo()
      if (owned === null && lock !== run.kept) await lock.release()
    }
    return owned
  }

  #own(run: BoxRun, live: LiveMachine, lock: Held, record: BoxRecord): OwnedMachine {
    // Its settings were judged when it was made; a record of somebody else's making just does not remove itself.
    const owned = { live, lock, autoRemove: record.config['autoRemove'] === true }
    run.owned = owned
    run.kept = null
    // One that is taken over runs as before.
    run.put('running', run.state ?? 'running')
    this.#clocks.watch()
    // The box is another's, who cannot end this machine: nothing that it still writes counts.
    void lock.stolen?.then(() => live.machine.kill())
    live.machine.exit
      .then(() => this.#home.afterTurn(run.boxId, () => this.#settle(run, owned, false)))
      // What the record could not be told, the box's next owner finds out and tells it; here it is shown as what needs attention.
      .catch((error: unknown) => (run.failure = `Its machine ended, and its record does not say so yet: ${String(error)}`))
    return owned
  }

  /** Settles a machine that ended a moment ago, before anything else is done with its box. */
  async #settleDead(run: BoxRun): Promise<void> {
    if (run.owned !== null && run.owned.live.exit !== null) await this.#settle(run, run.owned, false)
  }

  /** Tells the record that the machine has ended, and lets go of the box. Once for each machine; `keep`: it is not removed. */
  #settle(run: BoxRun, owned: OwnedMachine, keep: boolean): Promise<void> {
    // What was let go of is no longer ours to tell of.
    if (run.owned !== owned) return this.#settling.get(owned) ?? Promise.resolve()
    const settling = this.#settling.get(owned) ?? this.#settleOnce(run, owned, keep)
    this.#settling.set(owned, settling)
    return settling
  }

  async #settleOnce(run: BoxRun, owned: OwnedMachine, keep: boolean): Promise<void> {
    const { boxId } = run
    const goes = owned.autoRemove && !keep
    const exit = await owned.live.machine.exit
    run.lastExit = exit
    const core = await this.#home.reader()
    try {
      const held = this.heldLocks(boxId)
      await owned.live.leaveAgent()
      // A lock that was taken away has another owner by now, who has settled it.
      if (!owned.lock.isHeld()) return
      await this.#home.run({ kind: 'box.stop', boxId }, { held })
      if (goes) await removeBox(this.#home, boxId, false, { held })
    } finally {
      run.owned = null
      const wasStopping = run.state === 'stopping'
      if (wasStopping || isOrderly(exit)) run.change(core, 'ended')
      else {
        run.failure = exit.detail
        run.change(core, 'fail')
      }
      run.events.emit({ kind: 'ended', boxId, exit })
      if (owned.lock !== run.kept) await owned.lock.release()
    }
    if (goes) this.forget(boxId)
  }
}
