// The error of a command that did not succeed, for callers who asked for one.

import { BoxLiteError } from '../error.ts'
import type { ExecOptions, ExecResult } from './exec-options.ts'

const EXCERPT_CHARACTERS = 200

/** `timeout` for a command that took too long, else `command_failed`; the result is in the facts. */
export function failedCommand(command: string, { timeoutMs }: ExecOptions, result: ExecResult<string | Uint8Array>): BoxLiteError {
  const facts = { command, ...result }
  if (result.timedOut) return new BoxLiteError('timeout', `'${command}' took longer than ${timeoutMs} ms and was killed`, { facts })
  const how = result.signal === null ? `exited with ${result.exitCode}` : `was ended by ${result.signal}`
  const said = lastLine(result.stderr)
  return new BoxLiteError('command_failed', `'${command}' ${how}${said === '' ? '' : `: ${said}`}`, { facts })
}

function lastLine(output: string | Uint8Array): string {
  const text = typeof output === 'string' ? output : new TextDecoder().decode(output)
  return (text.trimEnd().split('\n').at(-1) ?? '').slice(0, EXCERPT_CHARACTERS)
}
