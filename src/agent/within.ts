// A promise that may not take for ever.

import { BoxLiteError } from '../error.ts'

/** `promise`, or after `timeoutMs` a rejection with `timeout`; `what` did not answer. */
export async function within<T>(timeoutMs: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: Timer | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const remedy = 'The guest may be paused, overloaded or stuck: see box.logs(), or stop the box and start it again.'
      reject(new BoxLiteError('timeout', `${what} did not answer within ${timeoutMs} ms`, { remedy, facts: { timeoutMs } }))
    }, timeoutMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
