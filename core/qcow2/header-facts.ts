// What is known of a header once it is parsed, and how its parsers refuse.

import { Field, Refusal } from './abi'

export const INCOMPATIBLE_DIRTY: u64 = 1
export const INCOMPATIBLE_CORRUPT: u64 = 2
export const INCOMPATIBLE_DATA_FILE: u64 = 4
export const INCOMPATIBLE_COMPRESSION: u64 = 8
export const INCOMPATIBLE_EXTENDED_L2: u64 = 16
export const COMPATIBLE_LAZY_REFCOUNTS: u64 = 1
export const AUTOCLEAR_BITMAPS: u64 = 1

/** Cluster size of our own form: 64 KiB. */
export const OWN_CLUSTER_BITS: u32 = 16

/** A parsed header. Pointers are into the bytes that were parsed. */
@unmanaged
export class Header {
  /** After a refusal: the `Field` it is about and the value found there. */
  field: i32
  version: u32
  value: u64
  /** After `Refusal.MORE`: how many bytes from the start of the file are needed. */
  neededBytes: u32
  clusterBits: u32
  virtualSizeBytes: u64
  backingNameOffset: u32
  backingName: usize
  backingNameBytes: u32
  /** A `BackingName`. */
  backingNameKind: i32
  /** A `BackingFormat`, and its text. */
  backingFormat: i32
  backingFormatText: usize
  backingFormatBytes: u32
  l1Entries: u32
  l1Offset: u64
  reftableOffset: u64
  reftableClusters: u32
  snapshotCount: u32
  snapshotsOffset: u64
  incompatible: u64
  compatible: u64
  autoclear: u64
  refcountOrder: u32
  headerBytes: u32
  compressionType: u32
  bitmapCount: u32
  bitmapDirectoryOffset: u64
  bitmapDirectoryBytes: u64
  /** Extensions that our own form does not have. */
  foreignExtensions: u32
  /** Offset of the extensions' end marker, or 0 where there is no room for one. */
  extensionsEnd: u32
  /** Offset of the backing format extension, or 0. */
  backingFormatOffset: u32
  /** Name of the first unknown incompatible feature, from the feature name table, or 0. */
  featureName: usize
  featureNameBytes: u32
  /** The form we write: v3, 64 KiB clusters, 16-bit refcounts, standard L2, nothing unknown. */
  ownForm: bool

  get clusterBytes(): u64 {
    return <u64>1 << this.clusterBits
  }

  get extendedL2(): bool {
    return (this.incompatible & INCOMPATIBLE_EXTENDED_L2) != 0
  }

  /** Entries of one L2 table. */
  get l2Entries(): u64 {
    return this.clusterBytes >> (this.extendedL2 ? 4 : 3)
  }
}

/** Notes what a refusal is about and passes its code on. */
export function refuse(header: Header, refusal: i32, field: i32, value: u64): i32 {
  header.field = field
  header.value = value
  return refusal
}

/** The answer where `needed` bytes of cluster 0 are not there: read on, or the file is too short. */
export function short(out: Header, needed: u32, fileBytes: u64): i32 {
  if (<u64>needed > fileBytes) return refuse(out, Refusal.TRUNCATED, Field.HEADER, fileBytes)
  out.neededBytes = needed
  return refuse(out, Refusal.MORE, Field.HEADER, needed)
}
