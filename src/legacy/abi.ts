// What the recovery of a box of the prior implementation says over the boundary; explained in core/legacy/abi.ts.

export const OldEffect = {
  KIND: 1,
  READ: 2,
  LIST: 3,
  LIST_DISKS: 4,
  READ_HEAD: 5,
  RENAME: 6,
  SYNC: 7,
  REMOVE_DIRECTORY: 8,
  REMOVE: 9,
  LINK: 10,
} as const

export const OldKind = {
  ABSENT: 0,
  FILE: 1,
  DIRECTORY: 2,
  OTHER: 3,
} as const

export const OldFate = {
  NONE: 0,
  RESTORED: 1,
  FINISHED: 2,
  NOT_MADE: 3,
  UNRELATED: 4,
  LOST: 5,
  AMBIGUOUS: 6,
  STRANGE: 7,
  DAMAGED: 8,
} as const

/** What core.wasm exports for it. */
export interface LegacyExports {
  /** Begins with the message in the exchange; answers a `Step`, with a message there. */
  oldBoxBegin(messageBytes: number): number
  /** Goes on after an effect that ended with `status`. */
  oldBoxResume(status: number, messageBytes: number): number
}
