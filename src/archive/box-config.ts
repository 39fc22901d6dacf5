// Which part of a box's configuration travels in an archive: the fields named here and no other. What may carry secrets
// (`env`), names things of this host (`volumes`) or is a policy of this host (`autoRemove`, `detach`) stays at home, and so
// does every field that does not exist yet.

import { BoxLiteError } from '../error.ts'

/** A box's configuration, as a record keeps it. */
export type BoxConfig = Readonly<Record<string, unknown>>

const isText = (value: unknown): boolean => typeof value === 'string'
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) > 0
const isSize = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value) && value > 0
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText)
const isLabels = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isText)

/** The fields that travel, in the order in which they are written. */
const fields: readonly (readonly [name: string, isValid: (value: unknown) => boolean])[] = [
  ['image', isText],
  ['cpus', isCount],
  ['memoryMib', isCount],
  ['diskSizeGb', isSize],
  ['hostname', isText],
  ['user', isText],
  ['workingDir', isText],
  ['entrypoint', isTexts],
  ['cmd', isTexts],
  ['labels', isLabels],
]

/** The part of `config` that travels, its fields in a fixed order. `corrupt` where one is not of its kind. */
export function travellingConfig(config: BoxConfig): BoxConfig {
  const kept: Record<string, unknown> = {}
  for (const [name, isValid] of fields) {
    const value = config[name]
    if (value === undefined || value === null) continue
    if (!isValid(value)) throw new BoxLiteError('corrupt', `the field '${name}' of the box's configuration is not valid`, { facts: { field: name } })
    kept[name] = name === 'labels' ? sorted(value as Readonly<Record<string, string>>) : value
  }
  return kept
}

function sorted(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))
}
