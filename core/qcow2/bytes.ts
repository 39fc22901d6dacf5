// Big-endian numbers, as qcow2 has them.

export function be16(at: usize): u32 {
  return <u32>bswap<u16>(load<u16>(at))
}

export function be32(at: usize): u32 {
  return bswap<u32>(load<u32>(at))
}

export function be64(at: usize): u64 {
  return bswap<u64>(load<u64>(at))
}

export function put16(at: usize, value: u32): void {
  store<u16>(at, bswap<u16>(<u16>value))
}

export function put32(at: usize, value: u32): void {
  store<u32>(at, bswap<u32>(value))
}

export function put64(at: usize, value: u64): void {
  store<u64>(at, bswap<u64>(value))
}
