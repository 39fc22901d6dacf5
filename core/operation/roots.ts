// Which boxes there are in a home, and which layers each of them names: what merging has to know to lock the boxes
// whose chains it changes.

import { ID_BYTES } from '../id'
import { allocate } from '../memory'
import { entryAt, MANY, NONE } from './layer-table'

/** What is known of a box's lock. */
export namespace Use {
  export const UNKNOWN: u32 = 0
  export const LOCKED: u32 = 1
  export const REFUSED: u32 = 2
}

@unmanaged
export class BoxEntry {
  /** Its id, 32 hex digits. */
  id: usize
  /** Its record names a machine or says `pending`. */
  active: bool
  use: u32
}

@unmanaged
class Root {
  layer: u32
  box: u32
}

let boxes: usize = 0
let boxCapacity: u32 = 0
export let boxCount: u32 = 0
let roots: usize = 0
let rootCapacity: u32 = 0
export let rootCount: u32 = 0

/** Begins with none. False when memory is short. */
export function resetRoots(): bool {
  boxCapacity = 256
  rootCapacity = 1024
  boxCount = 0
  rootCount = 0
  boxes = allocate(boxCapacity * <u32>offsetof<BoxEntry>())
  roots = allocate(rootCapacity * <u32>offsetof<Root>())
  return boxes != 0 && roots != 0
}

export function boxAt(index: u32): BoxEntry {
  return changetype<BoxEntry>(boxes + <usize>index * offsetof<BoxEntry>())
}

function rootAt(index: u32): Root {
  return changetype<Root>(roots + <usize>index * offsetof<Root>())
}

/** The layer that a root names. */
export function rootLayer(index: u32): u32 {
  return rootAt(index).layer
}

/** The box that names it. */
export function rootBox(index: u32): u32 {
  return rootAt(index).box
}

/** A table of twice the size; 0 when memory is short. */
function doubled(table: usize, bytes: u32): usize {
  const larger = allocate(bytes * 2)
  if (larger != 0) memory.copy(larger, table, bytes)
  return larger
}

/** Adds a box; false when memory is short. The id is copied. */
export function addBox(id: usize, active: bool): bool {
  if (boxCount == boxCapacity) {
    boxes = doubled(boxes, boxCapacity * <u32>offsetof<BoxEntry>())
    boxCapacity *= 2
  }
  const kept = allocate(ID_BYTES)
  if (boxes == 0 || kept == 0) return false
  memory.copy(kept, id, ID_BYTES)
  const box = boxAt(boxCount++)
  box.id = kept
  box.active = active
  return true
}

/** Adds a layer that the box added last names; false when memory is short. */
export function addRoot(layer: u32): bool {
  if (rootCount == rootCapacity) {
    roots = doubled(roots, rootCapacity * <u32>offsetof<Root>())
    rootCapacity *= 2
  }
  if (roots == 0) return false
  const root = rootAt(rootCount++)
  root.layer = layer
  root.box = boxCount - 1
  return true
}

/**
 * Notes for each layer whose chain it is in: no box's, one's, or several. A walk ends where its own box, or several, are
 * noted already: everything below is then too.
 */
export function findOwners(): void {
  for (let i: u32 = 0; i < rootCount; i++) {
    const own = rootBox(i) + 1
    for (let at = rootLayer(i); at != NONE; at = entryAt(at).parent) {
      const entry = entryAt(at)
      if (entry.owner == own || entry.owner == MANY) break
      entry.owner = entry.owner == 0 ? own : MANY
    }
  }
}
