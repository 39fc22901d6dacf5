import { isBoxLiteError, type ErrorCode } from '../../../src/error.ts'
import { printable } from './printable.ts'

/** What to do about an error that does not say it itself. Whoever aborted a command knows. */
const remedies: Readonly<Record<ErrorCode, string | undefined>> = {
  invalid_argument: "Look at what the command's --help says, then change it.",
  not_found: 'Look whether the name is right.',
  already_exists: 'Choose another name.',
  invalid_state: 'Bring the box or disk into the state that this needs, then try again.',
  unsupported: 'Convert it to something that is supported, or look for a newer boxlite.',
  busy: 'Try again when whoever uses it is done.',
  corrupt: 'Use another copy of it, if there is one.',
  no_space: 'Free some space, then try again.',
  io: 'Look at the path and the system log, then try again.',
  engine_unavailable: 'Choose another engine.',
  timeout: 'Try again when this machine has less to do.',
  aborted: undefined,
  limit: 'It is over a limit of this boxlite: use something smaller.',
  command_failed: 'Look at what the command wrote.',
}

/** Causes can run in a circle. */
const STACK_LIMIT_LINES = 200

/** What standard error shows of a failure: one line, or one JSON object; with `debug` the stack follows. */
export function reportError(error: unknown, { json, debug }: { readonly json: boolean; readonly debug: boolean }): string[] {
  const known = describe(error)
  const text = [`boxlite: ${sentence(known.message)}`, ...(known.remedy === undefined ? [] : [known.remedy])].join(' ')
  const line = json ? JSON.stringify({ error: known }) : printable(text)
  return debug ? [line, ...stackOf(error)] : [line]
}

interface Description {
  readonly code: string
  readonly message: string
  readonly remedy?: string | undefined
  readonly fault?: string
  readonly facts?: Readonly<Record<string, unknown>>
}

function describe(error: unknown): Description {
  if (isBoxLiteError(error)) {
    return { code: error.code, message: error.message, remedy: error.remedy ?? remedies[error.code], fault: error.fault, facts: error.facts }
  }
  return {
    code: 'internal',
    message: `internal error: ${error instanceof Error ? error.message : String(error)}`,
    remedy: 'This is a defect of boxlite; BOXLITE_DEBUG=1 shows where it happened.',
  }
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

function stackOf(error: unknown): string[] {
  const lines: string[] = []
  for (let next: unknown = error; next instanceof Error && lines.length < STACK_LIMIT_LINES; next = next.cause) {
    lines.push(...(next.stack ?? next.message).split('\n'))
  }
  return lines
}
