// A command in a box, joined to this process: its input and output, its terminal, its signals.

import type { Execution, ExecExit, ExecOptions } from '../../index.ts'
import type { Terminal } from '../terminal.ts'

/** What a command is started with: on a terminal, that of this process; else this process's input, where it is no terminal. */
export function inputOf(terminal: Terminal, tty: boolean): Pick<ExecOptions, 'stdin' | 'tty' | 'signal'> & { readonly encoding: 'buffer' } {
  const common = { encoding: 'buffer', signal: terminal.signal } as const
  if (tty) return { ...common, tty: terminal.size, stdin: terminal.readBytes() }
  return terminal.hasInput ? { ...common, stdin: terminal.readBytes() } : common
}

/** Passes output and signals on until the command has ended; the terminal is then as it was, however it ended. */
export async function attach(terminal: Terminal, execution: Execution<Uint8Array>, tty: boolean): Promise<ExecExit> {
  // A command that has ended takes neither signals nor sizes, and needs none.
  const drop = (): void => undefined
  const leaveKeys = tty ? terminal.takeKeys(() => void execution.resize(terminal.size.columns, terminal.size.rows).catch(drop)) : drop
  const leaveSignals = terminal.takeSignals((signal) => void execution.kill(signal).catch(drop))
  try {
    for await (const event of execution) {
      if (event.kind === 'exit') return event
      await (event.kind === 'stdout' ? terminal.writeBytes(event.data) : terminal.writeErrorBytes(event.data))
    }
    return await execution
  } finally {
    leaveSignals()
    leaveKeys()
  }
}
