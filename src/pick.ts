/** A new object with those of the named properties that are there and not undefined. */
export function pick<T extends object, K extends keyof T>(from: T, names: readonly K[]): Pick<T, K> {
  const given = names.filter((name) => from[name] !== undefined)
  // Sound for optional properties: what is left out is as if it had not been given.
  return Object.fromEntries(given.map((name) => [name, from[name]])) as Pick<T, K>
}
