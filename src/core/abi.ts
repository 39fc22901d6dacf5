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

export const BoxState = {
  CREATED: 0,
  STARTING: 1,
  RUNNING: 2,
  PAUSED: 3,
  STOPPING: 4,
  STOPPED: 5,
  FAILED: 6,
} as const

export const BoxAction = {
  LAUNCH: 0,
  LAUNCHED: 1,
  PAUSE: 2,
  RESUME: 3,
  STOP: 4,
  ENDED: 5,
  FAIL: 6,
  SNAPSHOT: 7,
  RESTORE: 8,
  CLONE: 9,
  EXPORT: 10,
  EXEC: 11,
  REMOVE: 12,
} as const
