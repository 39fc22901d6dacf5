// What the public API says about boxes and snapshots.

import { DEFAULT_CPUS, DEFAULT_MEMORY_MIB, readSettings, type BoxSettings } from './box-settings.ts'
import type { Accelerator, EngineName } from './engine.ts'
import { isBoxLiteError } from './error.ts'
import type { BoxStateName } from './lifecycle.ts'
import type { BoxRun } from './machine/box-run.ts'
import { machineName } from './machine/machine-name.ts'
import type { Consistency, BoxRecord, SnapshotRecord } from './operation/record.ts'

export interface BoxInfo {
  /** 32 hex digits; a box keeps its id for life. */
  readonly id: string
  /** Null for a box without a name, or one whose record cannot be read. */
  readonly name: string | null
  /** What it is doing; null where its record cannot be read. */
  readonly state: BoxStateName | null
  /** The image that its disk started as; null: it was not made of one. */
  readonly image: string | null
  readonly createdAt: Date | null
  readonly snapshotCount: number
  /** Name of the snapshot that the disk comes after. */
  readonly currentSnapshot: string | null
  /** What a person has to look at; null: nothing. */
  readonly attention: string | null
}

export interface BoxDetails extends BoxInfo {
  /** How it runs: what it was made with, and the defaults. */
  readonly settings: BoxSettings & { readonly cpus: number; readonly memoryMib: number }
  /** The machine that runs it, whichever program started it; null: none. */
  readonly machine: {
    readonly engine: EngineName
    readonly accelerator: Accelerator
    /** Whether it goes on when the program that started it ends, and any program can use it. */
    readonly detached: boolean
    readonly pid: number
  } | null
  readonly disk: {
    readonly virtualSizeBytes: number
    /** What the box alone holds: written since its newest snapshot. */
    readonly ownBytes: number
    /** Layers that the disk is made of. */
    readonly layerCount: number
  }
}

export interface SnapshotInfo {
  readonly id: string
  readonly boxId: string
  readonly name: string
  readonly description: string
  readonly createdAt: Date
  /** Name of the snapshot that this one was taken after. */
  readonly parent: string | null
  readonly virtualSizeBytes: number
  /** What this snapshot alone holds: the size of its layer. */
  readonly ownBytes: number
  /** How the disk was caught: box stopped, guest file systems frozen, or as a power cut would leave it. */
  readonly consistency: Consistency
}

export interface SnapshotNode extends SnapshotInfo {
  /** Snapshots that were taken after this one; oldest first. */
  readonly children: readonly SnapshotNode[]
}

/** A box's snapshots by descent. */
export interface SnapshotTree {
  readonly roots: readonly SnapshotNode[]
  /** Name of the snapshot that the box's disk comes after. */
  readonly current: string | null
}

export function boxInfo(record: BoxRecord, run: BoxRun): BoxInfo {
  const { createdAt, image } = record.config
  return {
    id: record.id,
    name: record.name,
    state: run.stateOf(record),
    image: typeof image === 'string' ? image : null,
    createdAt: typeof createdAt === 'number' ? new Date(createdAt) : null,
    snapshotCount: record.snapshots.length,
    currentSnapshot: nameOf(record, record.liveParent),
    attention: attentionTo(record, run),
  }
}

/** What there is to tell of a box beyond its disk. */
export function runningInfo(record: BoxRecord): Pick<BoxDetails, 'settings' | 'machine'> {
  const { machine } = record
  return {
    settings: { cpus: DEFAULT_CPUS, memoryMib: DEFAULT_MEMORY_MIB, ...(settingsObjection(record) === null ? readSettings(record.config) : {}) },
    machine: machine === null ? null : { ...machineName(machine), detached: machine.detached, pid: machine.pid },
  }
}

function attentionTo(record: BoxRecord, run: BoxRun): string | null {
  if (record.pending !== null && run.owned === null) return 'A snapshot of this running box was interrupted; its next owner completes it.'
  return run.failure ?? settingsObjection(record)
}

/** What is wrong with the settings of a box, which may come from an archive; null: nothing. */
function settingsObjection(record: BoxRecord): string | null {
  try {
    readSettings(record.config)
    return null
  } catch (error) {
    if (isBoxLiteError(error, 'corrupt')) return error.message
    throw error
  }
}

export function snapshotInfo(record: BoxRecord, snapshot: SnapshotRecord, ownBytes: number): SnapshotInfo {
  return {
    id: snapshot.id,
    boxId: record.id,
    name: snapshot.name,
    description: snapshot.description,
    createdAt: new Date(snapshot.createdAt),
    parent: nameOf(record, snapshot.parent),
    virtualSizeBytes: Number(snapshot.virtualSizeBytes),
    ownBytes,
    consistency: snapshot.consistency,
  }
}

/** The tree of a box's snapshots, given oldest first. */
export function snapshotTree(record: BoxRecord, snapshots: readonly SnapshotInfo[]): SnapshotTree {
  const roots: SnapshotNode[] = []
  const children = new Map<string, SnapshotNode[]>()
  for (const snapshot of snapshots) {
    const mine: SnapshotNode[] = []
    children.set(snapshot.name, mine)
    const siblings = snapshot.parent === null ? roots : (children.get(snapshot.parent) ?? roots)
    siblings.push({ ...snapshot, children: mine })
  }
  return { roots, current: nameOf(record, record.liveParent) }
}

function nameOf(record: BoxRecord, snapshotId: string | null): string | null {
  return record.snapshots.find(({ id }) => id === snapshotId)?.name ?? null
}
