// What the names in a home's directories are.

import { isDigest, isId, isLayerName, isTemporaryName, layerFormat } from '../id'
import { startsWith } from '../text'
import { Place } from './abi'
import { recordIdBytes } from './effect'
import { findEntry, NONE, STATE } from './layer-table'

/** What is to be done with a name. */
export namespace Fate {
  export const KEEP: i32 = 0
  export const GARBAGE: i32 = 1
  export const UNKNOWN: i32 = 2
}

const SUFFIX_BYTES: u32 = 5

/** Whether a name in a directory of records is that of a record: its id, then `.json`. */
export function isRecordName(place: i32, name: usize, nameBytes: u32): bool {
  const idBytes = recordIdBytes(place)
  if (nameBytes != idBytes + SUFFIX_BYTES || !startsWith(name + idBytes, SUFFIX_BYTES, '.json')) return false
  return place == Place.BOXES ? isId(name, idBytes) : isDigest(name, idBytes)
}

/** What is to be done with a name, once every record of the home was read. */
export function fateOf(place: i32, name: usize, nameBytes: u32): i32 {
  if (isTemporaryName(name, nameBytes)) return Fate.GARBAGE
  switch (place) {
    case Place.LAYERS:
      if (!isLayerName(name, nameBytes)) return Fate.UNKNOWN
      return findEntry(name, layerFormat(name)) == NONE ? Fate.GARBAGE : Fate.KEEP
    case Place.STATES:
      if (!isId(name, nameBytes)) return Fate.UNKNOWN
      return findEntry(name, STATE) == NONE ? Fate.GARBAGE : Fate.KEEP
    default:
      return isRecordName(place, name, nameBytes) ? Fate.KEEP : Fate.UNKNOWN
  }
}
