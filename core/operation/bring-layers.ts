// Brings in new layers, lowest first: each is created, filled by the host and synced, and then its header must say what
// the operation said: the parent it backs on, in the format that the parent's name states.
//
//   CREATE_LAYER ─> FILL_LAYER ─> SYNC_LAYER ─> READ_HEAD, for each

import { isLayerName, layerNameBytes, sameLayer } from '../id'
import { CHAIN_LIMIT } from '../record-limits'
import { allocate } from '../memory'
import { HeadOf, Reason, Status } from './abi'
import { createLayer, effectNumber, fillLayer, syncLayer } from './effect'
import { call, fail, failBecause, FAILED, OK, Routine } from './frames'
import { fieldBytes, getInteger, keepBytes, keepOptional, messageBroken } from './message'
import { failInput, noteMade } from './state'
import { AGAIN, headBacking, headNeededBytes, headSizeBytes, judgeHead, readHeadOf } from './verify-chain'

@unmanaged
class NewLayer {
  name: usize
  nameBytes: u32
  parent: usize
  parentBytes: u32
  sizeBytes: u64
}

let table: usize = 0
/** How many new layers there are. */
export let newLayerCount: u32 = 0
let index: u32 = 0

function layerAt(at: u32): NewLayer {
  return changetype<NewLayer>(table + <usize>at * offsetof<NewLayer>())
}

/** Reads the list of new layers from the operation's message. */
export function readNewLayers(): void {
  const count = getInteger()
  newLayerCount = 0
  // One more than the limit is enough to be refused.
  if (messageBroken() || count > CHAIN_LIMIT) {
    newLayerCount = CHAIN_LIMIT + 1
    return
  }
  table = allocate(<u32>count * <u32>offsetof<NewLayer>())
  if (table == 0) return
  for (let i: u32 = 0; i < <u32>count; i++) {
    const layer = layerAt(i)
    layer.name = keepBytes()
    layer.nameBytes = fieldBytes
    layer.parent = keepOptional()
    layer.parentBytes = fieldBytes
  }
  newLayerCount = <u32>count
}

/** Whether the list makes sense: names of layers, each once, each on one before it or on `outside`. */
export function needNewLayers(outside: usize): i32 {
  if (newLayerCount > CHAIN_LIMIT) return fail(Status.LIMIT, Reason.TOO_MANY_LAYERS, 0, 0, CHAIN_LIMIT)
  for (let i: u32 = 0; i < newLayerCount; i++) {
    const layer = layerAt(i)
    if (!isLayerName(layer.name, layer.nameBytes)) return failInput('the name of a new layer')
    if (layer.parent != 0 && !isLayerName(layer.parent, layer.parentBytes)) return failInput('the parent of a new layer')
    let parentKnown = layer.parent == 0 || sameLayer(layer.parent, outside)
    for (let j: u32 = 0; j < i; j++) {
      if (sameLayer(layerAt(j).name, layer.name)) return failInput('a list with the same new layer twice')
      if (sameLayer(layerAt(j).name, layer.parent)) parentKnown = true
    }
    if (!parentKnown) return failInput('the parent of a new layer')
  }
  return OK
}

/** Whether the bytes name one of the new layers. */
export function isNewLayer(name: usize, nameBytes: u32): bool {
  if (!isLayerName(name, nameBytes)) return false
  for (let i: u32 = 0; i < newLayerCount; i++) if (sameLayer(layerAt(i).name, name)) return true
  return false
}

/** The virtual size of a new layer that was brought in. */
export function newLayerSizeBytes(name: usize): u64 {
  for (let i: u32 = 0; i < newLayerCount; i++) if (sameLayer(layerAt(i).name, name)) return layerAt(i).sizeBytes
  return 0
}

/** The last new layer's name, or 0 when there is none. */
export function lastNewLayer(): usize {
  return newLayerCount == 0 ? 0 : layerAt(newLayerCount - 1).name
}

/** Brings all of them in. */
export function bring(next: i32): i32 {
  index = 0
  return call(Routine.BRING_LAYERS, next)
}

export function bringLayers(phase: i32, value: i32): i32 {
  if (index == newLayerCount) return OK
  const layer = layerAt(index)
  if (phase > 0 && phase < 4 && value != Status.OK) return failBecause(effectNumber, value)
  switch (phase) {
    case 0:
      return createLayer(layer.name, layer.nameBytes, 1)
    case 1:
      noteMade(layer.name, layer.nameBytes)
      return fillLayer(index, layer.name, 2)
    case 2:
      return syncLayer(layer.name, layer.nameBytes, 3)
    case 3:
      return readHeadOf(layer.name, 0, HeadOf.ANY, 4)
    default:
      return judge(layer, value)
  }
}

function judge(layer: NewLayer, status: i32): i32 {
  const verdict = judgeHead(layer.name, status)
  if (verdict == AGAIN) return readHeadOf(layer.name, headNeededBytes, HeadOf.ANY, 4)
  if (verdict != OK) return FAILED
  if (!sameLayer(headBacking, layer.parent)) return fail(Status.CORRUPT, Reason.LAYER_PARENT, layer.name, layerNameBytes(layer.name), 0)
  layer.sizeBytes = headSizeBytes
  index++
  return bringLayers(0, OK)
}
