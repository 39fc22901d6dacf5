// The states and actions of core/lifecycle.ts. src/core/abi.ts repeats them; test/layers.test.ts compares the two.

/** What a box is doing. */
export namespace BoxState {
  export const CREATED: i32 = 0
  export const STARTING: i32 = 1
  export const RUNNING: i32 = 2
  export const PAUSED: i32 = 3
  export const STOPPING: i32 = 4
  export const STOPPED: i32 = 5
  export const FAILED: i32 = 6
}

/** What can be done with a box, or happens to it. */
export namespace BoxAction {
  export const LAUNCH: i32 = 0
  /** The machine runs. */
  export const LAUNCHED: i32 = 1
  export const PAUSE: i32 = 2
  export const RESUME: i32 = 3
  export const STOP: i32 = 4
  /** The machine is gone. */
  export const ENDED: i32 = 5
  export const FAIL: i32 = 6
  export const SNAPSHOT: i32 = 7
  export const RESTORE: i32 = 8
  export const CLONE: i32 = 9
  export const EXPORT: i32 = 10
  export const EXEC: i32 = 11
  export const REMOVE: i32 = 12
}
