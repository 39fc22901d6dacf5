// The order of the phases of recover.ts matters: each group of them has a function of its own.

/** Where the recovery stands: which answer it waits for. */
export namespace Phase {
  export const IDLE: i32 = 0
  export const BOXES: i32 = 1
  export const BOX: i32 = 2
  export const MARKER: i32 = 3
  export const MARKER_BYTES: i32 = 4
  export const DISKS: i32 = 5
  export const LIVE: i32 = 6
  export const SNAPSHOTS: i32 = 7
  export const SNAPSHOT: i32 = 8
  export const SNAPSHOT_DISK: i32 = 9
  export const LIVE_HEAD: i32 = 10
  export const BASES: i32 = 11
  export const DISK_LIST: i32 = 12
  export const DISK_HEAD: i32 = 13
  export const LINKED: i32 = 14
  export const MOVED_IN: i32 = 15
  export const UNLINKED: i32 = 16
  export const MOVED_OUT: i32 = 17
  export const LEFTOVER: i32 = 18
  export const LEFTOVER_LIST: i32 = 19
  export const LEFTOVER_REMOVED: i32 = 20
  export const LEFTOVER_SYNCED: i32 = 21
  export const ASIDE: i32 = 22
  export const MARKER_GONE: i32 = 23
  export const MARKER_SYNCED: i32 = 24
  export const END: i32 = 25
}
