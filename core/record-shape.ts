// Box and image records as they lie in the core's memory: pointers to ids, names and layers in the record's own bytes.

import { sameId, sameLayer } from './id'
import { isLiteral, sameBytes } from './text'

/** How a snapshot's disk was caught. */
export namespace Consistency {
  export const STOPPED: i32 = 0
  export const FROZEN: i32 = 1
  export const CRASH: i32 = 2
}

/** A snapshot of a box record. Pointers to ids and layers are 0 for none. */
@unmanaged
export class Snapshot {
  id: usize
  name: usize
  nameBytes: u32
  descriptionBytes: u32
  description: usize
  layer: usize
  state: usize
  createdAt: u64
  virtualSizeBytes: u64
  parent: usize
  consistency: i32
}

/** A box record. */
@unmanaged
export class BoxRecord {
  generation: u64
  id: usize
  /** 0: the box has no name. */
  name: usize
  nameBytes: u32
  /** Length of the configuration's JSON. */
  configBytes: u32
  config: usize
  live: usize
  liveParent: usize
  /** The machine's JSON object, or 0. */
  machine: usize
  machineBytes: u32
  /** Whether that machine outlives its owner on purpose. */
  detached: bool
  snapshotCount: u32
  resume: usize
  /** `snapshotCount` pointers to snapshots, with room for one more. */
  snapshots: usize
  /** The pending switch, or 0 and 0. */
  pendingFrom: usize
  pendingTo: usize
}

/** An image record. */
@unmanaged
export class ImageRecord {
  generation: u64
  id: usize
  reference: usize
  referenceBytes: u32
  layer: usize
  virtualSizeBytes: u64
  template: usize
  createdAt: u64
}

/** The snapshot at a place of a record's table. */
export function snapshotAt(box: BoxRecord, index: u32): Snapshot {
  return changetype<Snapshot>(load<usize>(box.snapshots + <usize>index * sizeof<usize>()))
}

/** The `Consistency` that a word means, or -1. */
export function consistencyOf(start: usize, lengthBytes: u32): i32 {
  if (isLiteral(start, lengthBytes, 'stopped')) return Consistency.STOPPED
  if (isLiteral(start, lengthBytes, 'frozen')) return Consistency.FROZEN
  return isLiteral(start, lengthBytes, 'crash') ? Consistency.CRASH : -1
}

/** Whether a snapshot may stand after those that the record has: new id, new name, a known parent, not the live layer. */
export function fits(box: BoxRecord, snapshot: Snapshot): bool {
  if (sameLayer(snapshot.layer, box.live)) return false
  let parentKnown = snapshot.parent == 0
  for (let i: u32 = 0; i < box.snapshotCount; i++) {
    const other = snapshotAt(box, i)
    if (sameId(other.id, snapshot.id)) return false
    if (sameBytes(other.name, other.nameBytes, snapshot.name, snapshot.nameBytes)) return false
    if (snapshot.parent != 0 && sameId(other.id, snapshot.parent)) parentKnown = true
  }
  return parentKnown
}

/** Whether one of the first `count` snapshots has this id. */
export function hasSnapshot(box: BoxRecord, id: usize, count: u32): bool {
  for (let i: u32 = 0; i < count; i++) if (sameId(snapshotAt(box, i).id, id)) return true
  return false
}
