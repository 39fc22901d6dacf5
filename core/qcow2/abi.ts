// What the qcow2 engine says over the boundary. src/disk/abi.ts repeats every constant;
// test/layers.test.ts compares the two.

/** Why an image or a request is refused. Each refusal also names a `Field`. */
export namespace Refusal {
  export const NONE: i32 = 0
  /** Not a qcow2 image at all. */
  export const NOT_QCOW2: i32 = 1
  /** The file ends before the structure does. */
  export const TRUNCATED: i32 = 2
  /** A value that the format does not allow. */
  export const VALUE: i32 = 3
  /** An offset that is not on a cluster boundary. */
  export const UNALIGNED: i32 = 4
  /** A place outside the file, or outside the structure it must lie in. */
  export const OUTSIDE: i32 = 5
  /** A place that another structure has. */
  export const OVERLAP: i32 = 6
  /** Reserved bits that are set. */
  export const RESERVED: i32 = 7
  /** Something that may occur once occurs twice. */
  export const DUPLICATE: i32 = 8
  /** Text that is empty, too long, not UTF-8, or holds control characters. */
  export const TEXT: i32 = 9
  /** A feature that is not supported. */
  export const UNSUPPORTED: i32 = 10
  /** More than a limit of core/limits.ts. */
  export const LIMIT: i32 = 11
  /** A request outside the disk, or one that is not allowed now. */
  export const ARGUMENT: i32 = 12
  /** A backing file name that leaves the directory of the image. */
  export const NAME: i32 = 13
  /** Not a refusal yet: more of cluster 0 has to be read, up to `HeaderFact.NEEDED_BYTES`. */
  export const MORE: i32 = 14
}

/** The field that a refusal is about. */
export namespace Field {
  export const NONE: i32 = 0
  export const MAGIC: i32 = 1
  export const VERSION: i32 = 2
  export const HEADER: i32 = 3
  export const BACKING_FILE_OFFSET: i32 = 4
  export const BACKING_FILE_SIZE: i32 = 5
  export const BACKING_FILE_NAME: i32 = 6
  export const BACKING_FORMAT: i32 = 7
  export const CLUSTER_BITS: i32 = 8
  export const VIRTUAL_SIZE: i32 = 9
  export const CRYPT_METHOD: i32 = 10
  export const L1_SIZE: i32 = 11
  export const L1_TABLE_OFFSET: i32 = 12
  export const REFCOUNT_TABLE_OFFSET: i32 = 13
  export const REFCOUNT_TABLE_CLUSTERS: i32 = 14
  export const SNAPSHOT_COUNT: i32 = 15
  export const SNAPSHOTS_OFFSET: i32 = 16
  export const INCOMPATIBLE_FEATURES: i32 = 17
  export const REFCOUNT_ORDER: i32 = 18
  export const HEADER_LENGTH: i32 = 19
  export const COMPRESSION_TYPE: i32 = 20
  export const EXTENSION: i32 = 21
  export const EXTENSION_LENGTH: i32 = 22
  export const BITMAPS: i32 = 23
  export const DATA_FILE: i32 = 24
  export const L1_ENTRY: i32 = 25
  export const L2_ENTRY: i32 = 26
  export const SUBCLUSTER_BITMAP: i32 = 27
  export const COMPRESSED_CLUSTER: i32 = 28
  export const REFCOUNT_TABLE_ENTRY: i32 = 29
  export const REFCOUNT: i32 = 30
  export const RANGE: i32 = 31
  export const LAYERS: i32 = 32
  export const WRITABLE_FORM: i32 = 33
  export const MEMORY: i32 = 34
  export const CHECK_WORK: i32 = 35
}

/** What a backing file name is. The store follows home names only, the disk tool plain ones too. */
export namespace BackingName {
  /** No backing file. */
  export const NONE: i32 = 0
  /** A layer of a home: 32 hexadecimal digits and `.qcow2` or `.raw`. */
  export const HOME: i32 = 1
  /** A relative path that stays below the directory of the image. */
  export const PLAIN: i32 = 2
  /** Starts with a slash. */
  export const ABSOLUTE: i32 = 3
  /** Has a `..` in it. */
  export const PARENT: i32 = 4
  /** A protocol, a drive letter or a JSON description: a colon before the first slash. */
  export const PROTOCOL: i32 = 5
  /** Has a backslash, which some systems take for a slash. */
  export const BACKSLASH: i32 = 6
  /** Empty, too long, not UTF-8, or with control characters. */
  export const MALFORMED: i32 = 7
}

/** What the backing format extension says. Nothing is ever probed. */
export namespace BackingFormat {
  export const NONE: i32 = 0
  export const RAW: i32 = 1
  export const QCOW2: i32 = 2
  export const OTHER: i32 = 3
}

/** Places in the list of f64 that describes a parsed header. */
export namespace HeaderFact {
  export const FIELD: i32 = 0
  export const VALUE: i32 = 1
  export const NEEDED_BYTES: i32 = 2
  export const VERSION: i32 = 3
  export const CLUSTER_BITS: i32 = 4
  export const VIRTUAL_SIZE_BYTES: i32 = 5
  export const BACKING_NAME_AT: i32 = 6
  export const BACKING_NAME_BYTES: i32 = 7
  export const BACKING_NAME_KIND: i32 = 8
  export const BACKING_FORMAT: i32 = 9
  export const BACKING_FORMAT_AT: i32 = 10
  export const BACKING_FORMAT_BYTES: i32 = 11
  export const OWN_FORM: i32 = 12
  export const L1_ENTRIES: i32 = 13
  export const L1_OFFSET: i32 = 14
  export const REFTABLE_OFFSET: i32 = 15
  export const REFTABLE_CLUSTERS: i32 = 16
  export const SNAPSHOT_COUNT: i32 = 17
  export const SNAPSHOTS_OFFSET: i32 = 18
  export const REFCOUNT_ORDER: i32 = 19
  export const COMPRESSION_TYPE: i32 = 20
  export const HEADER_BYTES: i32 = 21
  export const DIRTY: i32 = 22
  export const CORRUPT: i32 = 23
  export const EXTENDED_L2: i32 = 24
  export const LAZY_REFCOUNTS: i32 = 25
  export const BITMAP_COUNT: i32 = 26
  export const UNKNOWN_COMPATIBLE: i32 = 27
  export const UNKNOWN_AUTOCLEAR: i32 = 28
  export const FOREIGN_EXTENSIONS: i32 = 29
  export const FEATURE_NAME_AT: i32 = 30
  export const FEATURE_NAME_BYTES: i32 = 31
  export const BACKING_NAME_OFFSET: i32 = 32
  export const COUNT: i32 = 33
}

/** What stands behind a run of guest bytes. */
export namespace ExtentKind {
  /** Bytes in a file. */
  export const DATA: i32 = 1
  /** Zeros by a flag in an L2 table. */
  export const ZERO: i32 = 2
  /** One compressed cluster. */
  export const COMPRESSED: i32 = 3
  /** In no layer: reads as zeros. */
  export const UNALLOCATED: i32 = 4
}

/** The f64s of one extent. */
export namespace ExtentFact {
  export const KIND: i32 = 0
  /** Index of the layer, 0 for the top. */
  export const DEPTH: i32 = 1
  export const OFFSET: i32 = 2
  export const LENGTH: i32 = 3
  export const HOST_OFFSET: i32 = 4
  /** Bytes in the file; differs from the length for a compressed cluster. */
  export const HOST_BYTES: i32 = 5
  export const COUNT: i32 = 6
}

/** Answers of calls that work on an open disk; a negative answer is a refusal's code, negated. */
export namespace DiskStatus {
  /** Metadata is wanted (`WantFact`): read it, supply it, call again. */
  export const WANT: i32 = 0
  export const DONE: i32 = 1
  /** Something has to be done in the file (`StepKind`), then `diskStepDone` called. */
  export const STEP: i32 = 2
  /** Too much is changed or freed: flush, then call again. */
  export const FLUSH: i32 = 3
}

/** What has to be done in the file of the top layer. */
export namespace StepKind {
  /** Write bytes over clusters that are the guest's already. No `diskStepDone`. */
  export const IN_PLACE: i32 = 1
  /** Fill new clusters: the whole clusters are the guest's bytes from STEP_GUEST on. */
  export const FILL: i32 = 2
  /** Write zeros: the cluster becomes a table. */
  export const ZERO: i32 = 3
  /** Move a table: flush; zeros to STEP_HOST; the old table's bytes to STEP_TABLE; `diskParts(0)`; sync; `diskParts(1)`; sync. */
  export const MOVE: i32 = 4
  /** Clusters that are free now and whose space the host may take back. No `diskStepDone`. */
  export const FREED: i32 = 5
}

/** What a changed slice holds: the phase of a flush that writes it, with a sync after each. */
export namespace FlushPhase {
  export const NONE: i32 = 0
  export const REFBLOCKS: i32 = 1
  export const REFTABLE: i32 = 2
  export const MAPPING: i32 = 3
}

/** The f64s about what a call on an open disk needs or found, at `diskFacts()`. */
export namespace DiskFact {
  /** The refusal's `Field`, value and layer. */
  export const FIELD: i32 = 0
  export const VALUE: i32 = 1
  export const LAYER: i32 = 2
  /** The metadata that is wanted: index of the layer's file, offset and length. */
  export const WANT_LAYER: i32 = 3
  export const WANT_OFFSET: i32 = 4
  export const WANT_BYTES: i32 = 5
  /** Where `diskMap` goes on after the metadata is supplied. */
  export const RESUME_LENGTH: i32 = 6
  export const RESUME_DEPTH: i32 = 7
  /** A `StepKind`, and where in the file, and how many bytes. */
  export const STEP_KIND: i32 = 8
  export const STEP_HOST: i32 = 9
  export const STEP_BYTES: i32 = 10
  /** First guest byte of the clusters to fill. */
  export const STEP_GUEST: i32 = 11
  /** 1 where the clusters to fill were never written, so that they read as zeros already. */
  export const STEP_CLEAN: i32 = 12
  /** Of a table that moves: its old place and bytes, and its new place. */
  export const STEP_OLD_HOST: i32 = 13
  export const STEP_OLD_BYTES: i32 = 14
  export const STEP_TABLE: i32 = 15
  /** How many guest bytes `diskZero` has dealt with. */
  export const ZEROED_BYTES: i32 = 16
  export const COUNT: i32 = 17
}
