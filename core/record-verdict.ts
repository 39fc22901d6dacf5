// A record's verdict, for those who only read: listings, info, export.

import { DIGEST_BYTES, ID_BYTES } from './id'
import { allocate, ensureExchange } from './memory'
import { Place } from './operation/abi'
import { parseBoxRecord, parseImageRecord, recordDetail } from './record'
import { BoxRecord, ImageRecord } from './record-shape'
import { RecordVerdict } from './verdict'

/** The `RecordVerdict` on the record of a place, after its id in the exchange. */
export function recordVerdict(place: i32, lengthBytes: u32): i32 {
  const idBytes = place == Place.BOXES ? ID_BYTES : DIGEST_BYTES
  const id = ensureExchange(idBytes + lengthBytes)
  const start = id + idBytes
  if (place == Place.BOXES) {
    const box = changetype<BoxRecord>(allocate(offsetof<BoxRecord>()))
    return changetype<usize>(box) == 0 ? RecordVerdict.CORRUPT : parseBoxRecord(start, lengthBytes, id, box)
  }
  const image = changetype<ImageRecord>(allocate(offsetof<ImageRecord>()))
  return changetype<usize>(image) == 0 ? RecordVerdict.CORRUPT : parseImageRecord(start, lengthBytes, id, image)
}

/** What the last refused record was refused for: a byte offset, or the version of an unknown format. */
export function recordProblem(): f64 {
  return <f64>recordDetail
}
