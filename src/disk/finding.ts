// The findings of a check, in words.

import { Finding } from './check-abi.ts'

const sentences: Readonly<Record<number, (a: string, b: string) => string>> = {
  [Finding.LEAK]: (stored, counted) => `is leaked: its refcount is ${stored}, but ${counted} refer to it`,
  [Finding.REFCOUNT]: (stored, counted) => `has a refcount of ${stored}, but ${counted} refer to it`,
  [Finding.UNREADABLE]: () => `has a refcount that cannot be read`,
  [Finding.OVERFLOW]: (limit) => `has more references than the ${limit} that its refcount can say`,
  [Finding.OUTSIDE]: () => `is referred to, but lies outside the file`,
  [Finding.L1_RESERVED]: () => `is an L1 entry with reserved bits set`,
  [Finding.L1_UNALIGNED]: (target) => `is an L1 entry that points to ${target}, which is not a cluster's start`,
  [Finding.L1_COPIED]: (target) => `is an L1 entry whose COPIED flag disagrees with the refcount of ${target}`,
  [Finding.L2_RESERVED]: () => `is an L2 entry with reserved bits set`,
  [Finding.L2_UNALIGNED]: (target) => `is an L2 entry that points to ${target}, which is not a cluster's start`,
  [Finding.L2_COPIED]: (target) => `is an L2 entry whose COPIED flag disagrees with the refcount of ${target}`,
  [Finding.COMPRESSED_COPIED]: () => `is the L2 entry of a compressed cluster with the COPIED flag`,
  [Finding.COMPRESSED_SUBCLUSTERS]: () => `is the L2 entry of a compressed cluster with subclusters`,
  [Finding.SUBCLUSTERS]: () => `is an L2 entry with a subcluster that is both allocated and zero`,
  [Finding.UNALLOCATED_SUBCLUSTERS]: () => `is an L2 entry with allocated subclusters and no cluster`,
  [Finding.REFBLOCK_RESERVED]: () => `is a refcount table entry with reserved bits set`,
  [Finding.REFBLOCK_UNALIGNED]: (target) => `is a refcount table entry that points to ${target}, which is not a cluster's start`,
  [Finding.REFBLOCK_OUTSIDE]: (target) => `is a refcount table entry that points to ${target}, outside the file`,
  [Finding.REFBLOCK_REFERENCES]: (counted) => `is a refcount block that ${counted} refer to`,
  [Finding.SNAPSHOT_L1_UNALIGNED]: (target) => `is a snapshot whose L1 table, at ${target}, is not at a cluster's start`,
  [Finding.SNAPSHOT_L1_SIZE]: (entries) => `is a snapshot whose L1 table, of ${entries} entries, is too large`,
  [Finding.SNAPSHOT_INCOMPLETE]: () => `is a snapshot without the extra data that version 3 demands`,
  [Finding.BITMAP_ENTRY]: () => `is an entry of a bitmap's table that is not allowed`,
  [Finding.OVERLAP]: () => `holds metadata and is used as something else, too`,
  [Finding.ZERO_FLAG]: () => `is an L2 entry with a zero flag, which this image cannot have`,
  [Finding.COMPRESSED_OUTSIDE]: (target) => `is the L2 entry of a compressed cluster, at ${target}, that ends after the file`,
}

const placesInHex = new Set<number>([
  Finding.L1_UNALIGNED,
  Finding.L1_COPIED,
  Finding.L2_UNALIGNED,
  Finding.L2_COPIED,
  Finding.REFBLOCK_UNALIGNED,
  Finding.REFBLOCK_OUTSIDE,
  Finding.SNAPSHOT_L1_UNALIGNED,
  Finding.COMPRESSED_OUTSIDE,
])

/** One finding of core/qcow2/check-abi.ts as a sentence; places are byte offsets in the file. */
export function describeFinding(finding: number, place: number, a: number, b: number): string {
  const sentence = sentences[finding]
  if (sentence === undefined) throw new Error(`the core made an unknown finding: ${finding}`)
  return `0x${place.toString(16)} ${sentence(placesInHex.has(finding) ? `0x${a.toString(16)}` : String(a), String(b))}`
}
