// The snapshots of one box.

import { openFrozenDisk, type BoxDisk } from './box-disk.ts'
import { snapshotInfo, snapshotTree, type SnapshotInfo, type SnapshotTree } from './box-info.ts'
import { BoxLiteError, isBoxLiteError } from './error.ts'
import type { HomeAccess } from './home-access.ts'
import type { StartProgress } from './machine/launch.ts'
import { restart } from './machine/restart.ts'
import type { StopProgress } from './machine/stop.ts'
import type { CallerOptions } from './operation/caller.ts'
import type { ChangeProgress } from './operation/change-progress.ts'
import type { BoxRecord, SnapshotRecord } from './operation/record.ts'
import type { CallOptions } from './progress.ts'

export interface SnapshotCreateOptions extends CallOptions<ChangeProgress> {
  readonly description?: string
}

export interface SnapshotRestoreOptions extends CallOptions<StopProgress | ChangeProgress | StartProgress> {
  /**
   * Stops the box first where it runs, and starts it after. Without it a box that runs is refused with `invalid_state`. From the
   * moment when its guest is told to shut down the call goes to its end, whatever `signal` says.
   */
  readonly restart?: boolean
  /** Keeps the disk as it is now as a snapshot of this name. */
  readonly keepCurrent?: string
}

/** Snapshots go by id or by name, exactly; an id is looked for first. */
export class Snapshots {
  readonly #home: HomeAccess
  readonly #boxId: string

  constructor(home: HomeAccess, boxId: string) {
    this.#home = home
    this.#boxId = boxId
  }

  /**
   * Names the disk as it is now, of a box that runs too; durable when it resolves. `consistency` says how the disk was caught.
   * `already_exists` where the box has the name.
   */
  async create(name: string, { description = '', signal, onProgress }: SnapshotCreateOptions = {}): Promise<SnapshotInfo> {
    const { host } = this.#home
    const ids = { snapshotId: host.newId(), layerId: host.newId() }
    const { record, snapshot, findings } = await this.#home.change(
      { kind: 'snapshot.create', boxId: this.#boxId, name, description, ...ids, nowMs: host.nowMs() },
      { signal, onProgress },
    )
    this.#home.runner.tell(this.#boxId, findings)
    return this.#info(record, snapshot)
  }

  /** Newest first. */
  async list(): Promise<SnapshotInfo[]> {
    return (await this.#oldestFirst(await this.#record())).reverse()
  }

  /** The snapshot, or null. */
  async get(idOrName: string): Promise<SnapshotInfo | null> {
    const record = await this.#record()
    const snapshot = findSnapshot(record, idOrName)
    return snapshot === null ? null : this.#info(record, snapshot)
  }

  /** Forgets a snapshot; its children get its parent. Its space comes back with `prune`. */
  async remove(idOrName: string, { signal, onProgress }: CallOptions<ChangeProgress> = {}): Promise<void> {
    await this.#home.change({ kind: 'snapshot.remove', boxId: this.#boxId, snapshot: idOrName }, { signal, onProgress })
  }

  /** Puts the box's disk back to what it was at the snapshot. What it was until now is lost, unless it is kept. */
  restore(idOrName: string, options: SnapshotRestoreOptions = {}): Promise<void> {
    const { restart: isRestarted = false, keepCurrent, signal, onProgress } = options
    const { host } = this.#home
    const work = async (): Promise<void> => {
      this.#home.checkDiskClosed(this.#boxId)
      // Looked for first: a misspelt name stops no box.
      this.#layerOf(await this.#record(), idOrName)
      const kept = keepCurrent === undefined ? null : { name: keepCurrent, snapshotId: host.newId() }
      const restore = async (caller: CallerOptions): Promise<void> => {
        const ids = { boxId: this.#boxId, layerId: host.newId() }
        await this.#home.run({ kind: 'snapshot.restore', ...ids, snapshot: idOrName, keepCurrent: kept, nowMs: host.nowMs() }, caller)
      }
      await (isRestarted ? restart(this.#home, this.#boxId, () => restore({ onProgress }), options) : restore({ signal, onProgress }))
    }
    return this.#home.inTurn(this.#boxId, work, signal)
  }

  /** The snapshots by descent, and the one that the disk comes after. */
  async tree(): Promise<SnapshotTree> {
    const record = await this.#record()
    return snapshotTree(record, await this.#oldestFirst(record))
  }

  /** Opens a snapshot's disk for reading. The box is not locked by it. */
  disk(idOrName: string): Promise<BoxDisk> {
    return openFrozenDisk(this.#home, async () => this.#layerOf(await this.#record(), idOrName))
  }

  #layerOf(record: BoxRecord, idOrName: string): string {
    const snapshot = findSnapshot(record, idOrName)
    if (snapshot !== null) return snapshot.layer
    throw new BoxLiteError('not_found', `snapshot '${idOrName}' not found for box '${this.#boxId}'`, {
      remedy: "Run 'boxlite snapshot ls' to see its snapshots.",
      facts: { boxId: this.#boxId, snapshot: idOrName },
    })
  }

  #record(): Promise<BoxRecord> {
    return this.#home.record(this.#boxId)
  }

  #oldestFirst(record: BoxRecord): Promise<SnapshotInfo[]> {
    return Promise.all(record.snapshots.map((snapshot) => this.#info(record, snapshot)))
  }

  async #info(record: BoxRecord, snapshot: SnapshotRecord): Promise<SnapshotInfo> {
    return snapshotInfo(record, snapshot, await layerBytes(this.#home, snapshot.layer))
  }
}

/** The size of a layer's file; 0 when it is gone, which `fsck` tells more about. */
export async function layerBytes(home: HomeAccess, layer: string): Promise<number> {
  try {
    return (await home.store.readLayerHead(layer, 0)).fileBytes
  } catch (error) {
    if (isBoxLiteError(error, 'not_found')) return 0
    throw error
  }
}

function findSnapshot(record: BoxRecord, idOrName: string): SnapshotRecord | null {
  return record.snapshots.find(({ id }) => id === idOrName) ?? record.snapshots.find(({ name }) => name === idOrName) ?? null
}
