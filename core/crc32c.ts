// CRC-32C (Castagnoli), as in RFC 3720, appendix B.4: reflected, polynomial 0x1EDC6F41. Eight bytes a step, by eight
// tables: table k has the checksum of a byte that k zero bytes follow.

const POLYNOMIAL: u32 = 0x82f6_3b78
const TABLE_BYTES: usize = 1024
const tables = memory.data(8192)
let ready = false

function fillTables(): void {
  for (let i: u32 = 0; i < 256; i++) {
    let value = i
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >> 1) ^ POLYNOMIAL : value >> 1
    store<u32>(tables + (<usize>i << 2), value)
  }
  for (let at = tables; at < tables + 7 * TABLE_BYTES; at += 4) {
    const before = load<u32>(at)
    store<u32>(at + TABLE_BYTES, entry(0, before) ^ (before >> 8))
  }
  ready = true
}

function entry(table: usize, byte: u32): u32 {
  return load<u32>(tables + table * TABLE_BYTES + (<usize>(byte & 0xff) << 2))
}

/** The CRC-32C of `lengthBytes` bytes at `start`. */
export function crc32c(start: usize, lengthBytes: u32): u32 {
  if (!ready) fillTables()
  let crc: u32 = 0xffff_ffff
  const end = start + lengthBytes
  let at = start
  for (; end - at >= 8; at += 8) {
    const low = load<u32>(at) ^ crc
    const high = load<u32>(at + 4)
    crc = entry(7, low) ^ entry(6, low >> 8) ^ entry(5, low >> 16) ^ entry(4, low >> 24)
    crc ^= entry(3, high) ^ entry(2, high >> 8) ^ entry(1, high >> 16) ^ entry(0, high >> 24)
  }
  for (; at < end; at++) crc = entry(0, crc ^ load<u8>(at)) ^ (crc >> 8)
  return ~crc
}
