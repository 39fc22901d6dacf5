// What a host supplies. The core decides; a host carries out, and says what it cannot promise.
//
// Every method rejects with a `BoxLiteError`: `io` for a failed device, `no_space` for a full one,
// `not_found` where a named thing is absent (and only then: a stat that fails is `io`, never
// "absent"), `already_exists` where something had to be new.

/** What keeps a store's word when the power goes. */
export interface Guarantees {
  /** A record or a published layer is replaced as a whole: every observer sees the old or the new. */
  readonly atomicReplace: boolean
  /** Names can be made durable (`syncDirectory` does something). Where not, nothing is ever deleted by recovery. */
  readonly directorySync: boolean
  /** Several changes can be made in one transaction (IndexedDB). */
  readonly transactions: boolean
}

/** The directories of a home, and IndexedDB's object stores of the same names. */
export type Directory = 'boxes' | 'images' | 'layers' | 'states'

/** Longest record of any kind, in bytes. */
export const RECORD_LIMIT_BYTES = 8 * 1024 * 1024

/** The kinds of record. */
export type RecordKind = 'boxes' | 'images'

/** What a lock is on. Box locks are taken by ascending id, then home, then name; a port's stands by itself. */
export type LockScope =
  | { readonly kind: 'box'; readonly id: string }
  /** One way to the agent of a box whose machine nobody owns: 1 to `VISITOR_PORTS` (src/engine.ts). */
  | { readonly kind: 'port'; readonly id: string; readonly port: number }
  | { readonly kind: 'home'; readonly mode: 'shared' | 'exclusive' }
  | { readonly kind: 'name'; readonly name: string }

/** A lock that is held. It also ends with the process or tab that holds it. */
export interface Held {
  /** Whether it is still held; false once the host took it away (a stolen tab lock). */
  isHeld(): boolean
  /** Resolves when the host takes it away. Absent where no host does. */
  readonly stolen?: Promise<void>
  release(): Promise<void>
}

/** A random-access byte object. Offsets and lengths are in bytes. */
export interface LayerFile {
  /** Fills `target` from `offset`; returns how many bytes there were (fewer only at the end of the file). */
  read(target: Uint8Array, offset: number): Promise<number>
  /** Like `read`, into several places one after the other. Absent where the host has no one call for it. */
  readv?(targets: readonly Uint8Array[], offset: number): Promise<number>
  /** Writes all of `source` at `offset`, extending the file where needed. Before `sync` it is not durable, and others may not see it. */
  write(source: Uint8Array, offset: number): Promise<void>
  /** Sets the length; new bytes read as zeros and take no space where the host can help it. */
  truncate(length: number): Promise<void>
  /** The length in bytes. */
  size(): Promise<number>
  /** Makes every write before it durable. After a failed sync the file's content is unknown; it is never retried. */
  sync(): Promise<void>
  close(): Promise<void>
  /** Sees to it that no write after it is durable before every write before it is. Absent where that takes a `sync`. */
  order?(): Promise<void>
  /**
   * Frees the space of a range, which reads as zeros after; the length stays. Absent where the host cannot.
   */
  punchHole?(offset: number, length: number): Promise<void>
}

/** The beginning of a file. */
export interface FileHead {
  readonly bytes: Uint8Array
  /** Length of the whole file. */
  readonly fileBytes: number
}

/** Keeps layers and records, and holds locks. */
export interface Store {
  /** What to call this home in messages. */
  readonly location: string
  readonly guarantees: Guarantees

  /** Takes a lock without waiting: null when someone else has it in a conflicting mode. */
  lock(scope: LockScope): Promise<Held | null>

  /** Every name in a directory, as it is (temporary and foreign names included), in no order. */
  list(directory: Directory): Promise<string[]>
  /** Makes the names of a directory durable as they are now. A no-op where `directorySync` is false. */
  syncDirectory(directory: Directory): Promise<void>

  /** A record's bytes, or null when there is none. Refuses a record over `RECORD_LIMIT_BYTES` with `limit`. */
  readRecord(kind: RecordKind, id: string): Promise<Uint8Array | null>
  /**
   * Replaces a record atomically and durably. `expected` is what the caller read (null: there was none);
   * when the record is something else by now, or `held` is no longer held, rejects with `busy` and changes nothing.
   * After any other error the outcome is unknown: the old or the new bytes, now and after a crash; unless it carries the fact
   * `unchanged`, true: then it came before the record was touched.
   */
  commitRecord(kind: RecordKind, id: string, bytes: Uint8Array, expected: Uint8Array | null, held: readonly Held[]): Promise<void>
  /** Removes a record durably; the same conditions as `commitRecord`. */
  removeRecord(kind: RecordKind, id: string, expected: Uint8Array, held: readonly Held[]): Promise<void>

  /**
   * Creates a layer file exclusively under its name (`<layerId>.qcow2`, `<layerId>.raw` or a temporary name). `held`: locks for whose
   * owner it is written; where a host's locks can be taken from their owner, its writes reject with `busy` then.
   */
  createLayer(name: string, held?: readonly Held[]): Promise<LayerFile>
  /** Opens a layer file; `held` as in `createLayer`. */
  openLayer(name: string, mode: 'read' | 'write', held?: readonly Held[]): Promise<LayerFile>
  /**
   * A thread of this program that works with the layer by itself could not sync it: the store does not sync it again. Absent where a
   * sync that failed can be tried again.
   */
  noteSyncFailure?(layer: string, error: unknown): void
  /** The first `lengthBytes` of a layer (fewer where it is shorter) and its length: what its header says, in one call. */
  readLayerHead(name: string, lengthBytes: number): Promise<FileHead>
  /** The same of many layers, all as they are at one moment; one that cannot be read so is left out. Absent where that saves nothing. */
  readLayerHeads?(names: readonly string[], lengthBytes: number): Promise<ReadonlyMap<string, FileHead>>
  /** Renames a synced temporary layer over `name`, replacing what was there. Durable after `syncDirectory('layers')`. */
  publishLayer(temporary: string, name: string): Promise<void>
  /** Removes one name from a directory (a directory under `states/` with its content). Absent is not an error. */
  remove(directory: Directory, name: string): Promise<void>
  close(): Promise<void>
}
