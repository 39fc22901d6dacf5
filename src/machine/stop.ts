// Stopping: what a caller may say about it, and how a machine is ended, by its guest where that can.

import { checkAborted } from '../aborted.ts'
import { within } from '../agent/within.ts'
import { callListener } from '../call-listener.ts'
import { isBoxLiteError } from '../error.ts'
import type { CallOptions } from '../progress.ts'
import { checkTimeout } from '../timeout.ts'
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

export interface CloseOptions {
  /** Is told of each box that is stopped. */
  readonly onProgress?: ((progress: StopProgress) => void) | undefined
}

const STOP_LIMIT_MS = 15_000
/** The part of a stop in which the guest's processes may end by themselves. */
const GRACE_MS = 3_000

/** The limit of a stop; `invalid_argument` for one that no timer can keep. */
export function stopLimit({ stopTimeoutMs = STOP_LIMIT_MS }: StopOptions): number {
  return checkTimeout('stopTimeoutMs', stopTimeoutMs)
}

interface Stop extends Omit<StopOptions, 'stopTimeoutMs'> {
  readonly wasPaused: boolean
  readonly limitMs: number
}

/** Has the guest shut down by itself, within `limitMs`, else ends its machine. `begins` is called when `signal` says nothing any more. */
export async function shutDown(
  live: LiveMachine,
  { force = false, signal, onProgress = () => undefined, wasPaused, limitMs }: Stop,
  begins: () => void,
): Promise<void> {
  callListener(onProgress, { stage: force ? 'kill' : 'shutdown' })
  checkAborted(signal, 'The stop of the box')
  begins()
  try {
    if (!force) await within(limitMs, 'The guest', askGuest(live, wasPaused))
  } catch (error) {
    // A guest that does not shut down is ended below, as one whose power is cut; its flushed data is safe.
    if (!isBoxLiteError(error)) throw error
  }
  if (live.exit !== null) return
  if (!force) callListener(onProgress, { stage: 'kill' })
  await live.machine.kill()
}

async function askGuest(live: LiveMachine, wasPaused: boolean): Promise<void> {
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
