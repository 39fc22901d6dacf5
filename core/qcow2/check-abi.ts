// What a check says over the boundary. src/disk/check-abi.ts repeats every constant.

/** What `checkStep` answers. */
export namespace CheckStep {
  /** The check is done; the facts are the report. */
  export const DONE: i32 = 0
  /** Bytes of the file are wanted (`CheckFact.READ_*`), zeros where the file has ended; then call again. */
  export const READ: i32 = 1
  /** The image cannot be checked: see `CheckFact.REFUSAL`. */
  export const FAILED: i32 = 2
}

/** Places in the list of f64 that describes a check. */
export namespace CheckFact {
  export const READ_OFFSET: i32 = 0
  export const READ_BYTES: i32 = 1
  /** Where in the core's memory they are wanted. */
  export const READ_AT: i32 = 2
  /** 0 to 1. */
  export const PROGRESS: i32 = 3
  export const REFUSAL: i32 = 4
  export const FIELD: i32 = 5
  export const VALUE: i32 = 6
  export const CORRUPTIONS: i32 = 7
  export const LEAKS: i32 = 8
  export const CHECK_ERRORS: i32 = 9
  /** What QEMU's check does not count, and a strict reader refuses. */
  export const OVERLOOKED: i32 = 10
  export const TOTAL_CLUSTERS: i32 = 11
  export const ALLOCATED_CLUSTERS: i32 = 12
  export const COMPRESSED_CLUSTERS: i32 = 13
  export const FRAGMENTED_CLUSTERS: i32 = 14
  export const IMAGE_END_OFFSET: i32 = 15
  /** Findings told in words, and a pointer to them: four f64 each, a `Finding`, a place and two values. */
  export const FINDING_COUNT: i32 = 16
  export const FINDINGS_AT: i32 = 17
  export const COUNT: i32 = 18
}

/** What a check found. In brackets: the place, and the values where there are any. */
export namespace Finding {
  /** [cluster's offset, stored, counted] stored > counted. */
  export const LEAK: i32 = 1
  /** [cluster's offset, stored, counted] stored < counted. */
  export const REFCOUNT: i32 = 2
  /** [cluster's offset] the stored refcount cannot be read. */
  export const UNREADABLE: i32 = 3
  /** [cluster's offset, counted] more references than a refcount of this width can say. */
  export const OVERFLOW: i32 = 4
  /** [place, bytes] a reference to what lies behind the end of the file. */
  export const OUTSIDE: i32 = 5
  /** [entry's offset, place it points to] */
  export const L1_RESERVED: i32 = 6
  export const L1_UNALIGNED: i32 = 7
  export const L1_COPIED: i32 = 8
  export const L2_RESERVED: i32 = 9
  export const L2_UNALIGNED: i32 = 10
  export const L2_COPIED: i32 = 11
  export const COMPRESSED_COPIED: i32 = 12
  export const COMPRESSED_SUBCLUSTERS: i32 = 13
  export const SUBCLUSTERS: i32 = 14
  export const UNALLOCATED_SUBCLUSTERS: i32 = 15
  export const REFBLOCK_RESERVED: i32 = 16
  export const REFBLOCK_UNALIGNED: i32 = 17
  export const REFBLOCK_OUTSIDE: i32 = 18
  /** [block's offset, references counted] */
  export const REFBLOCK_REFERENCES: i32 = 19
  /** [entry's offset] */
  export const SNAPSHOT_L1_UNALIGNED: i32 = 20
  export const SNAPSHOT_L1_SIZE: i32 = 21
  export const SNAPSHOT_INCOMPLETE: i32 = 22
  export const BITMAP_ENTRY: i32 = 23
  /** Overlooked by QEMU's check. [cluster's offset] metadata that is used as something else, too. */
  export const OVERLAP: i32 = 24
  /** [entry's offset] the zero flag, which version 2 does not have. */
  export const ZERO_FLAG: i32 = 25
  /** [entry's offset, place it points to] compressed data that ends after the file. */
  export const COMPRESSED_OUTSIDE: i32 = 26
}
