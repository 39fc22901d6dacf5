// What a box record and an image record say, as `JSON.parse` gives it. docs/format.md draws the bytes.
// The core alone judges and writes records; a view is made of bytes that it has accepted.

/** How a snapshot's disk was caught: box stopped, guest file systems frozen, or as a power cut would leave it. */
export type Consistency = 'stopped' | 'frozen' | 'crash'

/** A snapshot in its box's record. Oldest first; a parent stands before its children. */
export interface SnapshotRecord {
  /** 32 lower-case hex digits. */
  readonly id: string
  readonly name: string
  readonly description: string
  /** File name of the frozen layer that is the snapshot's disk. */
  readonly layer: string
  /** Id of the saved machine that belongs to it. */
  readonly state: string | null
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** Decimal digits. */
  readonly virtualSizeBytes: string
  /** Id of the snapshot this one was taken after. */
  readonly parent: string | null
  readonly consistency: Consistency
}

/** Which machine runs a box; enough to tell it from any other process that ever lived. */
export interface MachineRecord {
  readonly pid: number
  /** The process's start time in the host's own unit, as text. */
  readonly startTime: string
  /** Which boot of which host. */
  readonly bootId: string
  readonly nonce: string
  /** Whether it outlives its owner on purpose. */
  readonly detached: boolean
}

/** The running machine is to go on in `to`; it may still have `from` open, which is frozen. */
export interface PendingSwitch {
  readonly kind: 'switch'
  readonly from: string
  readonly to: string
}

/** The record of a box. */
export interface BoxRecord {
  readonly format: 1
  /** One more with each commit. */
  readonly generation: number
  /** 32 lower-case hex digits. */
  readonly id: string
  readonly name: string | null
  /** The caller's own; kept as it was given. */
  readonly config: Readonly<Record<string, unknown>>
  /** File name of the layer that the box writes. */
  readonly live: string
  /** Id of the snapshot that the live disk comes after. */
  readonly liveParent: string | null
  readonly machine: MachineRecord | null
  /** Id of a saved machine that is valid for `live` exactly as it is. */
  readonly resume: string | null
  readonly snapshots: readonly SnapshotRecord[]
  readonly pending: PendingSwitch | null
  /** CRC-32C of the bytes before it, eight hex digits. */
  readonly check: string
}

/** The record of an image. */
export interface ImageRecord {
  readonly format: 1
  readonly generation: number
  /** The image's digest: 64 lower-case hex digits. */
  readonly id: string
  readonly reference: string
  /** File name of its frozen base layer. */
  readonly layer: string
  /** Decimal digits. */
  readonly virtualSizeBytes: string
  /** Id of the saved machine that new boxes may start from. */
  readonly template: string | null
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly check: string
}
