// What the calls of `box.files` take. Paths are absolute paths in the box.

import type { StartProgress } from '../machine/launch.ts'

export interface FileOptions {
  /** Ends the call with `aborted`, and the start of a box that was started for it. */
  readonly signal?: AbortSignal | undefined
  /** Told how far the start of the box is, where it did not run. */
  readonly onProgress?: ((progress: StartProgress) => void) | undefined
}

export interface ReadOptions extends FileOptions {
  /** Where to begin, in bytes. */
  readonly offset?: number
  /** How many bytes to read; by default all. */
  readonly length?: number
}

export interface ReadWholeOptions extends ReadOptions {
  /** Refuses with `limit` what is longer; by default 256 MiB. */
  readonly maxBytes?: number
}

export interface WriteOptions extends FileOptions {
  /** Permission bits. By default 0644 for a new file; one that exists keeps its own. */
  readonly mode?: number
  /** Owner, as `user` of `exec`. */
  readonly user?: string
  /** Adds to the end of the file. */
  readonly append?: boolean
  /** Refuses with `already_exists` where there is something by that name. */
  readonly exclusive?: boolean
}

export interface StatOptions extends FileOptions {
  /** Says what a link leads to; by default true. */
  readonly followLinks?: boolean
}

export interface MakeDirectoryOptions extends FileOptions {
  /** Makes the directories above it too, and is content with one that exists. */
  readonly recursive?: boolean
  /** Permission bits; by default 0755. */
  readonly mode?: number
  /** Owner, as `user` of `exec`. */
  readonly user?: string
}

export interface RemoveFileOptions extends FileOptions {
  /** Removes a directory with all that is in it. */
  readonly recursive?: boolean
  /** Is content with what is not there. */
  readonly force?: boolean
}

/** How far a copy is. */
export interface FilesProgress {
  readonly stage: 'copyIn' | 'copyOut'
  readonly doneBytes: number
  /** Null where nobody knows. */
  readonly totalBytes: number | null
}

export interface CopyFilesOptions extends FileOptions {
  /** Keeps numeric owners; by default what is copied in is root's, what is copied out the program's. */
  readonly ownership?: boolean
  /** Told how far the copy is, and before that the start of a box that did not run. */
  readonly onProgress?: ((progress: FilesProgress | StartProgress) => void) | undefined
}

export interface CopyInOptions extends CopyFilesOptions {
  /** `tar`: the source is a tar, to be unpacked in the directory that the path names. By default it is the content of a file. */
  readonly format?: 'file' | 'tar'
  /** Permission bits of a file that is made of bytes; by default 0644. */
  readonly mode?: number
}

export interface CopyOutOptions extends CopyFilesOptions {
  /** Ends a copy of more entries with `limit`, what was left out counted; by default 4,000,000. A box can send for ever. */
  readonly maxEntries?: number
  /** Ends a copy of more bytes of files with `limit`, holes not counted; by default 64 GiB. */
  readonly maxBytes?: number
  /** Where the path names a link, copies what it leads to. Links beneath it are copied as links. */
  readonly followLinks?: boolean
}

/** Something that was left out of a copy. */
export interface Skipped {
  readonly path: string
  /** One sentence. */
  readonly reason: string
}

export interface CopyReport {
  /** Files, directories and links that were copied. */
  readonly entries: number
  /** What stayed behind: sockets, pipes and devices, names that are not UTF-8. */
  readonly skipped: readonly Skipped[]
}
