// The client and the agent, each as it ships, with nothing but a socket between them.
import { AgentSession } from '../../src/agent/session.ts'
import type { ExecOptions } from '../../src/exec/exec-options.ts'
import { startExec, startShell } from '../../src/exec/exec.ts'
import { execSuite, type ExecSubject, type Opened } from '../api/exec-suite.ts'
import { NONCE } from './fake-agent.ts'
import { nativeAgentRefusal, startNativeAgent } from './native-agent.ts'
import { socketChannel } from './socket-channel.ts'

const refusal = nativeAgentRefusal() ?? (process.getuid?.() === 0 ? null : 'running programs as other users needs root')

async function open(): Promise<Opened<ExecSubject>> {
  const agent = startNativeAgent()
  const session = await AgentSession.open(socketChannel(agent.channels[0]!), { fresh: true, nonce: NONCE, timeoutMs: 60_000 })
  const connect = (): Promise<AgentSession> => Promise.resolve(session)
  const subject: ExecSubject = {
    exec: ((command: string, args?: readonly string[], options?: ExecOptions) => startExec(connect, command, args, options)) as ExecSubject['exec'],
    shell: (options) => startShell(connect, options),
  }
  return {
    subject,
    async close() {
      await session.close()
      const { status, complaints } = await agent.ended
      if (status !== 0 || complaints !== '') throw new Error(`the agent ended with ${status}: ${complaints}`)
    },
  }
}

execSuite('a native agent', open, refusal)
