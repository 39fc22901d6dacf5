import { helpOption, type Command, type OptionTable } from './command.ts'
import type { CommandGroup } from './commands.ts'

const COLUMNS = 100

/** Help of the whole program, or of the commands under one word (`disk`). */
export function groupHelp(group: CommandGroup, commands: readonly Command[]): string[] {
  const prefix = group.path === '' ? '' : `${group.path} `
  const rows = commands.map(({ path, summary }) => [path.slice(prefix.length), summary] as const)
  return [
    `${group.title}`,
    '',
    `Usage: boxlite ${prefix}<command> [options]`,
    '',
    'Commands:',
    ...twoColumns(rows),
    '',
    `Run 'boxlite ${prefix}<command> --help' for what one takes.`,
    ...(group.path === '' ? ['', 'Options:', ...twoColumns([['-h, --help', helpOption.help.help], ['--version', 'print the version']])] : []),
    ...group.notes.flatMap((note) => ['', ...wrap(note, COLUMNS)]),
  ]
}

export function commandHelp(command: Command): string[] {
  const options: OptionTable = { ...command.options, ...helpOption }
  const rows = Object.entries(options).map(([name, { short, value, type, help }]) => {
    const long = type !== 'boolean' ? `--${name}=${value ?? 'VALUE'}` : `--${name}`
    return [short === undefined ? `    ${long}` : `-${short}, ${long}`, help] as const
  })
  return [
    `Usage: boxlite ${[command.path, '[options]', ...command.operands].join(' ')}`,
    '',
    ...wrap(`${command.summary[0]!.toUpperCase()}${command.summary.slice(1)}.`, COLUMNS),
    ...(command.details === undefined ? [] : command.details.split('\n').flatMap((text) => ['', ...wrap(text, COLUMNS)])),
    '',
    'Options:',
    ...twoColumns(rows),
  ]
}

function twoColumns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.flatMap(([left, right]) => {
    const lines = wrap(right, COLUMNS - width - 4)
    return lines.map((line, i) => `  ${(i === 0 ? left : '').padEnd(width)}  ${line}`)
  })
}

function wrap(text: string, columns: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
