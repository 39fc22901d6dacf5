// SHA-256 (FIPS 180-4), fed in slices. The platforms' own is either not incremental (Web Crypto) or
// not portable (node:crypto); this one is the same everywhere. One digest at a time.

import { allocate, ensureExchange } from './memory'

const BLOCK_BYTES: u32 = 64
const DIGEST_BYTES: u32 = 32

const K = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
  0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
  0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
  0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
  0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
  0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
])

@unmanaged
class Sha256 {
  h0: u32
  h1: u32
  h2: u32
  h3: u32
  h4: u32
  h5: u32
  h6: u32
  h7: u32
  /** Bytes taken so far. */
  totalBytes: u64
  /** Where the block that is not full yet is kept, and the 64 words of the message schedule. */
  block: usize
  schedule: usize
}

let state: usize = 0

/** Forgets the digest. */
export function resetSha256(): void {
  state = 0
}

/** Begins a digest; 0, or 1 when the memory limit is reached. */
export function sha256Begin(): i32 {
  const start = allocate(offsetof<Sha256>())
  const block = allocate(BLOCK_BYTES)
  const schedule = allocate(64 * sizeof<u32>())
  if (start == 0 || block == 0 || schedule == 0) return 1
  const s = changetype<Sha256>(start)
  s.h0 = 0x6a09e667
  s.h1 = 0xbb67ae85
  s.h2 = 0x3c6ef372
  s.h3 = 0xa54ff53a
  s.h4 = 0x510e527f
  s.h5 = 0x9b05688c
  s.h6 = 0x1f83d9ab
  s.h7 = 0x5be0cd19
  s.totalBytes = 0
  s.block = block
  s.schedule = schedule
  state = start
  return 0
}

/** Takes the first `lengthBytes` of the exchange buffer into the digest; nothing where none was begun. */
export function sha256Update(lengthBytes: u32): void {
  if (state == 0) return
  absorb(changetype<Sha256>(state), ensureExchange(lengthBytes), lengthBytes)
}

/** Ends the digest and puts its 32 bytes at the start of the exchange buffer, whose place it returns; 0 where none was begun. */
export function sha256End(): usize {
  if (state == 0) return 0
  const s = changetype<Sha256>(state)
  const totalBits = s.totalBytes << 3
  const used = <u32>s.totalBytes % BLOCK_BYTES
  store<u8>(s.block + used, 0x80)
  memory.fill(s.block + used + 1, 0, BLOCK_BYTES - used - 1)
  if (used >= BLOCK_BYTES - 8) {
    compress(s, s.block)
    memory.fill(s.block, 0, BLOCK_BYTES)
  }
  store<u64>(s.block + BLOCK_BYTES - 8, bswap<u64>(totalBits))
  compress(s, s.block)
  const out = ensureExchange(DIGEST_BYTES)
  for (let i: u32 = 0; i < DIGEST_BYTES; i += 4) store<u32>(out + i, bswap<u32>(load<u32>(state + i)))
  return out
}

function absorb(s: Sha256, start: usize, lengthBytes: u32): void {
  const end = start + lengthBytes
  const used = <u32>s.totalBytes % BLOCK_BYTES
  s.totalBytes += lengthBytes
  let at = start
  if (used > 0) {
    const take = min<u32>(BLOCK_BYTES - used, lengthBytes)
    memory.copy(s.block + used, at, take)
    at += take
    if (used + take < BLOCK_BYTES) return
    compress(s, s.block)
  }
  for (; at + BLOCK_BYTES <= end; at += BLOCK_BYTES) compress(s, at)
  memory.copy(s.block, at, end - at)
}

function compress(s: Sha256, at: usize): void {
  const w = s.schedule
  for (let i: usize = 0; i < 64; i += 4) store<u32>(w + i, bswap<u32>(load<u32>(at + i)))
  for (let i: usize = 64; i < 256; i += 4) {
    const w15 = load<u32>(w + i - 60)
    const w2 = load<u32>(w + i - 8)
    const s0 = rotr<u32>(w15, 7) ^ rotr<u32>(w15, 18) ^ (w15 >>> 3)
    const s1 = rotr<u32>(w2, 17) ^ rotr<u32>(w2, 19) ^ (w2 >>> 10)
    store<u32>(w + i, load<u32>(w + i - 64) + s0 + load<u32>(w + i - 28) + s1)
  }
  let a = s.h0
  let b = s.h1
  let c = s.h2
  let d = s.h3
  let e = s.h4
  let f = s.h5
  let g = s.h6
  let h = s.h7
  for (let i: usize = 0; i < 256; i += 4) {
    const s1 = rotr<u32>(e, 6) ^ rotr<u32>(e, 11) ^ rotr<u32>(e, 25)
    const t1 = h + s1 + (g ^ (e & (f ^ g))) + load<u32>(K + i) + load<u32>(w + i)
    const s0 = rotr<u32>(a, 2) ^ rotr<u32>(a, 13) ^ rotr<u32>(a, 22)
    const t2 = s0 + ((a & b) | (c & (a | b)))
    h = g
    g = f
    f = e
    e = d + t1
    d = c
    c = b
    b = a
    a = t1 + t2
  }
  s.h0 += a
  s.h1 += b
  s.h2 += c
  s.h3 += d
  s.h4 += e
  s.h5 += f
  s.h6 += g
  s.h7 += h
}
