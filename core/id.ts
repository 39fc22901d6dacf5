// Ids and layer names. An id is 32 lower-case hex digits; a layer's name is its id and its format,
// `<id>.qcow2` or `<id>.raw`. Both are passed as a pointer to text that was judged here once, so that
// its length is known; 0 stands for "none".

import { isHex, startsWith } from './text'

/** Length of an id, in bytes. */
export const ID_BYTES: u32 = 32

/** Length of an image's digest, in bytes. */
export const DIGEST_BYTES: u32 = 64

const QCOW2_NAME_BYTES: u32 = 38
const RAW_NAME_BYTES: u32 = 36

/** Formats as a layer's name states them; the values are those of a header's backing format. */
export namespace LayerFormat {
  export const RAW: i32 = 1
  export const QCOW2: i32 = 2
}

/** Whether the bytes are an id. */
export function isId(start: usize, lengthBytes: u32): bool {
  return lengthBytes == ID_BYTES && isHex(start, ID_BYTES)
}

/** Whether the bytes are an image's digest. */
export function isDigest(start: usize, lengthBytes: u32): bool {
  return lengthBytes == DIGEST_BYTES && isHex(start, DIGEST_BYTES)
}

/** Whether the bytes are a layer's name. */
export function isLayerName(start: usize, lengthBytes: u32): bool {
  if (lengthBytes != QCOW2_NAME_BYTES && lengthBytes != RAW_NAME_BYTES) return false
  if (!isHex(start, ID_BYTES)) return false
  return startsWith(start + ID_BYTES, lengthBytes - ID_BYTES, lengthBytes == RAW_NAME_BYTES ? '.raw' : '.qcow2')
}

/** Whether the bytes are the name of a temporary file: they end in `.tmp`. */
export function isTemporaryName(start: usize, lengthBytes: u32): bool {
  return lengthBytes > 4 && startsWith(start + lengthBytes - 4, 4, '.tmp')
}

/** The format that a layer's name states. */
export function layerFormat(layer: usize): i32 {
  return load<u8>(layer + ID_BYTES + 1) == 0x71 ? LayerFormat.QCOW2 : LayerFormat.RAW
}

/** Length of a layer's name, in bytes. */
export function layerNameBytes(layer: usize): u32 {
  return layerFormat(layer) == LayerFormat.QCOW2 ? QCOW2_NAME_BYTES : RAW_NAME_BYTES
}

/** Whether two ids, each possibly none, are the same. */
export function sameId(a: usize, b: usize): bool {
  if (a == b) return true
  if (a == 0 || b == 0) return false
  // 32 bytes; ids differ in their first ones mostly.
  if (load<u64>(a) != load<u64>(b) || load<u64>(a, 8) != load<u64>(b, 8)) return false
  return load<u64>(a, 16) == load<u64>(b, 16) && load<u64>(a, 24) == load<u64>(b, 24)
}

/** Whether two layers, each possibly none, are the same. */
export function sameLayer(a: usize, b: usize): bool {
  return sameId(a, b) && (a == b || layerFormat(a) == layerFormat(b))
}
