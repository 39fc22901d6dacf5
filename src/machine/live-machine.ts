// A machine and the session with its guest's agent.

import type { AgentSession } from '../agent/session.ts'
import type { BoxHost } from '../box-host.ts'
import type { Machine, MachineExit } from '../engine.ts'
import { BoxLiteError } from '../error.ts'
import { meetAgent } from './meet-agent.ts'

/** How long an agent that answered before may take to answer again. */
const AGENT_LIMIT_MS = 10_000

export class LiveMachine {
  readonly machine: Machine
  readonly #host: BoxHost
  #agent: Promise<AgentSession> | null = null
  #exit: MachineExit | null = null

  constructor(machine: Machine, host: BoxHost) {
    this.machine = machine
    this.#host = host
    void machine.exit.then((exit) => (this.#exit = exit))
  }

  /** How the machine ended; null while it lives. */
  get exit(): MachineExit | null {
    return this.#exit
  }

  /** The session with the agent; a new one after an earlier one ended. `timeout` where the agent does not answer. */
  agent(timeoutMs: number = AGENT_LIMIT_MS, signal?: AbortSignal): Promise<AgentSession> {
    if (this.#agent !== null) return this.#agent
    const opening = this.#open(timeoutMs, signal)
    this.#agent = opening
    const forget = (): void => {
      if (this.#agent === opening) this.#agent = null
    }
    opening.then((session) => session.closed).then(forget, forget)
    return opening
  }

  #open(timeoutMs: number, signal: AbortSignal | undefined): Promise<AgentSession> {
    return meetAgent({
      open: () => this.machine.openAgent(),
      nonce: () => this.#host.randomBytes(16),
      timeoutMs,
      signal,
      // A guest that dies while it boots is told at once, with what it said.
      death: () => this.machine.exit.then((exit) => Promise.reject(endedEarly(exit))),
    })
  }

  /** Ends the session, not the machine. */
  async leaveAgent(): Promise<void> {
    const agent = this.#agent
    this.#agent = null
    if (agent === null) return
    // A session that never came about needs no end.
    const session = await agent.catch(() => null)
    await session?.close()
  }

  /** Lets go of a machine that goes on without this program. */
  async release(): Promise<void> {
    await this.leaveAgent()
    await this.machine.release()
  }
}

/** The error of a start that the machine did not survive. */
function endedEarly({ reason, detail, console }: MachineExit): BoxLiteError {
  return new BoxLiteError('io', `The machine ended before its guest answered (${reason}): ${detail}`, {
    remedy: 'The last lines of its console, in the fact `console`, say more.',
    facts: { reason, console },
  })
}
