import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect } from 'vitest'
import { buildNativeAgent, type NativeAgent, nativeAgentRefusal, startNativeAgent } from './native-agent.ts'
import { RawSession } from './raw-session.ts'

export interface AgentUnderTest {
  agent: NativeAgent
  /** The first session, which has said HELLO. */
  session: RawSession
  sessions: RawSession[]
  /** A folder of this test alone. */
  folder: string
}

/**
 * Gives every test of a suite an agent of its own, and demands at its end that the agent ended in order when its channels
 * closed, and that neither it nor a sanitizer had anything to complain about.
 */
export function useAgent(options: { readonly sessions?: number } = {}): AgentUnderTest {
  const refusal = nativeAgentRefusal()
  if (refusal === null) buildNativeAgent()
  const test = {} as AgentUnderTest

  beforeEach(async (ctx) => {
    if (refusal !== null) ctx.skip(refusal)
    test.folder = mkdtempSync(join(tmpdir(), 'boxlite-agent-'))
    test.agent = startNativeAgent(options)
    test.sessions = test.agent.channels.map((channel) => new RawSession(channel))
    test.session = test.sessions[0]!
    for (const session of test.sessions) await session.greet()
  })

  afterEach(async () => {
    if (refusal !== null) return
    for (const session of test.sessions) session.socket.destroy()
    expect(await test.agent.ended).toEqual({ status: 0, complaints: '' })
    rmSync(test.folder, { recursive: true, force: true })
  })

  return test
}
