// Makes a new overlay and makes it durable, together with the layer that the commit after it freezes.
//
//   CREATE_LAYER ─> WRITE_LAYER ─> SYNC_LAYER new ─> [SYNC_LAYER frozen] ─> [SYNC_DIRECTORY layers]

import { layerFormat, layerNameBytes } from '../id'
import { ImagePlan, planImage } from '../qcow2/create'
import { Refusal } from '../qcow2/abi'
import { allocate } from '../memory'
import { Place, Reason, Status } from './abi'
import { createLayer, effectNumber, syncDirectory, syncLayer, writeLayer } from './effect'
import { call, fail, failBecause, OK, Routine } from './frames'
import { noteMade } from './state'

let layer: usize = 0
let backing: usize = 0
let sizeBytes: u64 = 0
let frozen: usize = 0
let last = false

/**
 * Makes the layer `name` of `bytes` virtual bytes on `lower` (0: on nothing), syncs `freezes` where it is not 0, and with
 * `final` the directory, so that every new name in it is durable.
 */
export function prepare(name: usize, lower: usize, bytes: u64, freezes: usize, final: bool, next: i32): i32 {
  layer = name
  backing = lower
  sizeBytes = bytes
  frozen = freezes
  last = final
  return call(Routine.PREPARE_OVERLAY, next)
}

export function prepareOverlay(phase: i32, value: i32): i32 {
  if (phase > 0 && value != Status.OK) return failBecause(effectNumber, value)
  switch (phase) {
    case 0:
      return createLayer(layer, layerNameBytes(layer), 1)
    case 1:
      noteMade(layer, layerNameBytes(layer))
      return fill()
    case 2:
      return syncLayer(layer, layerNameBytes(layer), frozen == 0 ? 4 : 3)
    case 3:
      return syncLayer(frozen, layerNameBytes(frozen), 4)
    case 4:
      return last ? syncDirectory(Place.LAYERS, 5) : OK
    default:
      return OK
  }
}

function fill(): i32 {
  const plan = changetype<ImagePlan>(allocate(offsetof<ImagePlan>()))
  if (changetype<usize>(plan) == 0) return fail(Status.LIMIT, Reason.OUT_OF_MEMORY, 0, 0, 0)
  const backingBytes = backing == 0 ? 0 : layerNameBytes(backing)
  const refusal = planImage(sizeBytes, backing, backingBytes, backing == 0 ? 0 : layerFormat(backing), plan)
  if (refusal == Refusal.NONE) return writeLayer(layer, plan, 2)
  const code = refusal == Refusal.LIMIT ? Status.LIMIT : Status.INVALID_ARGUMENT
  return fail(code, Reason.LAYER_REFUSED, layer, layerNameBytes(layer), plan.field)
}
