import { isBoxLiteError } from '../../../src/error.ts'
import { printable } from './printable.ts'

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
    return { code: error.code, message: error.message, remedy: error.remedy, fault: error.fault, facts: error.facts }
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
