// Verdicts about names. src/core/abi.ts repeats them; test/layers.test.ts compares the two.

export namespace NameVerdict {
  export const OK: i32 = 0
  export const EMPTY: i32 = 1
  export const TOO_LONG: i32 = 2
  export const DOT: i32 = 3
  export const LEADING_DOT: i32 = 4
  export const SEPARATOR: i32 = 5
  export const CONTROL: i32 = 6
  export const NOT_UNICODE: i32 = 7
}

/** Verdicts about records. CORRUPT comes with a byte offset, UNKNOWN_FORMAT with the version. */
export namespace RecordVerdict {
  export const OK: i32 = 0
  export const CORRUPT: i32 = 1
  export const UNKNOWN_FORMAT: i32 = 2
}
