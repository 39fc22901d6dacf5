import { printable } from '../printable.ts'

/** A box in a sentence: `box 'web' (0123...)`. */
export function describeBox({ id, name }: { readonly id: string; readonly name: string | null }): string {
  return name === null ? `box ${id}` : `box '${printable(name)}' (${id})`
}
