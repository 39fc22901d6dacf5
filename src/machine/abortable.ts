import { BoxLiteError } from '../error.ts'

/** What `work` gives, or `aborted` as soon as `signal` says so; the work goes on, and what it gives later is dropped. */
export async function abortable<T>(signal: AbortSignal | undefined, what: string, work: Promise<T>): Promise<T> {
  if (signal === undefined) return work
  let abort = (): void => undefined
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(new BoxLiteError('aborted', `${what} was aborted`, { cause: signal.reason }))
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort)
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
