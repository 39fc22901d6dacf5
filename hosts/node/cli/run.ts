// From the words of a command line to an exit code.

import { readFileSync } from 'node:fs'
import { isBoxLiteError } from '../../../src/error.ts'
import { parseCommandLine, type Command } from './command.ts'
import { commands, groups, type CommandGroup } from './commands.ts'
import { commandHelp, groupHelp } from './help.ts'
import { nearest } from './nearest.ts'
import { reportError } from './report-error.ts'
import type { Terminal } from './terminal.ts'
import { isUsageError, usageError } from './usage-error.ts'

/** BSD's EX_USAGE (sysexits.h). */
const EXIT_USAGE = 64

/** Runs one command line and resolves with the exit code; whatever fails is told on standard error. */
export async function runCommandLine(terminal: Terminal, args: readonly string[]): Promise<number> {
  const target = resolve(args[0] === 'help' ? [...args.slice(1), '--help'] : args)
  try {
    if (target.kind === 'failed') throw target.error
    if (target.kind === 'version') terminal.print(`boxlite ${packageVersion()}`)
    else if (target.kind === 'group') terminal.print(groupHelp(target.group, listedIn(target.group)))
    else return await runCommand(terminal, target.command, target.rest)
    return 0
  } catch (error) {
    // A broken output is told by the caller, once; what it aborted is only its echo.
    if (terminal.outputError === null) {
      const lines = reportError(reasonOf(error, terminal.signal), { json: args.includes('--json'), debug: terminal.isDebugging })
      for (const line of lines) terminal.tell(line)
    }
    if (isUsageError(error)) return EXIT_USAGE
    return target.kind === 'command' ? (target.command.failureCode?.(error) ?? 1) : 1
  }
}

/** Why it ended, said alike whatever work it was that a signal ended. */
function reasonOf(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted && isBoxLiteError(error, 'aborted') ? signal.reason : error
}

async function runCommand(terminal: Terminal, command: Command, rest: readonly string[]): Promise<number> {
  const { options, operands } = parseCommandLine(command, rest)
  if (options['help'] === true) {
    terminal.print(commandHelp(command))
    return 0
  }
  return await command.run(terminal, options, operands)
}

type Target =
  | { readonly kind: 'command'; readonly command: Command; readonly rest: readonly string[] }
  | { readonly kind: 'group'; readonly group: CommandGroup }
  | { readonly kind: 'version' }
  | { readonly kind: 'failed'; readonly error: Error }

function resolve(args: readonly string[]): Target {
  let group = groups[0]!
  for (const [i, word] of args.entries()) {
    const path = args.slice(0, i + 1).join(' ')
    const command = commands.find((candidate) => candidate.path === path)
    if (command !== undefined) return { kind: 'command', command, rest: args.slice(i + 1) }
    const inner = groups.find((candidate) => candidate.path === path)
    if (inner === undefined) return outsideOf(group, word)
    group = inner
  }
  return outsideOf(group, undefined)
}

/** What a word means that is neither a command nor a group. */
function outsideOf(group: CommandGroup, word: string | undefined): Target {
  if (word === '--help' || word === '-h') return { kind: 'group', group }
  if (word === '--version' && group.path === '') return { kind: 'version' }
  if (word === undefined || word.startsWith('-')) {
    return { kind: 'failed', error: usageError(word === undefined ? 'a command is missing' : `unknown option '${word}'`, group.path) }
  }
  const prefix = group.path === '' ? '' : `${group.path} `
  const known = [...commands, ...groups].filter(({ path }) => path.startsWith(prefix)).map(({ path }) => path.slice(prefix.length).split(' ')[0]!)
  const guess = nearest(word, known)
  const hint = guess === null ? undefined : `Did you mean '${prefix}${guess}'?`
  return { kind: 'failed', error: usageError(`unknown command '${prefix}${word}'`, group.path, hint) }
}

/** The commands that a group's help lists: all of the program's, or those under its words. */
function listedIn(group: CommandGroup): readonly Command[] {
  return group.path === '' ? commands : commands.filter(({ path }) => path.startsWith(`${group.path} `))
}

function packageVersion(): string {
  // From dist/hosts/node/cli/ to the package's root.
  const text = readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
