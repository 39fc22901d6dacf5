// Linux's signals, as x86 and ARM number them.

import { BoxLiteError } from '../error.ts'

const names = [
  'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGILL', 'SIGTRAP', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGKILL', 'SIGUSR1', 'SIGSEGV',
  'SIGUSR2', 'SIGPIPE', 'SIGALRM', 'SIGTERM', 'SIGSTKFLT', 'SIGCHLD', 'SIGCONT', 'SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU',
  'SIGURG', 'SIGXCPU', 'SIGXFSZ', 'SIGVTALRM', 'SIGPROF', 'SIGWINCH', 'SIGIO', 'SIGPWR', 'SIGSYS',
] as const

/** A signal by its name. */
export type SignalName = (typeof names)[number]

const MAX_SIGNAL = 64

/** The number of a signal; `invalid_argument` for what is none. */
export function signalNumber(signal: SignalName | number): number {
  const number = typeof signal === 'number' ? signal : names.indexOf(signal) + 1
  if (Number.isInteger(number) && number >= 1 && number <= MAX_SIGNAL) return number
  throw new BoxLiteError('invalid_argument', `'${signal}' is not a signal`, {
    remedy: "Give a name such as 'SIGTERM', or a number from 1 to 64.",
    facts: { signal },
  })
}

/** The name of a signal; `SIG34` for one without. */
export function signalName(number: number): string {
  return names[number - 1] ?? `SIG${number}`
}
