// Internal snapshots and dirty bitmaps in a check: the lists of both, and every table they name.

import { BITMAP_NAME_LIMIT_BYTES, BITMAP_TABLE_LIMIT, L1_LIMIT_BYTES, SNAPSHOT_EXTRA_LIMIT_BYTES, SNAPSHOT_TABLE_LIMIT_BYTES } from '../limits'
import { Field, Refusal } from './abi'
import { be16, be32, be64 } from './bytes'
import { Finding } from './check-abi'
import { CELL_METADATA, Check, count, fetch } from './check-state'
import { beginL1, walkL1 } from './check-tables'

const SNAPSHOT_BYTES: u32 = 40
const BITMAP_BYTES: u32 = 24
/** Extra data that version 3 demands: the large size of the state, and the disk's size. */
const SNAPSHOT_EXTRA_BYTES: u32 = 16

const BITMAP_RESERVED_FLAGS: u32 = 0xffff_fffc
const BITMAP_TABLE_RESERVED: u64 = 0xff00_0000_0000_01fe
const OFFSET_MASK: u64 = 0x00ff_ffff_ffff_fe00

/** Starts a walk over a list of snapshots or bitmaps at `offset`. */
export function beginItems(c: Check, offset: u64): void {
  c.itemNext = 0
  c.itemAt = offset
  c.itemEntered = false
}

/** Walks the snapshot table and the L1 tables of all snapshots. False when bytes are wanted first, or the table is refused. */
export function walkSnapshots(c: Check): bool {
  const start = c.header.snapshotsOffset
  while (c.itemNext < c.header.snapshotCount) {
    if (!c.itemEntered && !enterSnapshot(c)) return false
    if (!walkL1(c)) return false
    c.itemNext++
    c.itemAt += c.itemBytes
    c.itemEntered = false
    if (c.itemAt - start > SNAPSHOT_TABLE_LIMIT_BYTES) {
      c.fail(Refusal.LIMIT, Field.SNAPSHOTS_OFFSET, c.itemAt - start)
      return false
    }
  }
  count(c, start, c.itemAt - start, CELL_METADATA)
  return true
}

function enterSnapshot(c: Check): bool {
  c.itemAt = (c.itemAt + 7) & ~7
  const at = fetch(c, c.outer, c.itemAt, SNAPSHOT_BYTES, SNAPSHOT_BYTES)
  if (at == 0) return false
  const l1Offset = be64(at)
  const l1Entries = be32(at + 8)
  const extraBytes = be32(at + 36)
  if (extraBytes > SNAPSHOT_EXTRA_LIMIT_BYTES) {
    c.fail(Refusal.VALUE, Field.SNAPSHOTS_OFFSET, extraBytes)
    return false
  }
  c.itemBytes = <u64>(SNAPSHOT_BYTES + extraBytes + be16(at + 12) + be16(at + 14))
  if (c.first && c.header.version >= 3 && extraBytes < SNAPSHOT_EXTRA_BYTES) c.corruption(Finding.SNAPSHOT_INCOMPLETE, c.itemAt)
  if (!c.isAligned(l1Offset)) {
    if (c.first) c.corruption(Finding.SNAPSHOT_L1_UNALIGNED, c.itemAt, l1Offset)
    beginL1(c, 0, 0, false)
  } else if (<u64>l1Entries << 3 > L1_LIMIT_BYTES) {
    if (c.first) c.corruption(Finding.SNAPSHOT_L1_SIZE, c.itemAt, l1Entries)
    beginL1(c, 0, 0, false)
  } else {
    beginL1(c, l1Offset, l1Entries, false)
  }
  c.itemEntered = true
  return true
}

/** Walks the bitmap directory and the tables of all bitmaps. False when bytes are wanted first, or the directory is refused. */
export function walkBitmaps(c: Check): bool {
  const header = c.header
  if (header.bitmapCount == 0) return true
  while (c.itemNext < header.bitmapCount) {
    if (!c.itemEntered && !enterBitmap(c)) return false
    if (!walkBitmapTable(c)) return false
    c.itemNext++
    c.itemAt += c.itemBytes
    c.itemEntered = false
  }
  count(c, header.bitmapDirectoryOffset, header.bitmapDirectoryBytes, CELL_METADATA)
  return true
}

function enterBitmap(c: Check): bool {
  const end = c.header.bitmapDirectoryOffset + c.header.bitmapDirectoryBytes
  if (c.itemAt > end || end - c.itemAt < BITMAP_BYTES) return refuseBitmap(c, c.itemAt)
  const at = fetch(c, c.outer, c.itemAt, BITMAP_BYTES, BITMAP_BYTES)
  if (at == 0) return false
  c.tableOffset = be64(at)
  c.tableEntries = be32(at + 8)
  const nameBytes = be16(at + 18)
  const extraBytes = be32(at + 20)
  const bytes = (<u64>BITMAP_BYTES + nameBytes + extraBytes + 7) & ~7
  const type = load<u8>(at + 16)
  const granularityBits = load<u8>(at + 17)
  if (nameBytes == 0 || nameBytes > BITMAP_NAME_LIMIT_BYTES || bytes > end - c.itemAt) return refuseBitmap(c, c.itemAt)
  if (type != 1 || granularityBits < 9 || granularityBits > 31) return refuseBitmap(c, c.itemAt)
  if ((be32(at + 12) & BITMAP_RESERVED_FLAGS) != 0 || c.tableEntries > BITMAP_TABLE_LIMIT) return refuseBitmap(c, c.itemAt)
  if (c.tableOffset == 0 || !c.isAligned(c.tableOffset) || c.tableEntries == 0) return refuseBitmap(c, c.itemAt)
  c.itemBytes = bytes
  c.tableNext = 0
  c.itemEntered = true
  count(c, c.tableOffset, <u64>c.tableEntries << 3, CELL_METADATA)
  return true
}

function refuseBitmap(c: Check, place: u64): bool {
  c.fail(Refusal.VALUE, Field.BITMAPS, place)
  return false
}

function walkBitmapTable(c: Check): bool {
  for (; c.tableNext < c.tableEntries; c.tableNext++) {
    const place = c.tableOffset + (<u64>c.tableNext << 3)
    const at = fetch(c, c.table, place, 8, <u64>(c.tableEntries - c.tableNext) << 3)
    if (at == 0) return false
    const entry = be64(at)
    const offset = entry & OFFSET_MASK
    if ((entry & BITMAP_TABLE_RESERVED) != 0 || (offset != 0 && ((entry & 1) != 0 || !c.isAligned(offset)))) {
      if (c.first) c.corruption(Finding.BITMAP_ENTRY, place, offset)
    } else if (offset != 0) {
      count(c, offset, c.clusterBytes, CELL_METADATA)
    }
  }
  return true
}
