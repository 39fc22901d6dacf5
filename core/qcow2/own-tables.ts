// Looking up and judging the L1 and L2 entries of the writable layer. What another writer could
// have meant (a cluster shared with a snapshot, compressed data) is refused, never guessed at.

import { DiskStatus, Field, Refusal } from './abi'
import { be64 } from './bytes'
import { SLICE_BYTES } from './cache'
import { judgeCluster, Layer, layerAt, refuseDisk, tableEntry } from './chain'
import { OWN_CLUSTER_BITS } from './header-facts'
import { noteMetadata } from './known-metadata'
import { COMPRESSED, COPIED, judgeL1Entry, L2_RESERVED, OFFSET_MASK } from './map'

/** Entries of an L2 table: 1 << L2_BITS. */
export const L2_BITS: u32 = OWN_CLUSTER_BITS - 3

/** What `findL2Entry` found: the entry in the cache, 0 where there is no table, and in the file. */
export let entryAt: usize = 0
export let entryOffset: u64 = 0

/** Finds the L2 entry of a guest byte. DONE, WANT or a refusal. */
export function findL2Entry(position: u64): i32 {
  const layer = layerAt(0)
  const l1Index = position >> (OWN_CLUSTER_BITS + L2_BITS)
  const l1At = tableEntry(0, layer.l1Offset + (l1Index << 3))
  if (l1At == 0) return DiskStatus.WANT
  const l1Entry = be64(l1At)
  entryAt = 0
  if (l1Entry == 0) return DiskStatus.DONE
  const status = judgeOwnL1Entry(layer, l1Index, l1Entry)
  if (status != DiskStatus.DONE) return status
  entryOffset = (l1Entry & OFFSET_MASK) + (((position >> OWN_CLUSTER_BITS) & ((1 << L2_BITS) - 1)) << 3)
  entryAt = tableEntry(0, entryOffset)
  return entryAt == 0 ? DiskStatus.WANT : DiskStatus.DONE
}

/** L2 entries from the found one to the end of its slice. */
export function entriesLeft(): u32 {
  return (SLICE_BYTES - (<u32>entryOffset & (SLICE_BYTES - 1))) >> 3
}

/** Judges an L1 entry that is not 0, and notes where its table is. */
export function judgeOwnL1Entry(layer: Layer, index: u64, entry: u64): i32 {
  const status = judgeL1Entry(layer, entry)
  if (status != DiskStatus.DONE) return status
  if ((entry & COPIED) == 0) return refuseDisk(Refusal.VALUE, Field.L1_ENTRY, entry, 0)
  if (!noteMetadata((entry & OFFSET_MASK) >> OWN_CLUSTER_BITS, <u32>index)) return refuseDisk(Refusal.OVERLAP, Field.L1_ENTRY, entry, 0)
  return DiskStatus.DONE
}

/** Whether an L2 entry is one that can be replaced: the guest's alone, and in our own form. */
export function judgeOwnEntry(entry: u64): i32 {
  if ((entry & COMPRESSED) != 0) return refuseDisk(Refusal.UNSUPPORTED, Field.COMPRESSED_CLUSTER, entry, 0)
  if ((entry & L2_RESERVED) != 0) return refuseDisk(Refusal.RESERVED, Field.L2_ENTRY, entry, 0)
  const offset = entry & OFFSET_MASK
  if ((offset != 0) != ((entry & COPIED) != 0)) return refuseDisk(Refusal.VALUE, Field.L2_ENTRY, entry, 0)
  return offset == 0 ? DiskStatus.DONE : judgeCluster(layerAt(0), offset, Field.L2_ENTRY)
}
