// Files of the machine that the program runs on, where it has any: what copying by path needs.

import type { Skipped } from './file-options.ts'

/** What is at a path of the host. */
export interface HostPath {
  /** The path, absolute. */
  readonly path: string
  readonly kind: 'directory' | 'other'
  /** The last part of its name. */
  readonly name: string
}

export interface PackOptions {
  /** Keeps owners; else everything is root's. */
  readonly ownership: boolean
  /** Told of what is left out. */
  readonly onSkipped: (skipped: Skipped) => void
  readonly onBytes: (fileBytes: number) => void
}

export interface UnpackOptions {
  /** Most entries, and most bytes of files; more is refused with `limit`. */
  readonly maxEntries: number
  readonly maxBytes: number
  /** What the tar calls its first part, which every name has to begin with. */
  readonly root: string
  /** What that is called in the directory; empty: it is the directory itself. */
  readonly name: string
  readonly ownership: boolean
  readonly onSkipped: (skipped: Skipped) => void
  readonly onBytes: (fileBytes: number) => void
}

export interface HostFiles {
  /** The path that a `file:` URL names. */
  pathOf(url: string): string
  /** What is at a path, a link followed; null where nothing is. */
  look(path: string): Promise<HostPath | null>
  /** A tar of what is at the path, a link at the very path followed: `name` and what is beneath it. */
  pack(path: string, name: string, options: PackOptions): AsyncIterable<Uint8Array>
  /**
   * Makes the files of a tar in a directory that exists, and never one outside of it; returns how many. `corrupt` for a tar that is
   * damaged, `invalid_argument` for one that would lead out.
   */
  unpack(tar: AsyncIterable<Uint8Array>, directory: string, options: UnpackOptions): Promise<number>
  /** Whether a path of the host says that its content is meant: it ends in `/.`. */
  meansContent(path: string): boolean
  /** The directory that holds a path that is not there yet, and the name it will have. */
  split(path: string): { readonly directory: string; readonly name: string }
}
