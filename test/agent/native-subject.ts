// The client and the agent, each as it ships, with nothing but a socket between them, as something that has commands and files.
import { nodeHostFiles } from '../../hosts/node/copy/host-files.ts'
import { SocketChannel } from '../../hosts/node/qemu/socket-channel.ts'
import { AgentSession } from '../../src/agent/session.ts'
import type { ExecOptions } from '../../src/exec/exec-options.ts'
import { startExec, startShell } from '../../src/exec/exec.ts'
import { BoxFiles } from '../../src/files/box-files.ts'
import type { ExecSubject, Opened } from '../api/exec-suite.ts'
import type { FilesSubject } from '../api/files-suite.ts'
import { NONCE } from './fake-agent.ts'
import { nativeAgentRefusal, startNativeAgent } from './native-agent.ts'

/** Why there is none here, or null. */
export function nativeSubjectRefusal(): string | null {
  return nativeAgentRefusal() ?? (process.getuid?.() === 0 ? null : 'running programs as other users needs root')
}

export async function openNativeSubject(): Promise<Opened<ExecSubject & FilesSubject>> {
  const agent = startNativeAgent()
  const session = await AgentSession.open(new SocketChannel(agent.channels[0]!), { fresh: true, nonce: NONCE, timeoutMs: 60_000 })
  const connect = (): Promise<AgentSession> => Promise.resolve(session)
  return {
    subject: {
      exec: ((command: string, args?: readonly string[], options?: ExecOptions) => startExec(connect, command, args, options)) as ExecSubject['exec'],
      shell: (options) => startShell(connect, options),
      files: new BoxFiles(connect, nodeHostFiles),
    },
    async close() {
      await session.close()
      const { status, complaints } = await agent.ended
      if (status !== 0 || complaints !== '') throw new Error(`the agent ended with ${status}: ${complaints}`)
    },
  }
}
