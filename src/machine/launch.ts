// Starts the machine of a stopped box.
//
//   engine, guest ─> prepare ─> commit its identity (box.start) ─> launch ─> the agent's HELLO ─> clock, entropy, host name,
//   the box's own program
//
// The identity is in the record before the machine may open the disk, so that whoever takes the box after a crash finds it.
// What fails after the commit ends the machine, and the record forgets it.

import { checkAborted, unlessAborted } from '../aborted.ts'
import type { AgentSession } from '../agent/session.ts'
import { DEFAULT_CPUS, DEFAULT_MEMORY_MIB, hostnameOf, readSettings, type BoxSettings } from '../box-settings.ts'
import { BoxLiteError, isBoxLiteError } from '../error.ts'
import type { Machine } from '../engine.ts'
import type { HomeAccess } from '../home-access.ts'
import type { BoxRecord } from '../operation/record.ts'
import type { HeldLock } from '../perform.ts'
import type { AssetProgress, CallOptions } from '../progress.ts'
import type { BoxRun } from './box-run.ts'
import { checkCapabilities } from './chosen-engine.ts'
import { LiveMachine } from './live-machine.ts'
import { startMainProgram } from './main-program.ts'
import { rootDisk } from './root-disk.ts'

/** How far a start is. `engine`: finding out what works here; `machine`: preparing and launching it; `guest`: waiting for its agent. */
export type StartProgress = { readonly stage: 'engine' | 'machine' | 'guest' } | AssetProgress

export interface StartOptions extends CallOptions<StartProgress> {
  /** Lets the machine go on when this program ends; by default what the box was made with. */
  readonly detach?: boolean
  /** How long the guest may take to answer; by default 60,000. */
  readonly startTimeoutMs?: number
}

/** Slow machines under load boot slowly; a guest that hangs is still told within a minute. */
const START_LIMIT_MS = 60_000
const START = 'The start of the box'
/** As much as the guest's pool takes in at once. */
const ENTROPY_BYTES = 64

/** Starts the machine of a box, and notes in `run` what the box is doing and how it went. */
export async function launchFor(
  home: HomeAccess,
  run: BoxRun,
  record: BoxRecord,
  held: readonly HeldLock[],
  options: StartOptions,
): Promise<LiveMachine> {
  const core = await home.reader()
  const before = run.stateOf(record)
  const startedMs = home.host.nowMs()
  run.change(core, 'launch', before)
  run.failure = null
  try {
    const live = await launch(home, record, held, options)
    run.counts.guestBootDurationMs = home.host.nowMs() - startedMs
    return live
  } catch (error) {
    run.failure = error instanceof Error ? error.message : String(error)
    run.change(core, 'fail')
    throw error
  }
}

async function launch(home: HomeAccess, record: BoxRecord, held: readonly HeldLock[], options: StartOptions): Promise<LiveMachine> {
  const { id: boxId } = record
  const { startTimeoutMs = START_LIMIT_MS, signal, onProgress } = options
  const recorded = readSettings(record.config)
  const settings = { ...recorded, detach: options.detach ?? recorded.detach ?? false }
  checkAborted(signal, START)
  onProgress?.({ stage: 'engine' })
  const chosen = await unlessAborted(home.engine(), signal, START)
  checkCapabilities(chosen, settings)
  const guest = await home.guest({ signal, onProgress })
  onProgress?.({ stage: 'machine' })
  const prepared = await chosen.engine.prepare({
    boxId,
    store: home.store,
    disk: await rootDisk(home, boxId, record.live),
    cpus: settings.cpus ?? DEFAULT_CPUS,
    memoryMib: settings.memoryMib ?? DEFAULT_MEMORY_MIB,
    guest: guest.files,
    detach: settings.detach,
  })
  try {
    checkAborted(signal, START)
    await home.run({ kind: 'box.start', boxId, machine: prepared.identity }, { held, signal })
  } catch (error) {
    await prepared.abandon()
    throw error
  }
  let machine: Machine | null = null
  try {
    machine = await prepared.launch()
    onProgress?.({ stage: 'guest' })
    const live = new LiveMachine(machine, home.host)
    const agent = await live.agent(startTimeoutMs, signal)
    await unlessAborted(greet(home, record, settings, agent, startTimeoutMs), signal, START)
    return live
  } catch (error) {
    const failure = machine === null ? error : await withConsole(error, machine)
    // Why it failed says more than what its end meets; whoever takes the box next proves that the machine is gone.
    await home.run({ kind: 'box.stop', boxId }, { held }).catch(() => undefined)
    throw failure
  }
}

/** What every guest is told first: a machine that was asleep, or is one of many alike, must not keep its clock or its random numbers. */
async function greet(home: HomeAccess, record: BoxRecord, settings: BoxSettings, agent: AgentSession, timeoutMs: number): Promise<void> {
  const { host } = home
  await agent.addEntropy(host.randomBytes(ENTROPY_BYTES))
  await agent.setClock(BigInt(host.nowMs()) * 1_000_000n)
  await agent.setHostname(hostnameOf(settings, record))
  await startMainProgram(agent, settings, timeoutMs)
}

/** Ends a machine that is of no use, and adds what its console said to the reason. */
async function withConsole(reason: unknown, machine: Machine): Promise<unknown> {
  try {
    await machine.kill()
  } catch {
    // It cannot be ended by itself: box.stop, which comes next, has other means, and says if these fail too.
    return reason
  }
  if (!isBoxLiteError(reason) || reason.facts['console'] !== undefined) return reason
  const { code, message, remedy, fault, facts } = reason
  const { console } = await machine.exit
  return new BoxLiteError(code, `The box did not start: ${message}`, {
    ...(remedy === undefined ? {} : { remedy }),
    fault,
    facts: { ...facts, console },
    cause: reason,
  })
}
