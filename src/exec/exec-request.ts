// What is sent to run a command, checked before it is.

import { fieldsBytes, textField, u32Field, type Field } from '../agent/fields.ts'
import { Protocol } from '../agent/protocol.ts'
import { BoxLiteError } from '../error.ts'
import { checkTimeout } from '../timeout.ts'
import type { ExecOptions, TerminalSize } from './exec-options.ts'

const Flag = { INPUT: 1, ONE_OUTPUT: 2 } as const

const DEFAULT_SIZE: TerminalSize = { columns: 80, rows: 24 }
const MAX_TERMINAL_SIDE = 65_535
/** Longest limit of collected output. */
const MAX_OUTPUT_BYTES = 256 * 2 ** 20

/** A command that can be sent. */
export interface ExecRequest {
  readonly command: string
  readonly terminal: TerminalSize | null
  readonly timeoutMs: number | null
  /** The fields of OPEN; `input`: whether standard input is given. */
  fields(input: boolean): Field[]
}

/** Checks a command and its options; `invalid_argument` says what is wrong with which. */
export function execRequest(command: string, args: readonly string[], options: ExecOptions): ExecRequest {
  if (command === '') throw invalid('The command is empty', 'Give the name or the path of a program.', { command })
  if (!['utf8', 'buffer', undefined].includes(options.encoding)) {
    throw invalid(`'${options.encoding}' is not an encoding of output`, "Give 'utf8' or 'buffer'.", { encoding: options.encoding })
  }
  wholeNumber('maxOutputBytes', options.maxOutputBytes, 0, MAX_OUTPUT_BYTES)
  const terminal = terminalSize(options.tty)
  const fields = [...[command, ...args].map((argument) => textField(1, withoutNul(argument, 'an argument'))), ...variables(options.env ?? {})]
  if (options.cwd !== undefined) fields.push(textField(3, withoutNul(options.cwd, 'the working directory')))
  if (options.user !== undefined) fields.push(textField(4, withoutNul(options.user, 'the user')))
  if (terminal !== null) fields.push({ tag: 5, value: sizeBytes(terminal) })
  const lengthBytes = fieldsBytes(fields)
  if (lengthBytes > Protocol.MAX_PAYLOAD_BYTES - 16) {
    const remedy = 'Give long input through standard input or a file.'
    const limitBytes = Protocol.MAX_PAYLOAD_BYTES
    throw invalid(`The arguments and the environment of '${command}' take ${lengthBytes} bytes; they may take less than ${limitBytes}`, remedy, {
      lengthBytes,
      limitBytes,
    })
  }
  return {
    command,
    terminal,
    timeoutMs: options.timeoutMs === undefined ? null : checkTimeout('timeoutMs', options.timeoutMs),
    fields: (input) => [...fields, u32Field(6, (input ? Flag.INPUT : 0) | (terminal === null ? 0 : Flag.ONE_OUTPUT))],
  }
}

/** Checks the size of a terminal. */
export function checkTerminalSize({ columns, rows }: TerminalSize): TerminalSize {
  const fits = [columns, rows].every((side) => Number.isInteger(side) && side >= 1 && side <= MAX_TERMINAL_SIDE)
  if (fits) return { columns, rows }
  throw invalid(`A terminal of ${columns} x ${rows} is not possible`, `Give whole numbers from 1 to ${MAX_TERMINAL_SIDE}.`, { columns, rows })
}

function terminalSize(tty: ExecOptions['tty']): TerminalSize | null {
  if (tty === undefined || tty === false) return null
  return checkTerminalSize(tty === true ? DEFAULT_SIZE : tty)
}

function sizeBytes({ columns, rows }: TerminalSize): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint16(0, columns, true)
  new DataView(bytes.buffer).setUint16(2, rows, true)
  return bytes
}

function variables(env: Readonly<Record<string, string>>): Field[] {
  return Object.entries(env).map(([name, value]) => {
    if (name === '' || name.includes('=')) throw invalid(`'${name}' is not the name of a variable`, "A name is not empty and has no '='.", { name })
    return textField(2, withoutNul(`${name}=${value}`, `the variable ${name}`))
  })
}

function withoutNul(text: string, what: string): string {
  if (!text.includes('\0')) return text
  throw invalid(`There is a zero byte in ${what}`, 'Programs cannot be given zero bytes this way: use standard input.', { text })
}

function wholeNumber(name: string, value: number | undefined, least: number, most: number): number | undefined {
  if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return value
  throw invalid(`${name} is ${value}`, `Give a whole number from ${least} to ${most}, or leave it out.`, { [name]: value })
}

function invalid(message: string, remedy: string, facts: Readonly<Record<string, unknown>>): BoxLiteError {
  return new BoxLiteError('invalid_argument', message, { remedy, facts })
}
