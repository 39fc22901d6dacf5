// Why a command could not be started.

import { errnoName, errnoText } from '../agent/errno.ts'
import type { StreamResult } from '../agent/agent-stream.ts'
import { BoxLiteError, type ErrorCode } from '../error.ts'
import type { ExecOptions } from './exec-options.ts'

interface Failure {
  readonly code: ErrorCode
  readonly message: string
  readonly remedy: string
}

/**
 * The error of a command that never ran. The fact `step` says where it failed: `execve` (the program), `chdir` (the working
 * directory), `user`, `terminal`, `fork`.
 */
export function startError(command: string, options: ExecOptions, { errno, fields }: StreamResult): BoxLiteError {
  const step = fields.text(3) ?? 'start'
  const { code, message, remedy } = failure(command, options, step, errnoName(errno), errnoText(errno))
  return new BoxLiteError(code, message, { remedy, facts: { command, step, errno: errnoName(errno), errnoNumber: errno } })
}

function failure(command: string, { cwd, user }: ExecOptions, step: string, errno: string, text: string): Failure {
  const absent = errno === 'ENOENT' || errno === 'ENOTDIR'
  if (step === 'execve' && absent) {
    const remedy = 'Check the name and the PATH of the box. A path that exists may name an interpreter or a loader that does not.'
    return { code: 'not_found', message: `The command '${command}' was not found in the box`, remedy }
  }
  if (step === 'execve') {
    const remedy = "It has to be a program of the box's architecture, or a script with a first line that names one, and executable."
    return { code: scarce(errno) ?? 'invalid_argument', message: `The command '${command}' cannot be executed: ${text}`, remedy }
  }
  if (step === 'chdir') {
    const message = `The working directory '${cwd ?? ''}' of '${command}' cannot be entered: ${text}`
    return { code: absent ? 'not_found' : 'invalid_argument', message, remedy: 'Give a directory that is in the box.' }
  }
  if (step === 'user') {
    const message = `The user '${user ?? ''}' of '${command}' cannot be taken: ${absent ? 'there is no such user or group' : text}`
    return { code: absent ? 'not_found' : 'invalid_argument', message, remedy: "Give one of the box's /etc/passwd, or a number." }
  }
  return { code: scarce(errno) ?? 'io', message: `The command '${command}' could not be started (${step}): ${text}`, remedy: 'See box.logs().' }
}

/** Codes for a guest that has not enough of something. */
function scarce(errno: string): ErrorCode | null {
  if (errno === 'ENOMEM' || errno === 'EMFILE' || errno === 'ENFILE') return 'limit'
  return errno === 'EAGAIN' || errno === 'ETXTBSY' ? 'busy' : null
}
