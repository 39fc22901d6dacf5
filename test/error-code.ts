// What a refusal is called.

import { isBoxLiteError } from '../src/error.ts'

/** The code of the `BoxLiteError` that `promise` rejects with; null when it does not reject. Any other error is thrown on. */
export async function errorCode(promise: PromiseLike<unknown>): Promise<string | null> {
  try {
    await promise
    return null
  } catch (error) {
    if (isBoxLiteError(error)) return error.code
    throw error
  }
}
