// Calls that their caller ends.

import { BoxLiteError } from '../error.ts'

/** The error of a call that its caller ended. */
export function aborted(signal: AbortSignal | undefined): BoxLiteError {
  return new BoxLiteError('aborted', 'The call was aborted', { cause: signal?.reason })
}

/** `promise`, or a rejection with `aborted` as soon as the caller ends the call. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  let abort = (): void => {}
  const ended = new Promise<never>((_resolve, reject) => {
    abort = () => reject(aborted(signal))
  })
  signal.addEventListener('abort', abort)
  try {
    if (signal.aborted) throw aborted(signal)
    return await Promise.race([promise, ended])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
