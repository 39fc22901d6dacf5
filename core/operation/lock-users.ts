// Takes the locks of every box whose chain contains a layer that is about to be rewritten. They are tried and never waited
// for, so their order does not matter; each is kept to the end of the operation.

import { ID_BYTES } from '../id'
import { Found, Place, Status } from './abi'
import { effectNumber, lockBox, report } from './effect'
import { call, failBecause, OK, Routine } from './frames'
import { entryAt, entryName, entryNameBytes, MANY, NONE } from './layer-table'
import { boxAt, rootBox, rootCount, rootLayer, Use } from './roots'

/** Whether all of them are held and none of the boxes is active. */
export let usersLocked = false
let layer: u32 = 0
let root: u32 = 0
let box: u32 = 0

/** Locks the boxes whose chains contain `index`. */
export function beginLockUsers(index: u32, next: i32): i32 {
  layer = index
  return call(Routine.LOCK_USERS, next)
}

export function lockUsers(phase: i32, value: i32): i32 {
  switch (phase) {
    case 0:
      usersLocked = true
      root = 0
      return lockNext()
    case 1:
      if (value == Status.BUSY) return refuse()
      if (value != Status.OK) return failBecause(effectNumber, value)
      boxAt(box).use = Use.LOCKED
      return lockNext()
    default:
      return OK
  }
}

function lockNext(): i32 {
  const owner = entryAt(layer).owner
  if (owner == 0) return OK
  if (owner != MANY) {
    box = owner - 1
    return boxAt(box).use == Use.LOCKED ? OK : lockThis()
  }
  for (; root < rootCount; root++) {
    box = rootBox(root)
    if (boxAt(box).use != Use.LOCKED && isBelow(rootLayer(root))) return lockThis()
  }
  return OK
}

/** Whether the layer is in the chain of `top`. */
function isBelow(top: u32): bool {
  for (let at = top; at != NONE; at = entryAt(at).parent) if (at == layer) return true
  return false
}

function lockThis(): i32 {
  const entry = boxAt(box)
  return entry.active || entry.use == Use.REFUSED ? refuse() : lockBox(entry.id, 1)
}

function refuse(): i32 {
  usersLocked = false
  const entry = boxAt(box)
  entry.use = Use.REFUSED
  const name = entryName(layer)
  return report(Found.MERGE_WAITS, Place.LAYERS, name, entryNameBytes, entry.id, ID_BYTES, 0, 2)
}
