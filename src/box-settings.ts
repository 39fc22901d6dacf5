// How a box runs, as its record's config keeps it. What a caller gives is judged strictly; what a record holds may come from
// an archive of anybody, so it is judged by the same rules and never taken on trust.

import { BoxLiteError, type ErrorCode } from './error.ts'

/** How a box runs. */
export interface BoxSettings {
  /** The image that the disk starts as: its name or its digest. */
  readonly image?: string
  /** Virtual processors; by default 1. */
  readonly cpus?: number
  /** Memory in MiB; by default 512. */
  readonly memoryMib?: number
  /** Variables of every command. */
  readonly env?: Readonly<Record<string, string>>
  /** Directory that commands start in. */
  readonly workingDir?: string
  /** Who commands run as: `name`, `uid`, `name:group` or `uid:gid`; by default root. */
  readonly user?: string
  /** What runs in the background after each start; its output goes to the console. `cmd` are its arguments. */
  readonly entrypoint?: readonly string[]
  readonly cmd?: readonly string[]
  /** Removes the box when it stops. By default false. */
  readonly autoRemove?: boolean
  /** Lets the machine go on when this program ends. By default false. */
  readonly detach?: boolean
  /** The guest's own name; by default that of the box, as far as it makes one, else the beginning of its id. */
  readonly hostname?: string
  /** Notes of the caller's own. */
  readonly labels?: Readonly<Record<string, string>>
}

export const DEFAULT_CPUS = 1
export const DEFAULT_MEMORY_MIB = 512

const LIMIT_TEXT_BYTES = 32_768
const LIMIT_CPUS = 256
const LIMIT_MEMORY_MIB = 1024 * 1024

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= LIMIT_TEXT_BYTES && value.isWellFormed() && !value.includes('\0')
const isWord = (value: unknown): boolean => isText(value) && value !== ''
const isCount = (value: unknown, limit: number): boolean => Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= limit
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText)
const isFlag = (value: unknown): boolean => typeof value === 'boolean'
const isTable = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)
const isTexted = (value: unknown): boolean => isTable(value) && Object.values(value).every(isText)
// A variable's name is whatever the kernel takes: anything without '=' and not empty.
const isEnvironment = (value: unknown): boolean => isTexted(value) && Object.keys(value as object).every((name) => /^[^=\0]+$/.test(name))

/** What each field has to be. */
const fields: Readonly<Record<keyof BoxSettings, readonly [isValid: (value: unknown) => boolean, words: string]>> = {
  image: [isWord, 'the name or the digest of an image'],
  cpus: [(value) => isCount(value, LIMIT_CPUS), `a whole number from 1 to ${LIMIT_CPUS}`],
  memoryMib: [(value) => isCount(value, LIMIT_MEMORY_MIB), `a whole number of MiB from 1 to ${LIMIT_MEMORY_MIB}`],
  env: [isEnvironment, 'texts by name; no name is empty or holds "="'],
  workingDir: [(value) => isText(value) && value.startsWith('/'), 'an absolute path of the guest'],
  user: [(value) => isText(value) && /^[^\s:]+(?::[^\s:]+)?$/.test(value), 'name, uid, name:group or uid:gid'],
  entrypoint: [(value) => isTexts(value) && (value as string[]).length > 0 && value !== null, 'a list of texts, the program first'],
  cmd: [isTexts, 'a list of texts'],
  autoRemove: [isFlag, 'true or false'],
  detach: [isFlag, 'true or false'],
  hostname: [(value) => isText(value) && isHostname(value), 'one label of a host name: letters, digits and inner hyphens, at most 63'],
  labels: [isTexted, 'texts by name'],
}

const names = Object.keys(fields) as (keyof BoxSettings)[]

/** What people bring from elsewhere, and why it is not here. */
const absent: Readonly<Record<string, string>> = {
  ports: 'A box has no network yet, so no port of it can be published.',
  network: 'A box has no network yet.',
  volumes: 'Directories of the host cannot be mounted into a box yet; copy them in with box.files.copyIn.',
  secrets: 'A box has no network yet, so it needs no secrets of the network.',
  rootfsPath: 'Make an image of the directory first: lite.images.import.',
}

/** Refuses options that nobody knows: a misspelt or a missing feature must not be passed over in silence. */
export function checkOptionNames(options: object, known: readonly string[]): void {
  const all: readonly string[] = [...known, ...names]
  for (const name of Object.keys(options)) {
    if (all.includes(name) || (options as Record<string, unknown>)[name] === undefined) continue
    const reason = Object.hasOwn(absent, name) ? absent[name] : undefined
    throw new BoxLiteError(reason === undefined ? 'invalid_argument' : 'unsupported', reason ?? `There is no option '${name}'`, {
      remedy: reason === undefined ? `The options are: ${all.toSorted().join(', ')}.` : `Leave '${name}' out.`,
      facts: { option: name },
    })
  }
}

/** The settings among a caller's options; `invalid_argument` where one is not of its kind. */
export function settingsOf(options: BoxSettings): BoxSettings {
  const settings = pick(options as Readonly<Record<string, unknown>>, 'invalid_argument')
  if (settings.autoRemove === true && settings.detach === true) {
    throw new BoxLiteError('invalid_argument', 'A box whose machine outlives this program cannot be removed by it when it stops', {
      remedy: 'Leave out autoRemove or detach.',
    })
  }
  if (settings.cmd !== undefined && settings.entrypoint === undefined && settings.cmd[0] === undefined) {
    throw new BoxLiteError('invalid_argument', 'cmd without entrypoint has to name a program', { facts: { option: 'cmd' } })
  }
  return settings
}

/** The settings that a record keeps; `corrupt` where one is not of its kind. Fields that nobody knows are passed over. */
export function readSettings(config: Readonly<Record<string, unknown>>): BoxSettings {
  return pick(config, 'corrupt')
}

function pick(from: Readonly<Record<string, unknown>>, code: ErrorCode): BoxSettings {
  const picked: Record<string, unknown> = {}
  for (const name of names) {
    const value = Object.hasOwn(from, name) ? from[name] : undefined
    if (value === undefined || (value === null && code === 'corrupt')) continue
    const [isValid, words] = fields[name]
    if (!isValid(value)) {
      throw new BoxLiteError(code, `The setting '${name}' of a box has to be ${words}`, { facts: { setting: name, value } })
    }
    picked[name] = value
  }
  return picked
}

function isHostname(text: string): boolean {
  return /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(text)
}

/** What the guest calls itself. */
export function hostnameOf(settings: BoxSettings, box: { readonly id: string; readonly name: string | null }): string {
  const candidates = [settings.hostname, box.name, box.id.slice(0, 12)]
  return candidates.find((name) => typeof name === 'string' && isHostname(name)) as string
}
