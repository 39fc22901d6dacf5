// The operations of a home and what each answers. An operation is data: the core decides what has to
// happen (core/operation/), src/perform.ts carries it out.
//
// Ids are 32 lower-case hex digits (an image's: 64) and come in with the operation, as the time does;
// the core draws and reads neither. Layers go by file name: `<32 hex>.qcow2` or `<32 hex>.raw`.

import type { ErrorCode } from '../error.ts'
import type { Directory } from '../host.ts'
import type { BoxRecord, Consistency, ImageRecord, MachineRecord, SnapshotRecord } from './record.ts'

/** A layer that an operation brings in, filled by `BulkWork.fill` and frozen from then on. */
export interface NewLayer {
  readonly name: string
  /** The layer it backs on: one that stands before it in the list, or the base layer of `image`; null for none. */
  readonly parent: string | null
}

/** A snapshot that comes with an imported box; its layer is one of the new ones, its parent stands before it. */
export type NewSnapshot = Omit<SnapshotRecord, 'state'>

/**
 * Makes a box: brings in `layers`, puts a new live layer on `base` and commits the record. With `snapshots` it is an import.
 * `already_exists` where a box has the name, `not_found` where there is no such image.
 */
export interface BoxCreate {
  readonly kind: 'box.create'
  readonly boxId: string
  readonly name: string | null
  /** Kept as it is. Where a text is given it is that JSON, byte for byte. */
  readonly config: Readonly<Record<string, unknown>>
  readonly layers: readonly NewLayer[]
  /** Id of an image whose base layer may be used as a parent. */
  readonly image: string | null
  /** Id of the live layer to make. */
  readonly layerId: string
  /** The layer the live one stands on: one of `layers` or `'image'`; null: an empty disk. */
  readonly base: string | null
  /** Virtual size; null: that of `base`. Not smaller than `base`. */
  readonly sizeBytes: number | null
  readonly snapshots: readonly NewSnapshot[]
  readonly liveParent: string | null
}

/** Removes a box's record. Its layers go later, by collection. An active box needs `force`, which kills its machine. */
export interface BoxRemove {
  readonly kind: 'box.remove'
  readonly boxId: string
  readonly force: boolean
}

/** Records a machine before it is launched; `resume` is cleared by the same commit. `invalid_state` while one lives. */
export interface BoxStart {
  readonly kind: 'box.start'
  readonly boxId: string
  readonly machine: MachineRecord
}

/** Kills the box's machine, if one lives, waits for its end and clears it from the record. */
export interface BoxStop {
  readonly kind: 'box.stop'
  readonly boxId: string
}

/** Freezes the live disk under a new overlay and names it. Stopped or running. `already_exists` where the name is taken. */
export interface SnapshotCreate {
  readonly kind: 'snapshot.create'
  readonly boxId: string
  readonly name: string
  readonly description: string
  readonly snapshotId: string
  /** Id of the live layer to make. */
  readonly layerId: string
  readonly nowMs: number
}

/** Puts a new live layer on a snapshot's disk. `invalid_state` while the box is active. */
export interface SnapshotRestore {
  readonly kind: 'snapshot.restore'
  readonly boxId: string
  /** Id or name of the snapshot, exactly. */
  readonly snapshot: string
  readonly layerId: string
  /** Keeps the disk as it is now as a snapshot of this name and id. */
  readonly keepCurrent: { readonly name: string; readonly snapshotId: string } | null
  readonly nowMs: number
}

/** Takes a snapshot out of the record and gives its children its parent. Nothing is deleted. */
export interface SnapshotRemove {
  readonly kind: 'snapshot.remove'
  readonly boxId: string
  /** Id or name of the snapshot, exactly. */
  readonly snapshot: string
}

/** Makes a box whose disk starts as the source's live disk (frozen under a new overlay first) or as one of its snapshots. */
export interface Clone {
  readonly kind: 'clone'
  /** The source. */
  readonly boxId: string
  /** Id or name of the source's snapshot; null: its disk as it is now, running or not. */
  readonly snapshot: string | null
  readonly cloneId: string
  readonly name: string | null
  /** Null: the source's own. */
  readonly config: Readonly<Record<string, unknown>> | null
  /** Id of the clone's live layer. */
  readonly cloneLayerId: string
  /** Id of the source's new live layer; not used for a snapshot. */
  readonly layerId: string
}

/** Takes the box's lock and settles what an interrupted operation or a dead machine left. */
export interface Recover {
  readonly kind: 'recover'
  readonly boxId: string
}

/** Deletes (or, with `dryRun`, names) every layer, state and temporary file that nothing reaches. Alone in the home. */
export interface Collect {
  readonly kind: 'collect'
  readonly dryRun: boolean
}

/** Folds unnamed layers with a single child into that child, at most `limit` of them. Alone in the home. */
export interface Merge {
  readonly kind: 'merge'
  /** Id for the temporary file. */
  readonly temporaryId: string
  readonly limit: number
}

/** Brings in an image's base layer(s) and commits its record. `already_exists` where the home has it. */
export interface ImageAdd {
  readonly kind: 'image.add'
  /** The digest, 64 lower-case hex digits. */
  readonly imageId: string
  readonly reference: string
  /** The last one is the image's disk. */
  readonly layers: readonly NewLayer[]
  readonly nowMs: number
}

/** Removes an image's record, nothing else. */
export interface ImageRemove {
  readonly kind: 'image.remove'
  readonly imageId: string
}

/** Everything that can be done to a home. */
export type Operation =
  | BoxCreate
  | BoxRemove
  | BoxStart
  | BoxStop
  | SnapshotCreate
  | SnapshotRestore
  | SnapshotRemove
  | Clone
  | Recover
  | Collect
  | Merge
  | ImageAdd
  | ImageRemove

/**
 * What taking a box's lock found and did. `none`: nothing. `cleared`: the machine it named is gone. `resumed`: a living
 * machine goes on. `switched`: a living machine was moved to the layer it belongs on. `undone`: it could not be moved, and
 * the unfinished snapshot was taken back. `killed`: a machine that gave no usable answer was ended.
 */
export type Recovery = 'none' | 'cleared' | 'resumed' | 'switched' | 'undone' | 'killed'

/** What an operation noticed on its way. */
export type Finding =
  /** The guest did not freeze its file systems in time; the snapshot is as a power cut would leave it. */
  | { readonly kind: 'not-frozen'; readonly boxId: string }
  /** The guest did not say that it thawed; it does so by itself within 10 s. */
  | { readonly kind: 'not-thawed'; readonly boxId: string }
  /** Nothing reaches it: deleted, or would be. */
  | { readonly kind: 'garbage'; readonly directory: Directory; readonly name: string; readonly deleted: boolean }
  /** A name that is none of ours; it stays. */
  | { readonly kind: 'unknown-name'; readonly directory: Directory; readonly name: string }
  /** A record or a layer of a chain that cannot be read; nothing in the home is deleted while it is there. */
  | { readonly kind: 'unreadable'; readonly directory: Directory; readonly name: string; readonly reason: string }
  /** A layer could be folded but a box above it is active or owned by someone else. */
  | { readonly kind: 'merge-waits'; readonly layer: string; readonly boxId: string }
  /** One name could not be deleted; a later collection tries again. */
  | { readonly kind: 'not-deleted'; readonly directory: Directory; readonly name: string; readonly code: ErrorCode }

interface BoxOutcome {
  /** The box's record as it is now. */
  readonly record: BoxRecord
  readonly recovered: Recovery
  readonly findings: readonly Finding[]
}

/** What each operation answers. */
export interface Outcomes {
  'box.create': BoxOutcome
  'box.remove': { readonly recovered: Recovery; readonly findings: readonly Finding[] }
  'box.start': BoxOutcome
  'box.stop': BoxOutcome
  'snapshot.create': BoxOutcome & { readonly snapshot: SnapshotRecord; readonly consistency: Consistency }
  'snapshot.restore': BoxOutcome
  'snapshot.remove': BoxOutcome
  /** `record` is the clone's, `source` the source's. */
  clone: BoxOutcome & { readonly source: BoxRecord }
  recover: BoxOutcome
  collect: { readonly layers: number; readonly deleted: number; readonly complete: boolean; readonly findings: readonly Finding[] }
  merge: { readonly merged: number; readonly findings: readonly Finding[] }
  'image.add': { readonly record: ImageRecord; readonly findings: readonly Finding[] }
  'image.remove': { readonly findings: readonly Finding[] }
}

/** What `operation` answers. */
export type Outcome<O extends Operation = Operation> = Outcomes[O['kind']]
