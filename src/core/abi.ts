// Constants that both sides of the WebAssembly boundary know. test/layers.test.ts compares them
// with core/*.ts, where each is explained.

/** Longest name of a box or snapshot, in UTF-8 bytes. */
export const NAME_LIMIT_BYTES = 255

export const NameVerdict = {
  OK: 0,
  EMPTY: 1,
  TOO_LONG: 2,
  DOT: 3,
  LEADING_DOT: 4,
  SEPARATOR: 5,
  CONTROL: 6,
  NOT_UNICODE: 7,
} as const

export const RecordVerdict = {
  OK: 0,
  CORRUPT: 1,
  UNKNOWN_FORMAT: 2,
} as const
