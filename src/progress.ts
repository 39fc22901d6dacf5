// How far a slow call is. Every stage of every call has a shape of its own, told apart by `stage`.

import type { ArchiveProgress } from './archive/progress.ts'
import type { CopyProgress } from './disk-source.ts'
import type { FilesProgress } from './files/file-options.ts'
import type { FsckProgress } from './fsck.ts'
import type { ImageProgress } from './images.ts'
import type { StartProgress } from './machine/launch.ts'

/** The guest's files come from where `assets` says; on a page alone. */
export interface AssetProgress {
  readonly stage: 'assets'
  /** The one that comes just now, as `guest.json` names it. */
  readonly file: string
  readonly doneBytes: number
  readonly totalBytes: number
}

/** How far an opening is: finding out what works here, then recovering what dead processes left. */
export type OpenProgress =
  | AssetProgress
  | { readonly stage: 'engine' }
  | { readonly stage: 'recover'; readonly doneBoxes: number; readonly totalBoxes: number }

/** Every stage that a call may tell of. */
export type Progress = OpenProgress | StartProgress | CopyProgress | ArchiveProgress | ImageProgress | FilesProgress | FsckProgress
