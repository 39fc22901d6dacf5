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
    store<u32>(at, load<u32>(tables + (<usize>(before & 0xff) << 2)) ^ (before >> 8), TABLE_BYTES)
  }
  ready = true
}

/** The CRC-32C of `lengthBytes` bytes at `start`. */
export function crc32c(start: usize, lengthBytes: u32): u32 {
  if (!ready) fillTables()
  let crc: u32 = 0xffff_ffff
  const end = start + lengthBytes
  let at = start
  for (; end - at >= 8; at += 8) {
    const low = <usize>(load<u32>(at) ^ crc)
    const high = <usize>load<u32>(at, 4)
    crc = load<u32>(tables + ((low & 0xff) << 2), 7 * TABLE_BYTES) ^ load<u32>(tables + (((low >> 8) & 0xff) << 2), 6 * TABLE_BYTES)
    crc ^= load<u32>(tables + (((low >> 16) & 0xff) << 2), 5 * TABLE_BYTES) ^ load<u32>(tables + ((low >> 24) << 2), 4 * TABLE_BYTES)
    crc ^= load<u32>(tables + ((high & 0xff) << 2), 3 * TABLE_BYTES) ^ load<u32>(tables + (((high >> 8) & 0xff) << 2), 2 * TABLE_BYTES)
    crc ^= load<u32>(tables + (((high >> 16) & 0xff) << 2), TABLE_BYTES) ^ load<u32>(tables + ((high >> 24) << 2))
  }
  for (; at < end; at++) crc = load<u32>(tables + (<usize>((crc ^ load<u8>(at)) & 0xff) << 2)) ^ (crc >> 8)
  return ~crc
}
