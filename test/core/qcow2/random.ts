// A small seeded generator, so that a failing test can be repeated: mulberry32.

export function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Bytes that are not zero, so that they differ from what was never written. */
export function noise(random: (below: number) => number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  const first = random(255)
  for (let i = 0; i < length; i++) bytes[i] = 1 + ((first + i * 7 + (i >> 9)) % 255)
  return bytes
}
