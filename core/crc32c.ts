// CRC-32C (Castagnoli), as in RFC 3720, appendix B.4: reflected, polynomial 0x1EDC6F41.

const POLYNOMIAL: u32 = 0x82f6_3b78
const table = memory.data(1024)
let ready = false

function fillTable(): void {
  for (let i: u32 = 0; i < 256; i++) {
    let value = i
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >> 1) ^ POLYNOMIAL : value >> 1
    store<u32>(table + (<usize>i << 2), value)
  }
  ready = true
}

/** The CRC-32C of `lengthBytes` bytes at `start`. */
export function crc32c(start: usize, lengthBytes: u32): u32 {
  if (!ready) fillTable()
  let crc: u32 = 0xffff_ffff
  const end = start + lengthBytes
  for (let at = start; at < end; at++) crc = load<u32>(table + (<usize>((crc ^ load<u8>(at)) & 0xff) << 2)) ^ (crc >> 8)
  return ~crc
}
