// What an export of a running box leaves behind when its process dies: the snapshot that it takes for a moment. Its name holds its
// own id, which nobody can know beforehand, so that no snapshot of a caller's own is ever taken for one. It is made and taken back
// in one turn, under the box's lock: whoever has that lock and sees one knows that nobody wants it any more.

import type { HomeAccess, RunOptions } from '../home-access.ts'
import type { BoxRecord, SnapshotRecord } from '../operation/record.ts'

/** The name of the snapshot of an export. */
export function exportName(snapshotId: string): string {
  return `export-${snapshotId}`
}

export function isLeftExport({ id, name }: Pick<SnapshotRecord, 'id' | 'name'>): boolean {
  return name === exportName(id)
}

/** Takes such snapshots back. The caller has the box, or the home alone: else `busy` says that somebody else has it, and will. */
export async function dropLeftExports(home: HomeAccess, record: BoxRecord, options: RunOptions = {}): Promise<BoxRecord> {
  let left = record
  for (const { id } of record.snapshots.filter(isLeftExport)) {
    left = (await home.run({ kind: 'snapshot.remove', boxId: record.id, snapshot: id }, options)).record
  }
  return left
}
