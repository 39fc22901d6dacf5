// What the store asks of a file system: the few calls of POSIX that its sequences are made of, and
// nothing above them, so that a disk that forgets can stand in for the real one.
//
// A file system is rooted at a home. Paths are plain names joined by '/', relative to that root ('' is
// the root); no path that the store makes has '.' or '..' in it, so none can say a place outside.
// Every call rejects with the errors of `fileError`.

import type { FileHead, LayerFile } from '../host.ts'

/** How a file is opened. `create` makes a new file for reading and writing and rejects with `already_exists`. */
export type OpenMode = 'read' | 'write' | 'create'

/** What a path names, itself: a symbolic link is `other`, whatever it points at. */
export type EntryKind = 'file' | 'directory' | 'other'

export interface FileSystem {
  /** What to call the root in messages. */
  readonly location: string
  /** A rename over an existing name is atomic for every observer. */
  readonly atomicReplace: boolean
  /** `syncDirectory` makes names durable. */
  readonly directorySync: boolean

  /** Opens a regular file. Never follows a symbolic link, never waits on a pipe or a device: those are `io`. */
  open(path: string, mode: OpenMode): Promise<LayerFile>
  /** All of a regular file, or null when nothing has that name; `limit` when it is longer than `limitBytes`. */
  readFile(path: string, limitBytes: number): Promise<Uint8Array | null>
  /** The first `lengthBytes` of a regular file (fewer where it is shorter) and its length. */
  readHead(path: string, lengthBytes: number): Promise<FileHead>
  /** What `path` names, or null when nothing has that name. */
  kind(path: string): Promise<EntryKind | null>
  /** The names in a directory, in no order. */
  list(path: string): Promise<string[]>
  /** Makes a directory that only its owner can enter; `already_exists` when the name is taken. */
  makeDirectory(path: string): Promise<void>
  /** Renames a file over whatever file has the name `to`. */
  rename(from: string, to: string): Promise<void>
  /** Removes the name of a file (or a symbolic link, not what it points at); `not_found` when there is none. */
  unlink(path: string): Promise<void>
  /** Removes an empty directory; `not_found` when there is none. */
  removeDirectory(path: string): Promise<void>
  /** Makes the names in a directory durable as they are now. Does nothing where `directorySync` is false. */
  syncDirectory(path: string): Promise<void>
  close(): Promise<void>
}
