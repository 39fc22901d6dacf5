// Header extensions: type u32, length u32, data padded to 8 bytes; type 0 ends them. They lie
// between the header and the backing file name, or the end of cluster 0 where there is none.

import { EXTENSION_LIMIT } from '../limits'
import { BackingFormat, Field, Refusal } from './abi'
import { isPrintable } from './backing-name'
import { be32, be64 } from './bytes'
import { AUTOCLEAR_BITMAPS, Header, refuse, short } from './header-facts'

export const EXTENSION_BACKING_FORMAT: u32 = 0xe279_2aca
const EXTENSION_FEATURE_NAMES: u32 = 0x6803_f857
const EXTENSION_BITMAPS: u32 = 0x2385_2875
const EXTENSION_LUKS: u32 = 0x0537_be77
const EXTENSION_DATA_FILE: u32 = 0x4441_5441

const HEAD_BYTES: u32 = 8
/** QEMU reads at most 15 bytes of a format's name. */
const FORMAT_LIMIT_BYTES: u32 = 15
const FEATURE_ENTRY_BYTES: u32 = 48
const FEATURE_NAME_BYTES: u32 = 46
const BITMAPS_BYTES: u32 = 24
const BITMAP_LIMIT: u32 = 65535
const BITMAP_DIRECTORY_LIMIT_BYTES: u64 = (64 << 20) - 1024

/** Reads the extensions into `out`; the rules of `parseHeader`. */
export function parseExtensions(start: usize, lengthBytes: u32, fileBytes: u64, out: Header): i32 {
  const end: u32 = out.backingNameOffset != 0 ? out.backingNameOffset : <u32>out.clusterBytes
  let at = out.headerBytes
  // Very old writers put the name right behind the header.
  if (at == end) return Refusal.NONE
  for (let count: u32 = 0; count < EXTENSION_LIMIT; count++) {
    if (end - at < HEAD_BYTES) return refuse(out, Refusal.VALUE, Field.EXTENSION, at)
    // A file may end within cluster 0's padding; what is not there reads as zeros, an end marker.
    if (<u64>at >= fileBytes) return Refusal.NONE
    if (at + HEAD_BYTES > lengthBytes) return short(out, at + HEAD_BYTES, fileBytes)
    const type = be32(start + at)
    if (type == 0) {
      out.extensionsEnd = at
      return Refusal.NONE
    }
    const bytes = be32(start + at + 4)
    if (bytes > end - at - HEAD_BYTES) return refuse(out, Refusal.VALUE, Field.EXTENSION_LENGTH, bytes)
    const paddedBytes = (bytes + 7) & ~7
    if (at + HEAD_BYTES + bytes > lengthBytes) return short(out, at + HEAD_BYTES + bytes, fileBytes)
    if (wasSeen(start, out.headerBytes, at, type)) return refuse(out, Refusal.DUPLICATE, Field.EXTENSION, type)
    const refusal = parseExtension(start, at, type, bytes, fileBytes, out)
    if (refusal != Refusal.NONE) return refusal
    if (paddedBytes > end - at - HEAD_BYTES) return refuse(out, Refusal.VALUE, Field.EXTENSION_LENGTH, bytes)
    at += HEAD_BYTES + paddedBytes
    if (at == end) return refuse(out, Refusal.VALUE, Field.EXTENSION, at)
  }
  return refuse(out, Refusal.LIMIT, Field.EXTENSION, EXTENSION_LIMIT)
}

/** Whether an extension of this type lies before `end`. All before it were checked already. */
function wasSeen(start: usize, from: u32, end: u32, type: u32): bool {
  for (let at = from; at < end; at += HEAD_BYTES + ((be32(start + at + 4) + 7) & ~7)) {
    if (be32(start + at) == type) return true
  }
  return false
}

function parseExtension(start: usize, at: u32, type: u32, bytes: u32, fileBytes: u64, out: Header): i32 {
  const data = start + at + HEAD_BYTES
  switch (type) {
    case EXTENSION_BACKING_FORMAT:
      out.backingFormatOffset = at
      return parseFormat(data, bytes, out)
    case EXTENSION_FEATURE_NAMES:
      return parseFeatureNames(data, bytes, out)
    case EXTENSION_BITMAPS:
      out.foreignExtensions++
      return parseBitmaps(data, bytes, fileBytes, out)
    case EXTENSION_LUKS:
      return refuse(out, Refusal.UNSUPPORTED, Field.CRYPT_METHOD, type)
    case EXTENSION_DATA_FILE:
      return refuse(out, Refusal.UNSUPPORTED, Field.DATA_FILE, type)
    default:
      out.foreignExtensions++
      return Refusal.NONE
  }
}

function parseFormat(data: usize, bytes: u32, out: Header): i32 {
  if (bytes == 0 || bytes > FORMAT_LIMIT_BYTES || !isPrintable(data, data + bytes)) return refuse(out, Refusal.TEXT, Field.BACKING_FORMAT, bytes)
  out.backingFormatText = data
  out.backingFormatBytes = bytes
  // 'raw' and 'qcow2'.
  if (bytes == 3 && load<u16>(data) == 0x6172 && load<u8>(data + 2) == 0x77) out.backingFormat = BackingFormat.RAW
  else if (bytes == 5 && load<u32>(data) == 0x776f_6371 && load<u8>(data + 4) == 0x32) out.backingFormat = BackingFormat.QCOW2
  else out.backingFormat = BackingFormat.OTHER
  return Refusal.NONE
}

/** Finds the name of the first unknown incompatible feature: entries of type u8, bit u8, name padded with zeros. */
function parseFeatureNames(data: usize, bytes: u32, out: Header): i32 {
  if (bytes % FEATURE_ENTRY_BYTES != 0) return refuse(out, Refusal.VALUE, Field.EXTENSION_LENGTH, bytes)
  const unknown = out.incompatible & ~<u64>31
  if (unknown == 0) return Refusal.NONE
  for (let at: u32 = 0; at < bytes; at += FEATURE_ENTRY_BYTES) {
    if (load<u8>(data + at) != 0 || <u64>load<u8>(data + at + 1) != ctz(unknown)) continue
    let length: u32 = 0
    while (length < FEATURE_NAME_BYTES && load<u8>(data + at + 2 + length) != 0) length++
    if (!isPrintable(data + at + 2, data + at + 2 + length)) return refuse(out, Refusal.TEXT, Field.EXTENSION, at)
    out.featureName = data + at + 2
    out.featureNameBytes = length
    return Refusal.NONE
  }
  return Refusal.NONE
}

/** Checks the extension of dirty bitmaps, which is only valid with its autoclear bit; the bitmaps themselves are not read. */
function parseBitmaps(data: usize, bytes: u32, fileBytes: u64, out: Header): i32 {
  if ((out.autoclear & AUTOCLEAR_BITMAPS) == 0) return Refusal.NONE
  if (bytes != BITMAPS_BYTES) return refuse(out, Refusal.VALUE, Field.EXTENSION_LENGTH, bytes)
  const count = be32(data)
  const directoryBytes = be64(data + 8)
  const offset = be64(data + 16)
  if (count == 0 || count > BITMAP_LIMIT || be32(data + 4) != 0) return refuse(out, Refusal.VALUE, Field.BITMAPS, count)
  if (directoryBytes == 0 || directoryBytes > BITMAP_DIRECTORY_LIMIT_BYTES) return refuse(out, Refusal.VALUE, Field.BITMAPS, directoryBytes)
  if ((offset & (out.clusterBytes - 1)) != 0) return refuse(out, Refusal.UNALIGNED, Field.BITMAPS, offset)
  if (offset == 0) return refuse(out, Refusal.OVERLAP, Field.BITMAPS, offset)
  if (offset >= fileBytes || directoryBytes > fileBytes - offset) return refuse(out, Refusal.OUTSIDE, Field.BITMAPS, offset)
  out.bitmapCount = count
  out.bitmapDirectoryOffset = offset
  out.bitmapDirectoryBytes = directoryBytes
  return Refusal.NONE
}
