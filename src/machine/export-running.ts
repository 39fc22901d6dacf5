// An archive of a box that runs. Its disk is caught as a snapshot catches it: the live layer is frozen under a new one, and the
// snapshot that named it for a moment is taken back at once. What is exported is the box as it was then; its layers are frozen,
// so the box goes on, and the home is shared so that none of them is merged away.

import { exportRecord, type ExportOptions } from '../archive/export.ts'
import type { ArchiveProgress } from '../archive/progress.ts'
import { isBoxLiteError } from '../error.ts'
import type { HomeAccess } from '../home-access.ts'
import type { Held } from '../host.ts'
import type { CallerOptions } from '../operation/caller.ts'
import type { ChangeProgress } from '../operation/change-progress.ts'
import type { BoxRecord } from '../operation/record.ts'
import type { CallOptions } from '../progress.ts'
import { exportName } from './left-exports.ts'

/** As of any export, and how far the catching is. */
interface RunningExportOptions extends Omit<ExportOptions, 'onProgress'>, CallOptions<ArchiveProgress | ChangeProgress> {}

export async function* exportRunning(home: HomeAccess, boxId: string, options: RunningExportOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const shared: Held = await home.lockHome('shared')
  try {
    const record = options.snapshot === undefined ? await caught(home, boxId, options) : await home.record(boxId)
    yield* exportRecord(home.performer, record, options)
  } finally {
    await shared.release()
  }
}

/** The record as it would be of a stopped box with the disk of this moment. */
function caught(home: HomeAccess, boxId: string, { signal, onProgress }: CallerOptions): Promise<BoxRecord> {
  const { host } = home
  const snapshotId = host.newId()
  const work = async (): Promise<BoxRecord> => {
    const text = { name: exportName(snapshotId), description: 'An export that is under way; it may be removed.' }
    const { record, snapshot, findings } = await home.run(
      { kind: 'snapshot.create', boxId, ...text, snapshotId, layerId: host.newId(), nowMs: host.nowMs() },
      { signal, onProgress },
    )
    home.runner.tell(boxId, findings)
    await home.run({ kind: 'snapshot.remove', boxId, snapshot: snapshotId }).catch(unlessGone)
    const snapshots = record.snapshots.filter(({ id }) => id !== snapshotId)
    return { ...record, snapshots, live: snapshot.layer, liveParent: snapshot.parent, machine: null }
  }
  return home.inTurn(boxId, work, signal)
}

/** Another process that met the snapshot has taken it back already (left-exports.ts). */
function unlessGone(error: unknown): void {
  if (!isBoxLiteError(error, 'not_found')) throw error
}
