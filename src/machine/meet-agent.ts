// The first word with the agent of a machine. A channel that somebody left a moment ago may lose what is said into the change, so
// there it is said again on a new one.

import { AgentSession } from '../agent/session.ts'
import { unlessAborted } from '../aborted.ts'
import type { ByteChannel } from '../engine.ts'
import { isBoxLiteError } from '../error.ts'

/** How long one greeting is waited for on a channel that was used before. */
const ATTEMPT_LIMIT_MS = 1_000

export interface Meeting {
  /** Opens a channel; `fresh`: nothing was ever said on it. */
  open(): Promise<{ readonly channel: ByteChannel; readonly fresh: boolean }>
  /** 16 random bytes. */
  nonce(): Uint8Array
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** Rejects when the machine ends. */
  death?(): Promise<never>
  /** What to do before a greeting that had no answer is said again. */
  unanswered?(): Promise<void>
}

/** Opens a session. `timeout` where the agent does not answer, `aborted`, or what `death` rejects with. */
export async function meetAgent(meeting: Meeting): Promise<AgentSession> {
  for (let leftMs = meeting.timeoutMs; ; leftMs -= ATTEMPT_LIMIT_MS) {
    let isLast = leftMs <= ATTEMPT_LIMIT_MS
    try {
      const { channel, fresh } = await meeting.open()
      isLast ||= fresh
      return await greet(meeting, channel, fresh, isLast ? leftMs : ATTEMPT_LIMIT_MS)
    } catch (error) {
      if (isLast || !isBoxLiteError(error, 'timeout')) throw error
    }
    await meeting.unanswered?.()
  }
}

async function greet({ nonce, signal, death }: Meeting, channel: ByteChannel, fresh: boolean, timeoutMs: number): Promise<AgentSession> {
  const opening = AgentSession.open(channel, { fresh, nonce: nonce(), timeoutMs })
  try {
    return await unlessAborted(Promise.race([opening, ...(death === undefined ? [] : [death()])]), signal, 'The start of the box')
  } catch (error) {
    // A session that comes late is not wanted any more.
    void opening.then((session) => session.close()).catch(() => undefined)
    await channel.close()
    throw error
  }
}
