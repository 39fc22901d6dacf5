// Constants of the operations that both sides of the WebAssembly boundary know, under the names of
// core/operation/abi.ts, where each is explained. test/layers.test.ts compares the two.

export const Kind = {
  BOX_CREATE: 1,
  BOX_REMOVE: 2,
  BOX_START: 3,
  BOX_STOP: 4,
  SNAPSHOT_CREATE: 5,
  SNAPSHOT_RESTORE: 6,
  SNAPSHOT_REMOVE: 7,
  CLONE: 8,
  RECOVER: 9,
  COLLECT: 10,
  MERGE: 11,
  IMAGE_ADD: 12,
  IMAGE_REMOVE: 13,
} as const

export const Step = {
  EFFECT: 0,
  DONE: 1,
  FAILED: 2,
  ILLEGAL: 3,
} as const

export const Effect = {
  LOCK_BOX: 1,
  LOCK_HOME: 2,
  LOCK_NAME: 3,
  FIND_NAME: 4,
  LIST: 5,
  READ_RECORD: 6,
  COMMIT_RECORD: 7,
  REMOVE_RECORD: 8,
  READ_HEAD: 9,
  CREATE_LAYER: 10,
  WRITE_LAYER: 11,
  FILL_LAYER: 12,
  FOLD_LAYERS: 13,
  SYNC_LAYER: 14,
  PUBLISH_LAYER: 15,
  SYNC_DIRECTORY: 16,
  REMOVE: 17,
  FREEZE: 20,
  PAUSE: 21,
  DRAIN: 22,
  FLUSH: 23,
  SWITCH: 24,
  RESUME: 25,
  THAW: 26,
  ASK: 27,
  KILL: 28,
  REPORT: 30,
} as const

/** How an effect ended: 0, or 1 + the place of the error's code in `statusCodes`. */
export const Status = {
  OK: 0,
  INVALID_ARGUMENT: 1,
  NOT_FOUND: 2,
  ALREADY_EXISTS: 3,
  INVALID_STATE: 4,
  UNSUPPORTED: 5,
  BUSY: 6,
  CORRUPT: 7,
  NO_SPACE: 8,
  IO: 9,
  ENGINE_UNAVAILABLE: 10,
  TIMEOUT: 11,
  ABORTED: 12,
  LIMIT: 13,
} as const

export const Place = {
  BOXES: 0,
  IMAGES: 1,
  LAYERS: 2,
  STATES: 3,
} as const

export const HomeMode = {
  SHARED: 0,
  EXCLUSIVE: 1,
} as const

/** What is known of a layer whose head is read: it may change; it is frozen, and an answer of before will do; it is frozen, and read anew. */
export const HeadOf = {
  ANY: 0,
  KNOWN: 1,
  DEEPER: 2,
} as const

export const MachineState = {
  NONE: 0,
  RUNNING: 1,
  PAUSED: 2,
  SILENT: 3,
} as const

export const Guarantee = {
  DIRECTORY_SYNC: 1,
  TRANSACTIONS: 2,
} as const

export const Found = {
  NOT_FROZEN: 1,
  NOT_THAWED: 2,
  GARBAGE: 3,
  UNKNOWN_NAME: 4,
  UNREADABLE: 5,
  MERGE_WAITS: 6,
  NOT_DELETED: 7,
} as const

/** Why an operation failed. src/operation/messages.ts has the words. */
export const Reason = {
  EFFECT: 1,
  BAD_NAME: 2,
  BAD_INPUT: 3,
  BOX_NOT_FOUND: 4,
  BOX_EXISTS: 5,
  SNAPSHOT_NOT_FOUND: 6,
  SNAPSHOT_EXISTS: 7,
  IMAGE_NOT_FOUND: 8,
  IMAGE_EXISTS: 9,
  BOX_ACTIVE: 10,
  LOCKED_BOX: 11,
  LOCKED_HOME: 12,
  LOCKED_NAME: 13,
  RECORD_CHANGED: 14,
  RECORD_CORRUPT: 15,
  RECORD_FORMAT: 16,
  LAYER_MISSING: 17,
  LAYER_REFUSED: 18,
  LAYER_PARENT: 19,
  CHAIN_CYCLE: 20,
  CHAIN_TOO_LONG: 21,
  TOO_MANY_SNAPSHOTS: 22,
  RECORD_TOO_LARGE: 23,
  TOO_SMALL: 24,
  OUT_OF_MEMORY: 25,
  TAKEN_BACK: 26,
  BOX_FAILED: 27,
  SWITCH_UNDONE: 28,
  MACHINE_KILLED: 29,
  TOO_MANY_LAYERS: 30,
  MACHINE_SILENT: 31,
} as const
