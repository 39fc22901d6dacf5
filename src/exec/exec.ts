// How a box runs a command, and a shell.

import type { Connect } from '../connect.ts'
import { byteEncoding, textEncoding } from './encoding.ts'
import type { ExecOptions, TerminalSize } from './exec-options.ts'
import { Execution } from './execution.ts'

/** What `box.shell` takes: what `box.exec` does, but output is text and the input is the terminal's. */
export interface ShellOptions extends Omit<ExecOptions, 'tty' | 'encoding' | 'stdin'> {
  /** The shell; by default a login shell, `/bin/sh -l`. */
  readonly command?: string
  readonly args?: readonly string[]
  /** Size of the terminal; by default 80 x 24. */
  readonly size?: TerminalSize
}

/** Starts a command; `encoding` decides the type of its output. */
export function startExec(
  connect: Connect,
  command: string,
  args: readonly string[] | undefined,
  options: ExecOptions & { readonly encoding: 'buffer' },
): Execution<Uint8Array>
export function startExec(
  connect: Connect,
  command: string,
  args?: readonly string[],
  options?: ExecOptions & { readonly encoding?: 'utf8' },
): Execution<string>
export function startExec(
  connect: Connect,
  command: string,
  args?: readonly string[],
  options?: ExecOptions,
): Execution<string> | Execution<Uint8Array>
export function startExec(
  connect: Connect,
  command: string,
  args: readonly string[] = [],
  options: ExecOptions = {},
): Execution<string> | Execution<Uint8Array> {
  if (options.encoding === 'buffer') return new Execution(connect, command, args, options, byteEncoding)
  return new Execution(connect, command, args, options, textEncoding)
}

/** Starts a shell on a terminal. */
export function startShell(connect: Connect, { command = '/bin/sh', args, size, ...options }: ShellOptions = {}): Execution<string> {
  return new Execution(connect, command, args ?? (command === '/bin/sh' ? ['-l'] : []), { ...options, tty: size ?? true }, textEncoding)
}
