// The snapshots of a box record in memory: finding, adding, taking out.

import { ID_BYTES, isId, sameId } from '../id'
import { BOX_SNAPSHOT_LIMIT, DESCRIPTION_LIMIT_BYTES } from '../record-limits'
import { allocate } from '../memory'
import { BoxRecord, Snapshot, snapshotAt } from '../record-shape'
import { sameBytes } from '../text'
import { isUnicode } from '../utf8'
import { Reason, Status } from './abi'
import { fail, OK } from './frames'
import { failInput } from './state'

/** What `findSnapshot` answers when there is none. */
export const NOWHERE: u32 = 0xffff_ffff

/** The place of the snapshot with this id, else with this name, exactly. */
export function findSnapshot(box: BoxRecord, text: usize, textBytes: u32): u32 {
  if (isId(text, textBytes)) {
    for (let i: u32 = 0; i < box.snapshotCount; i++) if (sameId(snapshotAt(box, i).id, text)) return i
  }
  return findSnapshotName(box, text, textBytes)
}

/** The place of the snapshot with this name. */
export function findSnapshotName(box: BoxRecord, name: usize, nameBytes: u32): u32 {
  for (let i: u32 = 0; i < box.snapshotCount; i++) {
    const snapshot = snapshotAt(box, i)
    if (sameBytes(snapshot.name, snapshot.nameBytes, name, nameBytes)) return i
  }
  return NOWHERE
}

/** Whether a snapshot of this name, id and description may be added; else the operation fails. */
export function needRoom(box: BoxRecord, name: usize, nameBytes: u32, id: usize, description: usize, descriptionBytes: u32): i32 {
  if (findSnapshotName(box, name, nameBytes) != NOWHERE) return fail(Status.ALREADY_EXISTS, Reason.SNAPSHOT_EXISTS, name, nameBytes, 0)
  if (findSnapshot(box, id, ID_BYTES) != NOWHERE) return failInput('the new snapshot id, which the box has already,')
  if (descriptionBytes > DESCRIPTION_LIMIT_BYTES) return failInput('a description of over 4096 bytes')
  if (!isUnicode(description, descriptionBytes)) return failInput('the description')
  if (box.snapshotCount >= BOX_SNAPSHOT_LIMIT) return fail(Status.LIMIT, Reason.TOO_MANY_SNAPSHOTS, 0, 0, BOX_SNAPSHOT_LIMIT)
  return OK
}

/** A new snapshot at the end of the table, its fields all 0; null when memory is short. There must be room. */
export function addSnapshot(box: BoxRecord): Snapshot | null {
  const snapshot = changetype<Snapshot>(allocate(offsetof<Snapshot>()))
  if (changetype<usize>(snapshot) == 0) return null
  store<usize>(box.snapshots + <usize>box.snapshotCount * sizeof<usize>(), changetype<usize>(snapshot))
  box.snapshotCount++
  return snapshot
}

/** Takes a snapshot out; its children, and the live disk, get its parent. */
export function takeOutSnapshot(box: BoxRecord, index: u32): void {
  const gone = snapshotAt(box, index)
  for (let i: u32 = 0; i < box.snapshotCount; i++) {
    const other = snapshotAt(box, i)
    if (sameId(other.parent, gone.id)) other.parent = gone.parent
  }
  if (sameId(box.liveParent, gone.id)) box.liveParent = gone.parent
  const at = box.snapshots + <usize>index * sizeof<usize>()
  memory.copy(at, at + sizeof<usize>(), <usize>(box.snapshotCount - index - 1) * sizeof<usize>())
  box.snapshotCount--
}
