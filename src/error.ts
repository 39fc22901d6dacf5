// The one error class of the package.

/** What went wrong, as a stable word that programs may compare. */
export type ErrorCode =
  | 'invalid_argument'
  | 'not_found'
  | 'already_exists'
  | 'invalid_state'
  | 'unsupported'
  | 'busy'
  | 'corrupt'
  | 'no_space'
  | 'io'
  | 'engine_unavailable'
  | 'timeout'
  | 'aborted'
  | 'limit'
  | 'command_failed'

/** Whose fault an error is: the caller's (change the call), the host's (change the machine), or the data's. */
export type ErrorFault = 'caller' | 'host' | 'data'

const faults: Record<ErrorCode, ErrorFault> = {
  invalid_argument: 'caller',
  not_found: 'caller',
  already_exists: 'caller',
  invalid_state: 'caller',
  unsupported: 'caller',
  busy: 'host',
  corrupt: 'data',
  no_space: 'host',
  io: 'host',
  engine_unavailable: 'host',
  timeout: 'host',
  aborted: 'caller',
  limit: 'data',
  command_failed: 'caller',
}

/** What a `BoxLiteError` carries beside its message. */
export interface ErrorDetails {
  /** A sentence that says what to do. */
  readonly remedy?: string
  /** The facts of the case, by name: ids, fields, values, limits. */
  readonly facts?: Readonly<Record<string, unknown>>
  /** What this error was made from. */
  readonly cause?: unknown
  /** Whose fault it is, where the code's usual answer is wrong. */
  readonly fault?: ErrorFault
}

// A registered symbol, so that errors of another copy of the package are recognised too.
const brand = Symbol.for('boxlite.error')

/** Every error that the package throws on purpose. Narrow it with `isBoxLiteError`, not with `instanceof`. */
export class BoxLiteError extends Error {
  override readonly name = 'BoxLiteError'
  readonly code: ErrorCode
  readonly fault: ErrorFault
  readonly remedy: string | undefined
  readonly facts: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.code = code
    this.fault = details.fault ?? faults[code]
    this.remedy = details.remedy
    this.facts = details.facts ?? {}
    Object.defineProperty(this, brand, { value: true })
  }
}

/** Whether `error` is a `BoxLiteError` (of this or another copy of the package), and has `code` where one is given. */
export function isBoxLiteError(error: unknown, code?: ErrorCode): error is BoxLiteError {
  return (
    typeof error === 'object' &&
    error !== null &&
    (error as Record<symbol, unknown>)[brand] === true &&
    (code === undefined || (error as BoxLiteError).code === code)
  )
}
