// The process of a machine, as its parent sees it, and as a later owner does who knows no more than its identity.

import { setTimeout as pause } from 'node:timers/promises'
import { BoxLiteError } from '../../../src/error.ts'
import { isAlive, type ProcessIdentity } from '../process-identity.ts'

/** How a process ended, as far as it can be told. */
export interface ProcessEnd {
  readonly code: number | null
  readonly signal: string | null
  /** The last line it complained with, or null. */
  readonly complaint: string | null
}

export interface MachineProcess {
  readonly identity: ProcessIdentity
  /** Resolves, and never rejects, when it has ended and its files are closed. */
  readonly ended: Promise<ProcessEnd>
  /** It may outlive this program, which need not stay for it. */
  release(): void
}

const END_TIMEOUT_MS = 10_000
const LOOK_EVERY_MS = 20

/** A process that an earlier program started. `hint` resolves when there is a reason to think that it ended. */
export function foreignProcess(identity: ProcessIdentity, hint: Promise<void>): MachineProcess {
  const unknown = { code: null, signal: null, complaint: null }
  let isReleased = false
  return {
    identity,
    // Of one that was let go of nobody asks how it ends, and this program need not stay to look.
    ended: hint.then(() => (isReleased ? new Promise<never>(() => undefined) : untilGone(identity))).then(() => unknown),
    release() {
      isReleased = true
    },
  }
}

/** Ends a process that nothing but its identity is known of; resolves when it is gone, `timeout` when it will not go. */
export async function endProcess(identity: ProcessIdentity): Promise<void> {
  if (!(await isAlive(identity))) return
  sendKill(identity.pid)
  const deadline = performance.now() + END_TIMEOUT_MS
  while (await isAlive(identity)) {
    if (performance.now() > deadline) {
      throw new BoxLiteError('timeout', `Process ${identity.pid} does not end`, {
        remedy: 'See what it waits for (a dead network file system?), and end it.',
        facts: { pid: identity.pid },
      })
    }
    await pause(LOOK_EVERY_MS)
  }
}

function sendKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (cause) {
    // It ended by itself meanwhile.
    if ((cause as NodeJS.ErrnoException).code === 'ESRCH') return
    throw new BoxLiteError('io', `Cannot end process ${pid}`, { cause, facts: { pid } })
  }
}

async function untilGone(identity: ProcessIdentity): Promise<void> {
  // Where the host cannot tell, nothing is proven yet.
  while (await isAlive(identity).catch(() => true)) await pause(LOOK_EVERY_MS)
}
