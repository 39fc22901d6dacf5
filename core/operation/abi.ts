// Constants of the operations that both sides of the WebAssembly boundary know. src/operation/abi.ts
// repeats them under the same names; test/layers.test.ts compares the two.

/** Which operation `operationBegin` starts. The fields of its message are read in the file of the operation. */
export namespace Kind {
  export const BOX_CREATE: i32 = 1
  export const BOX_REMOVE: i32 = 2
  export const BOX_START: i32 = 3
  export const BOX_STOP: i32 = 4
  export const SNAPSHOT_CREATE: i32 = 5
  export const SNAPSHOT_RESTORE: i32 = 6
  export const SNAPSHOT_REMOVE: i32 = 7
  export const CLONE: i32 = 8
  export const RECOVER: i32 = 9
  export const COLLECT: i32 = 10
  export const MERGE: i32 = 11
  export const IMAGE_ADD: i32 = 12
  export const IMAGE_REMOVE: i32 = 13
}

/** What `operationBegin` and `operationResume` answer. EFFECT, DONE and FAILED leave a message in the exchange; ILLEGAL changes nothing. */
export namespace Step {
  export const EFFECT: i32 = 0
  export const DONE: i32 = 1
  export const FAILED: i32 = 2
  export const ILLEGAL: i32 = 3
}

/** What the host is asked to do; field 0 of the message. The fields that follow, and those of the answer, stand in effect.ts. */
export namespace Effect {
  export const LOCK_BOX: i32 = 1
  export const LOCK_HOME: i32 = 2
  export const LOCK_NAME: i32 = 3
  export const FIND_NAME: i32 = 4
  export const LIST: i32 = 5
  export const READ_RECORD: i32 = 6
  export const COMMIT_RECORD: i32 = 7
  export const REMOVE_RECORD: i32 = 8
  export const READ_HEAD: i32 = 9
  export const CREATE_LAYER: i32 = 10
  export const WRITE_LAYER: i32 = 11
  export const FILL_LAYER: i32 = 12
  export const FOLD_LAYERS: i32 = 13
  export const SYNC_LAYER: i32 = 14
  export const PUBLISH_LAYER: i32 = 15
  export const SYNC_DIRECTORY: i32 = 16
  export const REMOVE: i32 = 17
  export const FREEZE: i32 = 20
  export const PAUSE: i32 = 21
  export const DRAIN: i32 = 22
  export const FLUSH: i32 = 23
  export const SWITCH: i32 = 24
  export const RESUME: i32 = 25
  export const THAW: i32 = 26
  export const ASK: i32 = 27
  export const KILL: i32 = 28
  export const REPORT: i32 = 30
}

/** How an effect ended: 0, or which kind of error the host met. Also the code of a failed operation. */
export namespace Status {
  export const OK: i32 = 0
  export const INVALID_ARGUMENT: i32 = 1
  export const NOT_FOUND: i32 = 2
  export const ALREADY_EXISTS: i32 = 3
  export const INVALID_STATE: i32 = 4
  export const UNSUPPORTED: i32 = 5
  export const BUSY: i32 = 6
  export const CORRUPT: i32 = 7
  export const NO_SPACE: i32 = 8
  export const IO: i32 = 9
  export const ENGINE_UNAVAILABLE: i32 = 10
  export const TIMEOUT: i32 = 11
  export const ABORTED: i32 = 12
  export const LIMIT: i32 = 13
}

/** The directories of a home. */
export namespace Place {
  export const BOXES: i32 = 0
  export const IMAGES: i32 = 1
  export const LAYERS: i32 = 2
  export const STATES: i32 = 3
}

/** How the home is locked. */
export namespace HomeMode {
  export const SHARED: i32 = 0
  export const EXCLUSIVE: i32 = 1
}

/** What is known of a layer whose head is read, so that a host may remember heads. */
export namespace HeadOf {
  /** It may change. */
  export const ANY: i32 = 0
  /** It lies deeper in a chain, and is frozen: an answer of before will do. */
  export const KNOWN: i32 = 1
  /** It lies deeper in a chain, and is looked at anew. */
  export const DEEPER: i32 = 2
}

/** What a machine answered when asked. SILENT: it lives, or may live, and gave no answer. */
export namespace MachineState {
  export const NONE: i32 = 0
  export const RUNNING: i32 = 1
  export const PAUSED: i32 = 2
  export const SILENT: i32 = 3
}

/** What the store promises, as bits; the first field of every operation. */
export namespace Guarantee {
  export const DIRECTORY_SYNC: i32 = 1
  export const TRANSACTIONS: i32 = 2
}

/** What a REPORT says. */
export namespace Found {
  export const NOT_FROZEN: i32 = 1
  export const NOT_THAWED: i32 = 2
  export const GARBAGE: i32 = 3
  export const UNKNOWN_NAME: i32 = 4
  export const UNREADABLE: i32 = 5
  export const MERGE_WAITS: i32 = 6
  export const NOT_DELETED: i32 = 7
}

/** Why an operation failed. src/operation/messages.ts has the words. */
export namespace Reason {
  export const EFFECT: i32 = 1
  export const BAD_NAME: i32 = 2
  export const BAD_INPUT: i32 = 3
  export const BOX_NOT_FOUND: i32 = 4
  export const BOX_EXISTS: i32 = 5
  export const SNAPSHOT_NOT_FOUND: i32 = 6
  export const SNAPSHOT_EXISTS: i32 = 7
  export const IMAGE_NOT_FOUND: i32 = 8
  export const IMAGE_EXISTS: i32 = 9
  export const BOX_ACTIVE: i32 = 10
  export const LOCKED_BOX: i32 = 11
  export const LOCKED_HOME: i32 = 12
  export const LOCKED_NAME: i32 = 13
  export const RECORD_CHANGED: i32 = 14
  export const RECORD_CORRUPT: i32 = 15
  export const RECORD_FORMAT: i32 = 16
  export const LAYER_MISSING: i32 = 17
  export const LAYER_REFUSED: i32 = 18
  export const LAYER_PARENT: i32 = 19
  export const CHAIN_CYCLE: i32 = 20
  export const CHAIN_TOO_LONG: i32 = 21
  export const TOO_MANY_SNAPSHOTS: i32 = 22
  export const RECORD_TOO_LARGE: i32 = 23
  export const TOO_SMALL: i32 = 24
  export const OUT_OF_MEMORY: i32 = 25
  export const TAKEN_BACK: i32 = 26
  export const BOX_FAILED: i32 = 27
  export const SWITCH_UNDONE: i32 = 28
  export const MACHINE_KILLED: i32 = 29
  export const TOO_MANY_LAYERS: i32 = 30
  export const MACHINE_SILENT: i32 = 31
}
