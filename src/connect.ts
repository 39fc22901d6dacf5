import type { AgentSession } from './agent/session.ts'
import type { StartProgress } from './machine/launch.ts'
import type { CallOptions } from './progress.ts'

/** The session with a box's agent; starts the box where that is needed, and tells how far that is. Its signal ends a start, too. */
export type Connect = (options?: CallOptions<StartProgress>) => Promise<AgentSession>
