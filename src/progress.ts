// How far a slow call is. Every stage of every call has a shape of its own, told apart by `stage`.

import type { ArchiveProgress } from './archive/progress.ts'
import type { CopyProgress } from './disk-source.ts'
import type { FilesProgress } from './files/file-options.ts'
import type { FsckProgress } from './fsck.ts'
import type { ImageProgress } from './images.ts'
import type { StartProgress } from './machine/launch.ts'
import type { StopProgress } from './machine/stop.ts'
import type { ChangeProgress } from './operation/change-progress.ts'
import type { PruneProgress } from './prune.ts'

/** The guest's files come from where `assets` says; on a page alone. */
export interface AssetProgress {
  readonly stage: 'assets'
  /** The one that comes just now, as `guest.json` names it. */
  readonly file: string
  /** Of all files that had to come since the home was opened, those that are here counted in. */
  readonly doneBytes: number
  readonly totalBytes: number
}

/** How far an opening is: finding out what works here, then recovering what dead processes left. */
export type OpenProgress =
  | AssetProgress
  | { readonly stage: 'engine' }
  | { readonly stage: 'recover'; readonly doneBoxes: number; readonly totalBoxes: number }

/** Every stage that a call may tell of. */
export type Progress =
  | OpenProgress
  | StartProgress
  | StopProgress
  | ChangeProgress
  | CopyProgress
  | ArchiveProgress
  | ImageProgress
  | FilesProgress
  | PruneProgress
  | FsckProgress

/** What every slow call takes. */
export interface CallOptions<P extends Progress> {
  /**
   * Ends the call: it rejects with `aborted`, and nothing has changed. Every change has one moment from which on it is made; a call
   * whose change is made by then goes on to its end.
   */
  readonly signal?: AbortSignal | undefined
  /** Told how far the call is. */
  readonly onProgress?: ((progress: P) => void) | undefined
}
