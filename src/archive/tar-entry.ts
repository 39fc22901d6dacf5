// What a tar of files says of each of them.

/** The kinds of file that a tar holds, and its type flags for them. */
export const entryFlags = { file: '0', hardlink: '1', symlink: '2', character: '3', block: '4', directory: '5', fifo: '6' } as const

export type TarEntryKind = keyof typeof entryFlags

export interface TarEntryFacts {
  /** Path with `/` between its parts; as the tar has it, so nothing is certain about it. */
  readonly name: string
  readonly kind: TarEntryKind
  /** Permission bits, set-id and sticky bits included. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Seconds since 1970, to the microsecond: what a number can hold of them. */
  readonly modifiedSeconds: number
  /** What a link leads to: of a hard link, the name of another entry. Empty for everything else. */
  readonly linkName: string
  /** Length of a file, holes included. */
  readonly sizeBytes: number
  /** Of a device. */
  readonly deviceMajor: number
  readonly deviceMinor: number
}
