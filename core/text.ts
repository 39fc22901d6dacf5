// Bytes as text: comparing, hex digits, and the literals of this program. A literal is static data in
// UTF-16; only ASCII is used, and nothing is allocated for it.

/** How many characters a literal has. */
export function literalLength(literal: string): u32 {
  // The size in bytes stands right before the characters (AssemblyScript's object header, rtSize).
  return load<u32>(changetype<usize>(literal) - 4) >> 1
}

/** Whether the bytes at `start` are those of `literal`, no more and no fewer. */
export function isLiteral(start: usize, lengthBytes: u32, literal: string): bool {
  if (lengthBytes != literalLength(literal)) return false
  return startsWith(start, lengthBytes, literal)
}

/** Whether the bytes at `start` begin with `literal`. */
export function startsWith(start: usize, lengthBytes: u32, literal: string): bool {
  const length = literalLength(literal)
  if (lengthBytes < length) return false
  const characters = changetype<usize>(literal)
  for (let i: u32 = 0; i < length; i++) {
    if (<u16>load<u8>(start + i) != load<u16>(characters + (<usize>i << 1))) return false
  }
  return true
}

/** Whether two runs of bytes are equal. */
export function sameBytes(a: usize, aBytes: u32, b: usize, bBytes: u32): bool {
  return aBytes == bBytes && (a == b || memory.compare(a, b, aBytes) == 0)
}

/** The value of a lower-case hex digit, or -1. */
export function hexDigit(code: u32): i32 {
  if (code >= 0x30 && code <= 0x39) return <i32>(code - 0x30)
  if (code >= 0x61 && code <= 0x66) return <i32>(code - 0x61 + 10)
  return -1
}

/** Whether all `lengthBytes` bytes are lower-case hex digits. */
export function isHex(start: usize, lengthBytes: u32): bool {
  const end = start + lengthBytes
  for (let at = start; at < end; at++) {
    const code = <u32>load<u8>(at)
    if (code - 0x30 > 9 && code - 0x61 > 5) return false
  }
  return true
}
