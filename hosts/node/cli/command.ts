// What a command is: its place in the command line, its operands and options as data (help and parsing both read
// them), and what it does.

import { parseArgs } from 'node:util'
import { nearest } from './nearest.ts'
import type { Terminal } from './terminal.ts'
import { usageError } from './usage-error.ts'

export interface OptionSpec {
  /** `list`: a string that may be given more than once. */
  readonly type: 'boolean' | 'string' | 'list'
  readonly short?: string
  /** What the value is called in the help; for strings. */
  readonly value?: string
  readonly help: string
}

export type OptionTable = Readonly<Record<string, OptionSpec>>

/** The values of a table's options, typed by it. What was not given is undefined. */
export type OptionValues<T extends OptionTable> = { readonly [K in keyof T]: ValueOf<T[K]['type']> | undefined }

type ValueOf<T extends OptionSpec['type']> = T extends 'boolean' ? boolean : T extends 'list' ? readonly string[] : string

type AnyOptions = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

interface CommandText {
  /** The words that call it: `disk create`. */
  readonly path: string
  /** One line for the list of commands. */
  readonly summary: string
  /** Further lines of its own help. */
  readonly details?: string
  /** Names of the operands, in order; `[NAME]` for one that may be left out, `[NAME...]` at the end for any number. */
  readonly operands: readonly string[]
  /** The exit code of a failure that is not the usage's; 1 where absent. */
  readonly failureCode?: (error: unknown) => number
}

export interface Command extends CommandText {
  readonly options: OptionTable
  /** Runs it and resolves with the exit code. */
  readonly run: (terminal: Terminal, options: AnyOptions, operands: readonly string[]) => Promise<number>
}

interface TypedCommand<T extends OptionTable> extends CommandText {
  readonly options: T
  readonly run: (terminal: Terminal, options: OptionValues<T>, operands: readonly string[]) => Promise<number>
}

/** A command whose `run` sees its options by their types. */
export function defineCommand<const T extends OptionTable>(command: TypedCommand<T>): Command {
  // Sound because `parseCommandLine` gives each option the type that its table says.
  return command as unknown as Command
}

export const jsonOption = { json: { type: 'boolean', help: 'print JSON: sizes in bytes, dates in ISO 8601, names as they are' } } as const
export const helpOption = { help: { type: 'boolean', short: 'h', help: 'print this help' } } as const

export interface ParsedLine {
  readonly options: AnyOptions
  readonly operands: readonly string[]
}

/** Parses what follows a command's words. Refuses what the command does not know as wrong usage. */
export function parseCommandLine(command: Command, args: readonly string[]): ParsedLine {
  const table: OptionTable = { ...command.options, ...helpOption }
  const known = Object.fromEntries(
    Object.entries(table).map(([name, { type, short }]) => [name, { type: type === 'list' ? ('string' as const) : type, ...(short && { short }) }]),
  )
  const { tokens } = parseArgs({ args: [...args], options: known, strict: false, allowPositionals: true, tokens: true })
  const restFrom = command.operands.findIndex((name) => name.endsWith('...'))
  const options: Record<string, string | boolean | readonly string[]> = {}
  const operands: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') {
      if (operands.length === restFrom) {
        operands.push(...args.slice(token.index))
        break
      }
      operands.push(token.value)
    }
    if (token.kind !== 'option') continue
    const spec = Object.hasOwn(table, token.name) ? table[token.name]! : undefined
    if (spec === undefined) throw unknownOption(command, token.rawName, Object.keys(table))
    const value = valueOf(command, spec, token)
    const before = Object.hasOwn(options, token.name) ? options[token.name] : undefined
    if (spec.type === 'list') options[token.name] = [...((before as readonly string[] | undefined) ?? []), value as string]
    else if (before !== undefined) throw usageError(`${token.rawName} is given twice`, command.path)
    else options[token.name] = value
  }
  if (options['help'] !== true) checkOperands(command, operands)
  return { options, operands }
}

function valueOf(
  command: Command,
  spec: OptionSpec,
  token: { readonly rawName: string; readonly value?: string | undefined; readonly inlineValue?: boolean | undefined },
): string | boolean {
  if (spec.type === 'boolean') {
    if (token.value !== undefined) throw usageError(`${token.rawName} takes no value`, command.path)
    return true
  }
  // A word that looks like an option is not taken for a value: `--format --json` is a value forgotten.
  const forgotten = token.value === undefined || (token.inlineValue !== true && /^-./.test(token.value))
  if (forgotten) throw usageError(`${token.rawName} needs a value: ${token.rawName}=${spec.value ?? 'VALUE'}`, command.path)
  return token.value!
}

function unknownOption(command: Command, rawName: string, names: readonly string[]): Error {
  const guess = nearest(rawName, names.map((name) => `--${name}`))
  return usageError(`unknown option '${rawName}'`, command.path, guess === null ? undefined : `Did you mean ${guess}?`)
}

function checkOperands(command: Command, operands: readonly string[]): void {
  const empty = operands.slice(0, command.operands.length).indexOf('')
  if (empty >= 0) throw usageError(`${(command.operands[empty] ?? 'an operand').replace(/[[\].]/g, '')} is empty`, command.path)
  const missing = command.operands[operands.length]
  if (missing !== undefined && !missing.startsWith('[')) throw usageError(`${missing.replace('...', '')} is missing`, command.path)
  const extra = command.operands.at(-1)?.includes('...') === true ? undefined : operands[command.operands.length]
  if (extra !== undefined) throw usageError(`'${extra}' is one operand too many`, command.path)
}
