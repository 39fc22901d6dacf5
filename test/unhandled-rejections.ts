/** Notes what nobody handles, on Node as in a page, until the function that this returns is called; it answers what there was. */
export function noteUnhandledRejections(): () => unknown[] {
  const noted: unknown[] = []
  if ('process' in globalThis) {
    const note = (reason: unknown): void => void noted.push(reason)
    process.on('unhandledRejection', note)
    return () => {
      process.off('unhandledRejection', note)
      return noted
    }
  }
  const note = ({ reason }: PromiseRejectionEvent): void => void noted.push(reason)
  addEventListener('unhandledrejection', note)
  return () => {
    removeEventListener('unhandledrejection', note)
    return noted
  }
}
