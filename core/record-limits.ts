// The limits of records and operations, by name.

/** Deepest nesting of a JSON text. */
export const JSON_DEPTH_LIMIT: u32 = 64

/** Longest record, in bytes; src/host.ts has the same. */
export const RECORD_LIMIT_BYTES: u32 = 8 << 20

/** Longest configuration of a box, in bytes of JSON. */
export const CONFIG_LIMIT_BYTES: u32 = 1 << 20

/** Longest description of a snapshot, in UTF-8 bytes. */
export const DESCRIPTION_LIMIT_BYTES: u32 = 4096

/** Longest text of any other kind in a record, in UTF-8 bytes. */
export const TEXT_LIMIT_BYTES: u32 = 1024

/** Most snapshots of one box. */
export const BOX_SNAPSHOT_LIMIT: u32 = 1000

/** Most layers from a live layer down to its base. */
export const CHAIN_LIMIT: u32 = 1000

/** Largest integer that a record or the boundary carries: exact as an f64. */
export const INTEGER_LIMIT: u64 = 1 << 53

/** Most layers and states in one home. */
export const HOME_LAYER_LIMIT: u32 = 1 << 18
