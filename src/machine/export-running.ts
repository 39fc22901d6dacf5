// An archive of a box that runs. Its disk is caught as a snapshot catches it: the live layer is frozen under a new one, and the
// snapshot that named it for a moment is taken back at once. What is exported is the box as it was then; its layers are frozen,
// so the box goes on, and the home is shared so that none of them is merged away.

import { exportRecord, type ExportOptions } from '../archive/export.ts'
import type { HomeAccess } from '../home-access.ts'
import type { Held } from '../host.ts'
import type { BoxRecord } from '../operation/record.ts'

export async function* exportRunning(home: HomeAccess, boxId: string, options: ExportOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const shared: Held = await home.lockHome('shared')
  try {
    const record = options.snapshot === undefined ? await caught(home, boxId) : await home.record(boxId)
    yield* exportRecord(home.performer, record, options)
  } finally {
    await shared.release()
  }
}

/** The record as it would be of a stopped box with the disk of this moment. */
function caught(home: HomeAccess, boxId: string): Promise<BoxRecord> {
  const { host } = home
  const snapshotId = host.newId()
  return home.inTurn(boxId, async () => {
    const { record, snapshot, findings } = await home.run({
      kind: 'snapshot.create',
      boxId,
      name: `export-${snapshotId}`,
      description: 'An export that is under way; it may be removed.',
      snapshotId,
      layerId: host.newId(),
      nowMs: host.nowMs(),
    })
    home.runner.tell(boxId, findings)
    await home.run({ kind: 'snapshot.remove', boxId, snapshot: snapshotId })
    const snapshots = record.snapshots.filter(({ id }) => id !== snapshotId)
    return { ...record, snapshots, live: snapshot.layer, liveParent: snapshot.parent, machine: null }
  })
}
