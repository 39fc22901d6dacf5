// Names for new layers.

import { ID_BYTES, isId } from '../id'
import { writeBytes, writeLiteral, writeOpen } from '../json-write'
import { allocate } from '../memory'

/** The name of a new layer of our own form with this id, or 0 when it is not an id. */
export function layerNamed(id: usize, idBytes: u32): usize {
  return isId(id, idBytes) ? suffixed(id, '.qcow2') : 0
}

/** An id with a suffix of at most eight characters, or 0 when memory is short. */
export function suffixed(id: usize, suffix: string): usize {
  const name = allocate(ID_BYTES + 8)
  if (name == 0) return 0
  writeOpen(name)
  writeBytes(id, ID_BYTES)
  writeLiteral(suffix)
  return name
}
