// Where the L2 tables and refcount blocks of a writing disk are, as far as they were met: a cluster
// has one of these jobs once, and no data is ever written over it. An open-addressing hash table.

import { KNOWN_METADATA_LIMIT } from '../limits'
import { allocate } from '../memory'

const FIRST_ENTRIES: u32 = 1024

/** What owner numbers of refcount blocks start at; those of L2 tables are their L1 indexes. */
export const REFBLOCK_OWNER: u32 = 1 << 31

@unmanaged
class Entry {
  /** Number of the cluster; 0, the header's, means an empty entry. */
  cluster: u64
  owner: u32
}

let table: usize = 0
let entryMask: u32 = 0
let entryCount: u32 = 0

/** Forgets everything; false when memory is out. */
export function knownInit(): bool {
  table = allocate(FIRST_ENTRIES * <u32>offsetof<Entry>())
  entryMask = FIRST_ENTRIES - 1
  entryCount = 0
  return table != 0
}

/** Whether a known table is in the cluster. */
export function isKnownMetadata(cluster: u64): bool {
  return place(table, entryMask, cluster).cluster == cluster
}

/** Notes what is in a cluster; false where something else was. Beyond the limit new places are not remembered. */
export function noteMetadata(cluster: u64, owner: u32): bool {
  const entry = place(table, entryMask, cluster)
  if (entry.cluster == cluster) return entry.owner == owner
  if ((entryCount + 1) * 2 > entryMask) {
    if (!growTable()) return true
    return noteMetadata(cluster, owner)
  }
  entry.cluster = cluster
  entry.owner = owner
  entryCount++
  return true
}

/** The entry of the cluster, or the empty one where it would go. At least half of the entries are empty. */
function place(start: usize, mask: u32, cluster: u64): Entry {
  let index = <u32>((cluster * 0x9e37_79b9_7f4a_7c15) >> 32) & mask
  let entry = entryOf(start, index)
  while (entry.cluster != cluster && entry.cluster != 0) {
    index = (index + 1) & mask
    entry = entryOf(start, index)
  }
  return entry
}

function entryOf(start: usize, index: u32): Entry {
  return changetype<Entry>(start + <usize>index * offsetof<Entry>())
}

function growTable(): bool {
  const entries = (entryMask + 1) * 2
  if (entries > KNOWN_METADATA_LIMIT) return false
  const larger = allocate(entries * <u32>offsetof<Entry>())
  if (larger == 0) return false
  for (let i: u32 = 0; i <= entryMask; i++) {
    const entry = entryOf(table, i)
    if (entry.cluster == 0) continue
    const moved = place(larger, entries - 1, entry.cluster)
    moved.cluster = entry.cluster
    moved.owner = entry.owner
  }
  table = larger
  entryMask = entries - 1
  return true
}
