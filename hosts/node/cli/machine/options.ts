// Options of the commands that make, start and use machines, in the same words.

import type { BoxSettings, EngineName } from '../../index.ts'
import type { OptionValues } from '../command.ts'
import { parseSize } from '../size.ts'
import { usageError } from '../usage-error.ts'

const MIB = 2 ** 20

export const engineOption = {
  engine: { type: 'string', value: 'NAME', help: 'what runs the machine: qemu or v86 (default: the best that works here)' },
} as const

/** How a command runs. */
export const commandOptions = {
  env: { type: 'list', short: 'e', value: 'NAME=VALUE', help: 'a variable; may be given more than once' },
  workdir: { type: 'string', short: 'w', value: 'DIR', help: 'the directory to start in' },
  user: { type: 'string', short: 'u', value: 'USER', help: 'name, uid, name:group or uid:gid (default: root)' },
} as const

/** How a box runs. */
export const settingOptions = {
  image: { type: 'string', short: 'i', value: 'IMAGE', help: 'the image that the disk starts as' },
  cpus: { type: 'string', value: 'COUNT', help: 'virtual processors (default: 1)' },
  memory: { type: 'string', value: 'SIZE', help: 'memory, such as 512M (default)' },
  hostname: { type: 'string', value: 'NAME', help: "the guest's own name (default: that of the box)" },
  label: { type: 'list', value: 'NAME=VALUE', help: 'a note of your own; may be given more than once' },
  ...commandOptions,
} as const

export function engineOf(name: string | undefined, command: string): { engine: 'auto' | EngineName } {
  if (name === undefined) return { engine: 'auto' }
  if (name === 'auto' || name === 'qemu' || name === 'v86') return { engine: name }
  throw usageError(`'${name}' is not an engine`, command, 'Say qemu, v86 or auto.')
}

/** The settings of a box that its options say. */
export function settingsFrom(options: OptionValues<typeof settingOptions>, command: string): BoxSettings {
  const { image, cpus, memory, hostname, label, env, workdir, user } = options
  return {
    ...(image !== undefined && { image }),
    ...(cpus !== undefined && { cpus: wholeNumber(cpus, '--cpus', command) }),
    ...(memory !== undefined && { memoryMib: mebibytes(memory, command) }),
    ...(hostname !== undefined && { hostname }),
    ...(label !== undefined && { labels: table(label, '--label', command) }),
    ...(env !== undefined && { env: table(env, '--env', command) }),
    ...(workdir !== undefined && { workingDir: workdir }),
    ...(user !== undefined && { user }),
  }
}

/** What a command in a box is run with. */
export function execOptionsFrom(
  { env, workdir, user }: OptionValues<typeof commandOptions>,
  command: string,
): { env?: Readonly<Record<string, string>>; cwd?: string; user?: string } {
  return {
    ...(env !== undefined && { env: table(env, '--env', command) }),
    ...(workdir !== undefined && { cwd: workdir }),
    ...(user !== undefined && { user }),
  }
}

export function wholeNumber(text: string, option: string, command: string): number {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text)
  throw usageError(`${option}=${text} is not a whole number`, command)
}

function mebibytes(text: string, command: string): number {
  const bytes = parseSize(text, '--memory', command)
  if (bytes % MIB === 0) return bytes / MIB
  throw usageError(`--memory=${text} is not a whole number of MiB`, command, 'Say it with a unit, such as 512M or 1G.')
}

function table(pairs: readonly string[], option: string, command: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at < 1) throw usageError(`${option} ${pair} has no NAME=VALUE`, command)
      return [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
}
