// Stopping: what a caller may say about it, and how a guest is asked to shut down.

import { isBoxLiteError } from '../error.ts'
import type { CallOptions } from '../progress.ts'
import type { LiveMachine } from './live-machine.ts'

/** How far a stop is. `shutdown`: the guest shuts down by itself; `kill`: its machine is ended. */
export interface StopProgress {
  readonly stage: 'shutdown' | 'kill'
}

/** A stop that the guest was told of goes on to its end, whatever `signal` says. */
export interface StopOptions extends CallOptions<StopProgress> {
  /** Ends the machine at once: what the guest has not written out is lost. */
  readonly force?: boolean
  /** How long the guest may take to shut down, before its machine is ended all the same; by default 15,000. */
  readonly stopTimeoutMs?: number
}

/** The part of a stop in which the guest's processes may end by themselves. */
const GRACE_MS = 3_000

/** Has the guest shut down by itself, and resolves when its machine has ended. */
export async function shutDown(live: LiveMachine, wasPaused: boolean): Promise<void> {
  if (wasPaused) await live.machine.resume()
  const agent = await live.agent()
  try {
    await agent.shutDown(GRACE_MS)
  } catch (error) {
    // Its answer may be lost with the machine.
    if (!isBoxLiteError(error, 'io')) throw error
  }
  await live.machine.exit
}
