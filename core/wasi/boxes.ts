// The boxes of a home in the order of their ids, a batch at a time. Between two operations the core's memory is reset, so
// the batch stands in static memory, and a home of any size is walked with it.

import { ID_BYTES, isId } from '../id'
import { Place } from '../operation/abi'
import { startsWith } from '../text'
import { Errno } from './calls'
import { closeListing, listedBytes, listedName, nextListed, openListing } from './listing'
import { directoryPath } from './path'

/** Ids in one batch: a directory is read once for each. */
const BATCH: u32 = 1024
const SUFFIX_BYTES: u32 = 5

const ids = memory.data(32768)
const last = memory.data(32)
let count: u32 = 0
let started = false

/** Loads the next batch; how many there are is in `batchCount`, 0 at the end. */
export function nextBatch(): i32 {
  if (count > 0) memory.copy(last, idAt(count - 1), ID_BYTES)
  started = started || count > 0
  count = 0
  directoryPath(Place.BOXES)
  let errno = openListing()
  if (errno != Errno.SUCCESS) return errno
  while (true) {
    errno = nextListed()
    if (errno != Errno.SUCCESS || listedName() == 0) break
    if (isRecordName(listedName(), listedBytes())) insert(listedName())
  }
  const closed = closeListing()
  return errno != Errno.SUCCESS ? errno : closed
}

export function batchCount(): u32 {
  return count
}

/** An id of the batch. */
export function idAt(index: u32): usize {
  return ids + <usize>index * ID_BYTES
}

function isRecordName(name: usize, bytes: u32): bool {
  return bytes == ID_BYTES + SUFFIX_BYTES && isId(name, ID_BYTES) && startsWith(name + ID_BYTES, SUFFIX_BYTES, '.json')
}

/** Keeps the smallest ids after the last batch, in order. */
function insert(id: usize): void {
  if (started && memory.compare(id, last, ID_BYTES) <= 0) return
  let low: u32 = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >> 1
    const order = memory.compare(idAt(middle), id, ID_BYTES)
    if (order == 0) return
    if (order < 0) low = middle + 1
    else high = middle
  }
  if (low == BATCH) return
  if (count < BATCH) count++
  memory.copy(idAt(low + 1), idAt(low), (count - 1 - low) * ID_BYTES)
  memory.copy(idAt(low), id, ID_BYTES)
}
