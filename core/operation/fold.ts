// Folds a layer P into its only child C.
//
//   CREATE_LAYER temporary ─> FOLD_LAYERS ─> SYNC_LAYER ─> READ_HEAD ─> PUBLISH_LAYER over C ─> SYNC_DIRECTORY layers
//
// What the host made is published only if it says what it must: P's backing and C's size. A crash leaves the old C or the
// new one, and they read the same; P stays until a collection, which syncs the directory first.

import { ID_BYTES, layerNameBytes, sameLayer } from '../id'
import { allocate } from '../memory'
import { HeadOf, Place, Reason, Status } from './abi'
import { createLayer, effectNumber, openFold, publishLayer, readHead, syncDirectory, syncLayer } from './effect'
import { call, fail, failBecause, FAILED, OK, Routine, YIELD } from './frames'
import { entryAt, entryName, entryNameBytes, NONE } from './layer-table'
import { putBytes } from './message'
import { dropMade, noteMade } from './state'
import { HEAD_BYTES, headBacking, headSizeBytes, judgeHead } from './verify-chain'

const TEMPORARY_BYTES: u32 = ID_BYTES + 4

let lower: u32 = 0
let upper: u32 = 0
let below: u32 = 0
let temporary: usize = 0
let upperName: usize = 0
let lowerName: usize = 0
let belowName: usize = 0

/** Folds the entry `index` into its child, by way of a file of this name. */
export function beginFold(index: u32, name: usize, next: i32): i32 {
  lower = index
  upper = entryAt(index).child
  below = entryAt(index).parent
  temporary = name
  upperName = keptName(upper)
  lowerName = keptName(lower)
  belowName = below == NONE ? 0 : keptName(below)
  if (upperName == 0 || lowerName == 0) return fail(Status.LIMIT, Reason.OUT_OF_MEMORY, 0, 0, 0)
  return call(Routine.FOLD, next)
}

export function fold(phase: i32, value: i32): i32 {
  if (phase != 4 && value != Status.OK) return failBecause(effectNumber, value)
  switch (phase) {
    case 0:
      return createLayer(temporary, TEMPORARY_BYTES, 1)
    case 1:
      noteMade(temporary, TEMPORARY_BYTES)
      return foldLayers()
    case 2:
      return syncLayer(temporary, TEMPORARY_BYTES, 3)
    case 3:
      return readHead(temporary, TEMPORARY_BYTES, HEAD_BYTES, HeadOf.ANY, 4)
    case 4:
      if (judgeHead(upperName, value) != OK) return FAILED
      if (headSizeBytes != entryAt(upper).sizeBytes || !sameLayer(headBacking, belowName))
        return fail(Status.CORRUPT, Reason.LAYER_PARENT, upperName, layerNameBytes(upperName), 0)
      // From here on it may be C.
      dropMade()
      return publishLayer(temporary, TEMPORARY_BYTES, upperName, 5)
    case 5:
      return syncDirectory(Place.LAYERS, 6)
    default:
      relink()
      return OK
  }
}

function keptName(index: u32): usize {
  const from = entryName(index)
  const name = allocate(entryNameBytes)
  if (name != 0) memory.copy(name, from, entryNameBytes)
  return name
}

function foldLayers(): i32 {
  let count: u32 = 0
  for (let at = below; at != NONE; at = entryAt(at).parent) count++
  if (!openFold(temporary, TEMPORARY_BYTES, upperName, lowerName, count, 2)) return FAILED
  for (let at = below; at != NONE; at = entryAt(at).parent) putBytes(entryName(at), entryNameBytes)
  return YIELD
}

/** The table says what the home is now: C backs on what P did, and nothing reaches P. */
function relink(): void {
  entryAt(lower).children = 0
  entryAt(upper).parent = below
  if (below != NONE) entryAt(below).child = upper
}
