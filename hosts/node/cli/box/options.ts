// Options that the commands on boxes take, in the same words.

import { usageError } from '../usage-error.ts'

export const homeOption = {
  home: { type: 'string', value: 'DIR', help: 'the home (default: BOXLITE_HOME, else ~/.boxlite/store)' },
} as const

/** The name of a new box, said as the operand NAME or as --name; undefined where it is not said. */
export function newBoxName(operand: string | undefined, option: string | undefined, command: string): string | undefined {
  if (operand !== undefined && option !== undefined) throw usageError(`'${operand}' and --name=${option} are two names`, command, 'Say one of them.')
  return operand ?? option
}
