// Limits of time that a caller gives.

import { BoxLiteError } from './error.ts'

/** What a platform's timer can wait for, in milliseconds: 24 days; more would end at once. */
export const MAX_TIMEOUT_MS = 2 ** 31 - 1

/** `value`, in milliseconds, where a timer can keep it; else refused with `invalid_argument`. */
export function checkTimeout(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= MAX_TIMEOUT_MS) return value
  throw new BoxLiteError('invalid_argument', `${name} is ${value}`, {
    remedy: `Give a whole number from 1 to ${MAX_TIMEOUT_MS}, or leave it out.`,
    facts: { [name]: value },
  })
}
