// The core's memory: one bump arena that a task fills and `reset` empties, and the exchange
// buffer through which bytes come in and go out. Nothing here is ever freed one by one: an
// instance does one task (an operation, an open disk, a check) and is then reset or dropped.

import { EXCHANGE_MIN_BYTES, MEMORY_LIMIT_BYTES } from './limits'

let arenaTop: usize = __heap_base
let exchangeStart: usize = 0
let exchangeBytes: u32 = 0

/** Forgets everything that was allocated, the exchange buffer included. */
export function resetMemory(): void {
  arenaTop = __heap_base
  exchangeStart = 0
  exchangeBytes = 0
}

/** Takes `bytes` zeroed bytes, 16-aligned, from the arena; 0 when the limit or the host's memory is reached. */
export function allocate(bytes: u32): usize {
  const start = (arenaTop + 15) & ~15
  const end = <u64>start + <u64>bytes
  if (end > <u64>MEMORY_LIMIT_BYTES) return 0
  const haveBytes = <u64>memory.size() << 16
  if (end > haveBytes) {
    const wantPages = <i32>((end - haveBytes + 0xffff) >> 16)
    if (memory.grow(wantPages) < 0) return 0
  }
  arenaTop = <usize>end
  memory.fill(start, 0, bytes)
  return start
}

/** The exchange buffer, at least `bytes` long; 0 when the limit is reached. Growing it moves it. */
export function ensureExchange(bytes: u32): usize {
  if (exchangeStart != 0 && bytes <= exchangeBytes) return exchangeStart
  const want = max<u32>(bytes, EXCHANGE_MIN_BYTES)
  const start = allocate(want)
  if (start == 0) return 0
  exchangeStart = start
  exchangeBytes = want
  return start
}
