// Every limit of the core, by name.

/** Most memory one instance takes, in bytes. */
export const MEMORY_LIMIT_BYTES: u32 = 512 << 20

/** Smallest exchange buffer, in bytes. */
export const EXCHANGE_MIN_BYTES: u32 = 64 << 10

/** Longest name of a box or snapshot, in UTF-8 bytes. */
export const NAME_LIMIT_BYTES: u32 = 255
