// The exit codes of commands that run something in a box, as shells and containers have them.

import { constants } from 'node:os'
import { isBoxLiteError } from '../../../../src/error.ts'
import type { ExecExit } from '../../index.ts'

/** boxlite itself failed. */
const FAILED = 125
const NOT_EXECUTABLE = 126
const NOT_FOUND = 127
/** What a shell gives for a command that a time limit ended (timeout(1)). */
const TIMED_OUT = 124

/** The code of a command that ran: its own, or 128 and the number of the signal that ended it. */
export function exitCodeOf({ exitCode, signal, timedOut }: ExecExit): number {
  if (timedOut) return TIMED_OUT
  if (exitCode !== null) return exitCode
  const number = signal === null ? undefined : (constants.signals as Readonly<Record<string, number | undefined>>)[signal]
  return 128 + (number ?? Number(signal?.replace('SIG', '')))
}

/** The code of a command that did not run. */
export function startFailureCode(error: unknown): number {
  if (!isBoxLiteError(error) || error.facts['step'] !== 'execve') return FAILED
  return error.code === 'not_found' ? NOT_FOUND : NOT_EXECUTABLE
}
