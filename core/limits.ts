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

/** Most clusters of a file that a check counts (QEMU's: an int). */
export const CHECK_CLUSTER_LIMIT: u64 = 0x7fff_ffff

/** Clusters counted in one walk over an image's tables; an image with more is walked again for each. */
export const CHECK_WINDOW_CLUSTERS: u64 = 1 << 24

/** Bytes of tables that one walk of a check reads at most: this much, and `CHECK_WORK_FACTOR` times the file. */
export const CHECK_WORK_BYTES: u64 = 1 << 30
export const CHECK_WORK_FACTOR: u64 = 4

/** Most findings of a check that are told in words; all are counted. */
export const CHECK_FINDING_LIMIT: u32 = 100

/** Largest snapshot table, in bytes (QEMU's QCOW_MAX_SNAPSHOTS_SIZE). */
export const SNAPSHOT_TABLE_LIMIT_BYTES: u64 = 64 << 20

/** Largest extra data of an internal snapshot, in bytes (QEMU's QCOW_MAX_SNAPSHOT_EXTRA_DATA). */
export const SNAPSHOT_EXTRA_LIMIT_BYTES: u32 = 1024

/** Most entries of a dirty bitmap's table (QEMU's BME_MAX_TABLE_SIZE). */
export const BITMAP_TABLE_LIMIT: u32 = 0x800_0000

/** Longest name of a dirty bitmap, in bytes (QEMU's BME_MAX_NAME_SIZE). */
export const BITMAP_NAME_LIMIT_BYTES: u32 = 1023

/** Most layers of a chain. */
export const LAYER_LIMIT: u32 = 1000

/** Bounds of the cache of an open disk's metadata, in bytes. */
export const CACHE_MIN_BYTES: u32 = 256 << 10
export const CACHE_MAX_BYTES: u32 = 256 << 20

/** Most extents that one call of `diskMap` answers. */
export const EXTENTS_LIMIT: u32 = 256

/** Most clusters that one step of a write allocates: 2 MiB in one piece. */
export const WRITE_STEP_CLUSTERS: u32 = 32

/** Most L1 entries that are looked at when a disk is opened for writing: those of 16 TiB. */
export const PREPARED_L1_ENTRIES: u64 = 32768

/** Most runs of freed clusters that wait for a flush. */
export const FREED_RUN_LIMIT: u32 = 4096

/** Most places of L2 tables and refcount blocks that a writing disk knows by heart, a power of two. */
export const KNOWN_METADATA_LIMIT: u32 = 1 << 20

/** Most disks of a home of the prior implementation that are looked at together. */
export const OLD_DISK_LIMIT: u64 = 65536

/** Most markers of the prior implementation that lie aside in one box. */
export const ASIDE_LIMIT: u32 = 1000

/** Most refcount blocks of an image that is written in bulk: 8 TiB of file, in 256 MiB of memory. */
export const BULK_REFBLOCK_LIMIT: u32 = 4096
