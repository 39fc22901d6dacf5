// The program that a box runs by itself: its entrypoint with its cmd, in the background, after each start.

import type { AgentSession } from '../agent/session.ts'
import type { BoxSettings } from '../box-settings.ts'
import { startExec } from '../exec/exec.ts'

// In the background of a shell that ends at once, so that it belongs to no session and outlives the program that started the box.
const BACKGROUND = 'if [ -w /dev/console ]; then exec >/dev/console 2>&1; else exec >/dev/null 2>&1; fi; "$@" </dev/null &'

/** Starts it where there is one; what it says goes to the console. Rejects where the guest has no shell to start it, or takes too long. */
export async function startMainProgram(agent: AgentSession, settings: BoxSettings, timeoutMs: number): Promise<void> {
  const { entrypoint = [], cmd = [], env, workingDir, user } = settings
  const program = [...entrypoint, ...cmd]
  if (program.length === 0) return
  const defaults = { ...(env && { env }), ...(workingDir !== undefined && { cwd: workingDir }), ...(user !== undefined && { user }) }
  await startExec(() => Promise.resolve(agent), '/bin/sh', ['-c', BACKGROUND, 'sh', ...program], { ...defaults, timeoutMs }).orThrow()
}
