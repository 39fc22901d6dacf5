// Calls that their caller ends.

import { BoxLiteError } from './error.ts'

/** The error of a call that its caller ended. */
export function aborted(signal: AbortSignal | undefined, what: string = 'The call'): BoxLiteError {
  return new BoxLiteError('aborted', `${what} was aborted`, { cause: signal?.reason })
}

/** Throws `aborted` when the signal says so. */
export function checkAborted(signal: AbortSignal | undefined, what?: string): void {
  if (signal?.aborted === true) throw aborted(signal, what)
}

/** What `promise` gives, or `aborted` as soon as the caller ends the call. What it stands for goes on; what it gives later is dropped. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined, what?: string): Promise<T> {
  if (signal === undefined) return promise
  let abort = (): void => {}
  const ended = new Promise<never>((_resolve, reject) => {
    abort = () => reject(aborted(signal, what))
  })
  signal.addEventListener('abort', abort)
  try {
    if (signal.aborted) abort()
    return await Promise.race([promise, ended])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** What `values` yields, until the caller ends the call with `aborted`. */
export async function* untilAborted<T>(values: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncGenerator<T, void, undefined> {
  const iterator = values[Symbol.asyncIterator]()
  try {
    for (let next = await unlessAborted(iterator.next(), signal); next.done !== true; next = await unlessAborted(iterator.next(), signal)) {
      yield next.value
    }
  } finally {
    // One that waits for its next value cannot be left before it comes: nobody waits for that.
    const left = iterator.return?.()
    if (signal?.aborted === true) left?.catch(() => undefined)
    else await left
  }
}
