// The qcow2 header and its extensions (docs/interop/qcow2.rst in QEMU: "Header", "Header
// extensions"). Everything is checked before it is used, and more strictly than QEMU does: a
// field that any reader could take in two ways is refused.

import { BACKING_NAME_LIMIT_BYTES, L1_LIMIT_BYTES, OFFSET_LIMIT_BYTES, REFTABLE_LIMIT_BYTES, SNAPSHOT_LIMIT } from '../limits'
import { BackingFormat, BackingName, Field, Refusal } from './abi'
import { classifyBackingName } from './backing-name'
import { be32, be64 } from './bytes'
import { parseExtensions } from './extensions'
import { Header, INCOMPATIBLE_COMPRESSION, INCOMPATIBLE_DATA_FILE, OWN_CLUSTER_BITS, refuse, short } from './header-facts'

export { Header } from './header-facts'

const MAGIC: u32 = 0x5146_49fb
const V2_HEADER_BYTES: u32 = 72
const V3_HEADER_BYTES: u32 = 104
/** Where the compression type ends, in headers that have it. */
const COMPRESSION_TYPE_END: u32 = 105

const INCOMPATIBLE_KNOWN: u64 = 31
const OWN_REFCOUNT_ORDER: u32 = 4

/**
 * Parses the first `lengthBytes` bytes of a file of `fileBytes` bytes. Answers 0, `Refusal.MORE` when cluster 0
 * has to be read further (never for clusters of 64 KiB or less when 64 KiB, or the whole file, was given), or a refusal.
 */
export function parseHeader(start: usize, lengthBytes: u32, fileBytes: u64, out: Header): i32 {
  memory.fill(changetype<usize>(out), 0, offsetof<Header>())
  if (fileBytes > OFFSET_LIMIT_BYTES) return refuse(out, Refusal.LIMIT, Field.HEADER, fileBytes)
  if (lengthBytes < 4 || be32(start) != MAGIC) return refuse(out, Refusal.NOT_QCOW2, Field.MAGIC, lengthBytes < 4 ? 0 : be32(start))
  if (lengthBytes < V2_HEADER_BYTES) return short(out, V2_HEADER_BYTES, fileBytes)
  out.version = be32(start + 4)
  if (out.version != 2 && out.version != 3) return refuse(out, Refusal.UNSUPPORTED, Field.VERSION, out.version)
  out.clusterBits = be32(start + 20)
  if (out.clusterBits < 9 || out.clusterBits > 21) return refuse(out, Refusal.VALUE, Field.CLUSTER_BITS, out.clusterBits)
  let refusal = out.version == 2 ? parseV2(out) : parseV3(start, lengthBytes, fileBytes, out)
  if (refusal != Refusal.NONE) return refusal
  const crypt = be32(start + 32)
  if (crypt != 0) return refuse(out, Refusal.UNSUPPORTED, Field.CRYPT_METHOD, crypt)
  refusal = parseBacking(start, lengthBytes, fileBytes, out)
  if (refusal == Refusal.NONE) refusal = parseExtensions(start, lengthBytes, fileBytes, out)
  // The features come after the extensions, which may know an unknown one's name.
  if (refusal == Refusal.NONE) refusal = judgeFeatures(out)
  if (refusal == Refusal.NONE) refusal = parseTables(start, fileBytes, out)
  if (refusal == Refusal.NONE) out.ownForm = isOwnForm(out)
  return refusal
}

function parseV2(out: Header): i32 {
  // Bytes 72 and up are extensions in version 2; they are never read as feature bits.
  out.headerBytes = V2_HEADER_BYTES
  out.refcountOrder = 4
  return Refusal.NONE
}

function parseV3(start: usize, lengthBytes: u32, fileBytes: u64, out: Header): i32 {
  if (lengthBytes < V3_HEADER_BYTES) return short(out, V3_HEADER_BYTES, fileBytes)
  out.incompatible = be64(start + 72)
  out.compatible = be64(start + 80)
  out.autoclear = be64(start + 88)
  out.refcountOrder = be32(start + 96)
  out.headerBytes = be32(start + 100)
  if (out.refcountOrder > 6) return refuse(out, Refusal.VALUE, Field.REFCOUNT_ORDER, out.refcountOrder)
  if (out.headerBytes < V3_HEADER_BYTES || <u64>out.headerBytes > out.clusterBytes || (out.headerBytes & 7) != 0)
    return refuse(out, Refusal.VALUE, Field.HEADER_LENGTH, out.headerBytes)
  if (lengthBytes < out.headerBytes) return short(out, out.headerBytes, fileBytes)
  if (out.headerBytes >= COMPRESSION_TYPE_END) out.compressionType = load<u8>(start + 104)
  return Refusal.NONE
}

function judgeFeatures(out: Header): i32 {
  if ((out.incompatible & INCOMPATIBLE_DATA_FILE) != 0) return refuse(out, Refusal.UNSUPPORTED, Field.DATA_FILE, out.incompatible)
  if ((out.incompatible & ~INCOMPATIBLE_KNOWN) != 0) return refuse(out, Refusal.UNSUPPORTED, Field.INCOMPATIBLE_FEATURES, out.incompatible)
  const compressionBit = (out.incompatible & INCOMPATIBLE_COMPRESSION) != 0
  if (out.compressionType > 1) return refuse(out, Refusal.UNSUPPORTED, Field.COMPRESSION_TYPE, out.compressionType)
  if (compressionBit != (out.compressionType != 0)) return refuse(out, Refusal.VALUE, Field.COMPRESSION_TYPE, out.compressionType)
  if (out.extendedL2 && out.clusterBits < 14) return refuse(out, Refusal.VALUE, Field.CLUSTER_BITS, out.clusterBits)
  return Refusal.NONE
}

function parseBacking(start: usize, lengthBytes: u32, fileBytes: u64, out: Header): i32 {
  const offset = be64(start + 8)
  if (offset == 0) return Refusal.NONE
  const bytes = be32(start + 16)
  if (offset < <u64>out.headerBytes || offset >= out.clusterBytes) return refuse(out, Refusal.OUTSIDE, Field.BACKING_FILE_OFFSET, offset)
  if (bytes > BACKING_NAME_LIMIT_BYTES || offset + bytes > out.clusterBytes) return refuse(out, Refusal.OUTSIDE, Field.BACKING_FILE_SIZE, bytes)
  if (offset + bytes > <u64>lengthBytes) return short(out, <u32>(offset + bytes), fileBytes)
  out.backingNameOffset = <u32>offset
  out.backingName = start + <usize>offset
  out.backingNameBytes = bytes
  out.backingNameKind = classifyBackingName(out.backingName, bytes)
  if (out.backingNameKind == BackingName.MALFORMED) return refuse(out, Refusal.TEXT, Field.BACKING_FILE_NAME, bytes)
  return Refusal.NONE
}

function parseTables(start: usize, fileBytes: u64, out: Header): i32 {
  out.virtualSizeBytes = be64(start + 24)
  out.l1Entries = be32(start + 36)
  out.l1Offset = be64(start + 40)
  out.reftableOffset = be64(start + 48)
  out.reftableClusters = be32(start + 56)
  out.snapshotCount = be32(start + 60)
  out.snapshotsOffset = be64(start + 64)
  const size = out.virtualSizeBytes
  if (size >> 63 != 0 || (size & 511) != 0) return refuse(out, Refusal.VALUE, Field.VIRTUAL_SIZE, size)
  if (size > OFFSET_LIMIT_BYTES) return refuse(out, Refusal.LIMIT, Field.VIRTUAL_SIZE, size)
  const l1Bytes = <u64>out.l1Entries << 3
  if (l1Bytes > L1_LIMIT_BYTES) return refuse(out, Refusal.LIMIT, Field.L1_SIZE, out.l1Entries)
  // Neither product can wrap: a cluster has at most 2^21 bytes, a table at most 2^18 entries.
  const coverage = out.clusterBytes * out.l2Entries
  if (<u64>out.l1Entries < (size + coverage - 1) / coverage) return refuse(out, Refusal.VALUE, Field.L1_SIZE, out.l1Entries)
  const reftableBytes = <u64>out.reftableClusters << out.clusterBits
  if (out.reftableClusters == 0) return refuse(out, Refusal.VALUE, Field.REFCOUNT_TABLE_CLUSTERS, 0)
  if (reftableBytes > REFTABLE_LIMIT_BYTES) return refuse(out, Refusal.LIMIT, Field.REFCOUNT_TABLE_CLUSTERS, out.reftableClusters)
  let refusal = judgePlace(out, Field.L1_TABLE_OFFSET, out.l1Offset, l1Bytes, fileBytes)
  if (refusal == Refusal.NONE) refusal = judgePlace(out, Field.REFCOUNT_TABLE_OFFSET, out.reftableOffset, reftableBytes, fileBytes)
  if (refusal != Refusal.NONE) return refusal
  if (overlaps(out, out.l1Offset, l1Bytes, out.reftableOffset, reftableBytes))
    return refuse(out, Refusal.OVERLAP, Field.L1_TABLE_OFFSET, out.l1Offset)
  return parseSnapshots(out, l1Bytes, reftableBytes, fileBytes)
}

function parseSnapshots(out: Header, l1Bytes: u64, reftableBytes: u64, fileBytes: u64): i32 {
  if (out.snapshotCount > SNAPSHOT_LIMIT) return refuse(out, Refusal.LIMIT, Field.SNAPSHOT_COUNT, out.snapshotCount)
  if (out.snapshotCount == 0) return Refusal.NONE
  // A snapshot's entry takes at least 40 bytes; the names and L1 tables of theirs are not read.
  const bytes = <u64>out.snapshotCount * 40
  const refusal = judgePlace(out, Field.SNAPSHOTS_OFFSET, out.snapshotsOffset, bytes, fileBytes)
  if (refusal != Refusal.NONE) return refusal
  const onL1 = overlaps(out, out.snapshotsOffset, bytes, out.l1Offset, l1Bytes)
  if (onL1 || overlaps(out, out.snapshotsOffset, bytes, out.reftableOffset, reftableBytes))
    return refuse(out, Refusal.OVERLAP, Field.SNAPSHOTS_OFFSET, out.snapshotsOffset)
  return Refusal.NONE
}

/** Whether a table may be where it claims: aligned, not on the header, inside the file but for its last cluster's padding. */
function judgePlace(out: Header, field: i32, offset: u64, bytes: u64, fileBytes: u64): i32 {
  if ((offset & (out.clusterBytes - 1)) != 0) return refuse(out, Refusal.UNALIGNED, field, offset)
  if (bytes == 0) return Refusal.NONE
  if (offset == 0) return refuse(out, Refusal.OVERLAP, field, offset)
  if (offset >= fileBytes || bytes > padded(out, fileBytes) - offset) return refuse(out, Refusal.OUTSIDE, field, offset)
  return Refusal.NONE
}

function overlaps(out: Header, a: u64, aBytes: u64, b: u64, bBytes: u64): bool {
  return aBytes != 0 && bBytes != 0 && a < b + padded(out, bBytes) && b < a + padded(out, aBytes)
}

/** `bytes`, at most 2^53, rounded up to whole clusters. */
function padded(out: Header, bytes: u64): u64 {
  return (bytes + out.clusterBytes - 1) & ~(out.clusterBytes - 1)
}

function isOwnForm(out: Header): bool {
  return (
    out.version == 3 &&
    out.clusterBits == OWN_CLUSTER_BITS &&
    out.refcountOrder == OWN_REFCOUNT_ORDER &&
    out.incompatible == 0 &&
    out.compatible == 0 &&
    out.autoclear == 0 &&
    out.snapshotCount == 0 &&
    out.foreignExtensions == 0 &&
    out.l1Entries != 0 &&
    (out.backingNameKind == BackingName.NONE || out.backingFormat == BackingFormat.RAW || out.backingFormat == BackingFormat.QCOW2)
  )
}
