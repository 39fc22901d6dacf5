// What the recovery of a box of the prior implementation says over the boundary. src/legacy/abi.ts repeats it under the same
// names; test/layers.test.ts compares the two.

/** What the host is asked to do in the old home; the fields that follow, and those of the answer, stand in recover.ts. */
export namespace OldEffect {
  export const KIND: i32 = 1
  export const READ: i32 = 2
  export const LIST: i32 = 3
  export const LIST_DISKS: i32 = 4
  export const READ_HEAD: i32 = 5
  export const RENAME: i32 = 6
  export const SYNC: i32 = 7
  export const REMOVE_DIRECTORY: i32 = 8
  export const REMOVE: i32 = 9
  export const LINK: i32 = 10
}

/** What a path names, itself. */
export namespace OldKind {
  export const ABSENT: i32 = 0
  export const FILE: i32 = 1
  export const DIRECTORY: i32 = 2
  export const OTHER: i32 = 3
}

/** How it ended. */
export namespace OldFate {
  /** There is no marker, so nothing was done. */
  export const NONE: i32 = 0
  /** The snapshot never finished; the disk is the live disk again. */
  export const RESTORED: i32 = 1
  /** The snapshot had finished; both disks are kept. */
  export const FINISHED: i32 = 2
  /** The snapshot was never begun; the live disk is where it belongs. */
  export const NOT_MADE: i32 = 3
  /** Both disks are there, but the live one does not stand on the snapshot's. Both are kept. */
  export const UNRELATED: i32 = 4
  /** There is no disk that could be the live one. */
  export const LOST: i32 = 5
  /** Which disk was the live one cannot be told. */
  export const AMBIGUOUS: i32 = 6
  /** Something stands where a directory or a disk belongs, a symbolic link perhaps. Nothing was touched. */
  export const STRANGE: i32 = 7
  /** The marker said nothing, and the live disk is no image: torn while it was made, perhaps. Everything is kept. */
  export const DAMAGED: i32 = 8
}
