import { expect } from 'vitest'
import { isBoxLiteError, type BoxLiteError, type ErrorCode } from '../../src/error.ts'

/** Expects a refusal by its code and words. */
export async function refuses(promise: Promise<unknown>, code: ErrorCode, words: RegExp): Promise<BoxLiteError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (!isBoxLiteError(error)) throw new Error(`expected ${code}`, { cause: error })
  expect(error.code).toBe(code)
  expect(error.message).toMatch(words)
  return error
}
