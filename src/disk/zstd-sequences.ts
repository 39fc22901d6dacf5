// How much the compressed blocks of a Zstandard frame make (RFC 8878, 3.1.1.3), found by reading the lengths in their
// sequences and nothing else. The decoder copies whatever the sequences say, a hundred thousand times 128 KiB for a
// block of ten bytes; so a block is measured before it sees it.

/** A decoding table for one kind of code, by state: its code, the bits to the next state, and where those count from. */
interface StateTable {
  readonly log: number
  readonly codes: Uint8Array
  readonly bits: Uint8Array
  readonly bases: Uint16Array
}

/** What a sequence code adds: this, and a number of this many bits. */
type Values = readonly (readonly [base: number, bits: number])[]

/** Largest size that a block may make (RFC 8878, 3.1.1.2.4). */
export const ZSTD_BLOCK_LIMIT_BYTES = 128 << 10

function values(first: number, ...runs: readonly (readonly [count: number, bits: number])[]): Values {
  const list: [number, number][] = []
  let base = first
  for (const [count, bits] of runs) {
    for (let i = 0; i < count; i++, base += 2 ** bits) list.push([base, bits])
  }
  return list
}

// Tables 16 and 17 of the RFC.
const LONG_BITS = [7, 8, 9, 10, 11, 12, 13, 14, 15, 16].map((bits) => [1, bits] as const)
const LITERAL_VALUES = values(0, [16, 0], [4, 1], [2, 2], [2, 3], [1, 4], [1, 6], ...LONG_BITS)
const MATCH_VALUES = values(3, [32, 0], [4, 1], [2, 2], [2, 3], [2, 4], [1, 5], ...LONG_BITS)
const OFFSET_CODES = 32

// The default distributions (RFC 8878, 3.1.1.3.2.2); -1 is a probability of less than one.
const literalDefault = [4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1]
const matchDefault = [1, 4, 3, 2, 2, 2, 2, 2, 2, ...Array.from({ length: 37 }, () => 1), -1, -1, -1, -1, -1, -1, -1]
const offsetDefault = [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1]

interface Kind {
  readonly codes: number
  readonly logLimit: number
  readonly preset: StateTable
}

const LITERALS: Kind = { codes: LITERAL_VALUES.length, logLimit: 9, preset: buildTable(literalDefault, 6) }
const OFFSETS: Kind = { codes: OFFSET_CODES, logLimit: 8, preset: buildTable(offsetDefault, 5) }
const MATCHES: Kind = { codes: MATCH_VALUES.length, logLimit: 9, preset: buildTable(matchDefault, 6) }

/** Measures the blocks of one frame in their order; a block may use the tables of the one before. */
export class SequenceMeter {
  #tables: (StateTable | undefined)[] = []

  /** The bytes that the compressed block makes, or -1 when it is damaged or would make more than a block may. */
  measure(block: Uint8Array): number {
    const literals = literalsOf(block)
    if (literals === null || literals.end >= block.length) return -1
    let at = literals.end
    let count = block[at++]!
    if (count === 0) return at === block.length ? literals.bytes : -1
    if (count === 255) count = (block[at++] ?? 0) + ((block[at++] ?? 0) << 8) + 0x7f00
    else if (count > 127) count = ((count - 128) << 8) + (block[at++] ?? 0)
    const modes = block[at++] ?? 3
    if ((modes & 3) !== 0) return -1
    for (const [index, kind] of [LITERALS, OFFSETS, MATCHES].entries()) {
      const read = readTable(block, at, (modes >> (6 - index * 2)) & 3, kind, this.#tables[index])
      if (read === null) return -1
      this.#tables[index] = read.table
      at = read.end
    }
    return sum(block.subarray(at), count, literals.bytes, this.#tables as StateTable[])
  }
}

/** The size of the block's literals, and where their section ends. */
function literalsOf(block: Uint8Array): { readonly bytes: number; readonly end: number } | null {
  const byte = (at: number): number => block[at] ?? 0
  const type = byte(0) & 3
  const format = (byte(0) >> 2) & 3
  let bytes: number
  let end: number
  if (type < 2) {
    const headerBytes = (format & 1) === 0 ? 1 : format === 1 ? 2 : 3
    bytes = headerBytes === 1 ? byte(0) >> 3 : (byte(0) | (byte(1) << 8) | (headerBytes === 3 ? byte(2) << 16 : 0)) >> 4
    end = headerBytes + (type === 0 ? bytes : 1)
  } else {
    const width = format < 2 ? 10 : format === 2 ? 14 : 18
    const headerBytes = format < 2 ? 3 : format + 2
    let value = byte(0) >> 4
    for (let i = 1; i < headerBytes; i++) value += byte(i) * 2 ** (i * 8 - 4)
    bytes = value % 2 ** width
    end = headerBytes + Math.floor(value / 2 ** width)
  }
  return bytes > ZSTD_BLOCK_LIMIT_BYTES ? null : { bytes, end }
}

function readTable(
  block: Uint8Array,
  at: number,
  mode: number,
  kind: Kind,
  last: StateTable | undefined,
): { readonly table: StateTable; readonly end: number } | null {
  if (mode === 0) return { table: kind.preset, end: at }
  if (mode === 3) return last === undefined ? null : { table: last, end: at }
  if (mode === 2) return readDistribution(block, at, kind)
  const code = block[at]
  if (code === undefined || code >= kind.codes) return null
  return { table: { log: 0, codes: Uint8Array.of(code), bits: Uint8Array.of(0), bases: Uint16Array.of(0) }, end: at + 1 }
}

/** Reads the description of a table (RFC 8878, 4.1.1). */
function readDistribution(block: Uint8Array, start: number, kind: Kind): { readonly table: StateTable; readonly end: number } | null {
  let bit = start * 8
  const take = (count: number): number => {
    const at = bit >> 3
    bit += count
    return (((block[at] ?? 0) | ((block[at + 1] ?? 0) << 8) | ((block[at + 2] ?? 0) << 16)) >> ((bit - count) & 7)) & ((1 << count) - 1)
  }
  const log = take(4) + 5
  if (log > kind.logLimit) return null
  const counts: number[] = []
  let left = (1 << log) + 1
  while (left > 1 && counts.length < kind.codes) {
    const width = 32 - Math.clz32(left)
    const spare = (1 << width) - 1 - left
    let value = take(width - 1)
    // Small values are a bit shorter.
    if (value >= spare) {
      value |= take(1) << (width - 1)
      if (value >= 1 << (width - 1)) value -= spare
    }
    const probability = value - 1
    counts.push(probability)
    left -= Math.abs(probability)
    for (let run = 3; probability === 0 && run === 3; ) {
      run = take(2)
      for (let i = 0; i < run; i++) counts.push(0)
    }
  }
  const end = (bit + 7) >> 3
  return left !== 1 || counts.length > kind.codes || end > block.length ? null : { table: buildTable(counts, log), end }
}

/** Spreads the codes over the states (RFC 8878, 4.1.1, "From normalized distribution to decoding tables"). */
function buildTable(counts: readonly number[], log: number): StateTable {
  const size = 1 << log
  const codes = new Uint8Array(size)
  let high = size
  for (const [code, count] of counts.entries()) if (count === -1) codes[--high] = code
  const step = (size >> 1) + (size >> 3) + 3
  let position = 0
  for (const [code, count] of counts.entries()) {
    for (let i = 0; i < count; i++) {
      codes[position] = code
      do position = (position + step) & (size - 1)
      while (position >= high)
    }
  }
  const next = counts.map((count) => Math.abs(count))
  const bits = new Uint8Array(size)
  const bases = new Uint16Array(size)
  for (let state = 0; state < size; state++) {
    const value = next[codes[state]!]!++
    bits[state] = log - (31 - Math.clz32(value))
    bases[state] = (value << bits[state]!) - size
  }
  return { log, codes, bits, bases }
}

/** Walks `count` sequences from the end of their bits to the start; the bytes that they and the literals make, or -1. */
function sum(stream: Uint8Array, count: number, literalBytes: number, [literals, offsets, matches]: readonly StateTable[]): number {
  const lastByte = stream[stream.length - 1]
  if (lastByte === undefined || lastByte === 0) return -1
  let bit = stream.length * 8 - 8 + (31 - Math.clz32(lastByte))
  const take = (width: number): number => {
    bit -= width
    const at = bit >> 3
    return (((stream[at] ?? 0) | ((stream[at + 1] ?? 0) << 8) | ((stream[at + 2] ?? 0) << 16)) >> (bit & 7)) & ((1 << width) - 1)
  }
  let literalState = take(literals!.log)
  let offsetState = take(offsets!.log)
  let matchState = take(matches!.log)
  let copied = 0
  let used = 0
  for (let i = 0; i < count; i++) {
    // Where a match is copied from is of no interest.
    bit -= offsets!.codes[offsetState]!
    const [matchBase, matchBits] = MATCH_VALUES[matches!.codes[matchState]!]!
    copied += matchBase + take(matchBits)
    const [literalBase, literalBits] = LITERAL_VALUES[literals!.codes[literalState]!]!
    used += literalBase + take(literalBits)
    if (bit < 0 || used > literalBytes || literalBytes + copied > ZSTD_BLOCK_LIMIT_BYTES) return -1
    if (i === count - 1) break
    literalState = literals!.bases[literalState]! + take(literals!.bits[literalState]!)
    matchState = matches!.bases[matchState]! + take(matches!.bits[matchState]!)
    offsetState = offsets!.bases[offsetState]! + take(offsets!.bits[offsetState]!)
  }
  return bit < 0 ? -1 : literalBytes + copied
}
