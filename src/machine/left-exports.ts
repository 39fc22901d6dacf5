// What an export of a running box leaves behind when its process dies: the snapshot that it takes for a moment. Its name holds its
// own id, which nobody can know beforehand, so that no snapshot of a caller's own is ever taken for one. Whoever sees one may take it
// back, at any time: an export that is under way reads layers, not names, and shares the home, so that none of them is merged away.

import type { HomeAccess, RunOptions } from '../home-access.ts'
import type { BoxRecord, SnapshotRecord } from '../operation/record.ts'

/** The name of the snapshot of an export. */
export function exportName(snapshotId: string): string {
  return `export-${snapshotId}`
}

export function isLeftExport({ id, name }: Pick<SnapshotRecord, 'id' | 'name'>): boolean {
  return name === exportName(id)
}

/** Takes such snapshots back. `busy` where somebody else has the box, and will. */
export async function dropLeftExports(home: HomeAccess, record: BoxRecord, options: RunOptions = {}): Promise<BoxRecord> {
  let left = record
  for (const { id } of record.snapshots.filter(isLeftExport)) {
    left = (await home.run({ kind: 'snapshot.remove', boxId: record.id, snapshot: id }, options)).record
  }
  return left
}
