// Every limit of the core, by name.

/** Most memory one instance takes, in bytes. */
export const MEMORY_LIMIT_BYTES: u32 = 512 << 20

/** Smallest exchange buffer, in bytes. */
export const EXCHANGE_MIN_BYTES: u32 = 64 << 10

/** Longest name of a box or snapshot, in UTF-8 bytes. */
export const NAME_LIMIT_BYTES: u32 = 255

/** Largest virtual size, and end of any place in a file, in bytes: f64 is exact up to here. */
export const OFFSET_LIMIT_BYTES: u64 = (1 << 53) - 1

/** Longest backing file name (qcow2 specification, backing_file_size), in bytes. */
export const BACKING_NAME_LIMIT_BYTES: u32 = 1023

/** Hexadecimal digits of a layer's id. */
export const LAYER_ID_DIGITS: u32 = 32

/** Largest L1 table, in bytes (QEMU's QCOW_MAX_L1_SIZE). */
export const L1_LIMIT_BYTES: u64 = 32 << 20

/** Largest refcount table, in bytes (QEMU's QCOW_MAX_REFTABLE_SIZE). */
export const REFTABLE_LIMIT_BYTES: u64 = 8 << 20

/** Most internal snapshots of an image (QEMU's QCOW_MAX_SNAPSHOTS). */
export const SNAPSHOT_LIMIT: u32 = 65536

/** Most header extensions of an image. */
export const EXTENSION_LIMIT: u32 = 64
