import { BoxLiteError, isBoxLiteError } from '../../../src/error.ts'

/** A command line that cannot be understood: exit code 64. `command` is its words (`disk create`), '' for none. */
export function usageError(message: string, command: string, hint?: string): BoxLiteError {
  const help = `Run 'boxlite ${command === '' ? '' : `${command} `}--help'.`
  return new BoxLiteError('invalid_argument', message, { remedy: hint === undefined ? help : `${hint} ${help}`, facts: { usage: command } })
}

export function isUsageError(error: unknown): boolean {
  return isBoxLiteError(error, 'invalid_argument') && error.facts['usage'] !== undefined
}
