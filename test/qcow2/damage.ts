// Damage for whole images: fields of the tables changed to values that matter.

import fc from 'fast-check'

/** Where the tables of an image are. */
export interface ImageMap {
  readonly clusterBytes: number
  readonly fileBytes: number
  readonly refcountBits: number
  /** Offsets of the non-zero entries of the tables, and of some that are zero. */
  readonly l1: readonly number[]
  readonly l2: readonly number[]
  readonly reftable: readonly number[]
  readonly refblocks: readonly number[]
  readonly others: readonly number[]
}

/** One change of an image, and what it is in words. */
export interface Change {
  readonly text: string
  apply(whole: Uint8Array): Uint8Array<ArrayBuffer>
}

const OFFSET_MASK = 0x00ff_ffff_ffff_fe00n

/** Finds the tables of a whole image. */
export function imageMap(bytes: Uint8Array): ImageMap {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const u64 = (at: number): bigint => (at + 8 <= bytes.length ? view.getBigUint64(at) : 0n)
  const clusterBytes = 2 ** view.getUint32(20)
  const version = view.getUint32(4)
  const extended = version === 3 && (u64(72) & 16n) !== 0n
  const entries = (offset: number, length: number, step: number): number[] => {
    const all = Array.from({ length: Math.floor(length / step) }, (_, i) => offset + i * step).filter((at) => at + 8 <= bytes.length)
    const used = all.filter((at) => u64(at) !== 0n)
    return [...used.slice(0, 64), ...used.slice(-16), ...all.filter((at) => u64(at) === 0n).slice(0, 3)]
  }
  const l1 = entries(Number(u64(40)), view.getUint32(36) * 8, 8)
  const l2 = l1.flatMap((at) => {
    const offset = Number(u64(at) & OFFSET_MASK)
    return offset === 0 ? [] : entries(offset, clusterBytes, extended ? 16 : 8)
  })
  const reftable = entries(Number(u64(48)), view.getUint32(56) * clusterBytes, 8)
  const refblocks = reftable.flatMap((at) => {
    const offset = Number(u64(at) & OFFSET_MASK)
    return offset === 0 ? [] : entries(offset, clusterBytes, 8)
  })
  const snapshots = view.getUint32(60) === 0 ? [] : Array.from({ length: 24 }, (_, i) => Number(u64(64)) + i * 8)
  const bitmaps: number[] = []
  if (version === 3 && (u64(88) & 1n) !== 0n) {
    for (let at = view.getUint32(100); at < 512 && view.getUint32(at) !== 0; at += 8 + ((view.getUint32(at + 4) + 7) & ~7)) {
      if (view.getUint32(at) !== 0x23852875) continue
      const directory = Number(u64(at + 24))
      bitmaps.push(directory, directory + 8, Number(u64(directory)))
    }
  }
  return {
    clusterBytes,
    fileBytes: bytes.length,
    refcountBits: version === 2 ? 16 : 2 ** view.getUint32(96),
    l1,
    l2: extended ? l2.flatMap((at) => [at, at + 8]) : l2,
    reftable,
    refblocks,
    others: [...snapshots, ...bitmaps].filter((at) => at + 8 <= bytes.length),
  }
}

/** A few changes of the tables' entries, a truncation, or an extension. */
export function damage(map: ImageMap): fc.Arbitrary<Change> {
  const places = [map.l1, map.l2, map.l2, map.reftable, map.refblocks, map.refblocks, map.others].filter((list) => list.length > 0)
  const place = fc.constantFrom(...places).chain((list) => fc.constantFrom(...list))
  const changes = fc.array(fc.record({ at: place, how: how(map) }), { minLength: 1, maxLength: 3 })
  const length = fc.oneof(
    { weight: 8, arbitrary: fc.constant(map.fileBytes) },
    { weight: 1, arbitrary: fc.integer({ min: Math.floor(map.fileBytes / 2), max: map.fileBytes + 3 * map.clusterBytes }) },
  )
  return fc.tuple(changes, length).map(([list, fileBytes]) => ({
    text: `${list.map(({ at, how }) => `0x${at.toString(16)}: ${how.text}`).join(', ')}, ${fileBytes} of ${map.fileBytes} bytes`,
    apply(whole) {
      const bytes = new Uint8Array(Math.max(whole.length, fileBytes))
      bytes.set(whole)
      const view = new DataView(bytes.buffer)
      for (const { at, how } of list) view.setBigUint64(at, how.change(view.getBigUint64(at), view))
      return bytes.slice(0, fileBytes)
    },
  }))
}

interface How {
  readonly text: string
  change(value: bigint, view: DataView): bigint
}

function how(map: ImageMap): fc.Arbitrary<How> {
  const cluster = BigInt(map.clusterBytes)
  const places = fc.oneof(fc.constantFrom(0n, BigInt(map.fileBytes)), fc.bigInt(0n, BigInt(map.fileBytes) / cluster + 2n).map((n) => n * cluster))
  return fc.oneof(
    fc.bigInt(0n, 63n).map((bit) => ({ text: `bit ${bit} flipped`, change: (value: bigint) => value ^ (1n << bit) })),
    fc.constantFrom(1n << 63n, 1n << 62n, 1n).map((bits) => ({
      text: `bits 0x${bits.toString(16)} flipped`,
      change: (value: bigint) => value ^ bits,
    })),
    places.map((offset) => ({
      text: `points to 0x${offset.toString(16)}`,
      change: (value: bigint) => (value & ~OFFSET_MASK) | (offset & OFFSET_MASK),
    })),
    places.map((offset) => ({
      text: `points to 0x${offset.toString(16)} and a sector`,
      change: (value: bigint) => (value & ~OFFSET_MASK) | ((offset + 512n) & OFFSET_MASK),
    })),
    fc.constant({ text: 'cleared', change: () => 0n }),
    fc.constantFrom(...map.l1, ...map.l2, ...map.refblocks).map((from) => ({
      text: `copied from 0x${from.toString(16)}`,
      change: (_: bigint, view: DataView) => view.getBigUint64(from),
    })),
    fc.bigInt(0n, (1n << 64n) - 1n).map((value) => ({ text: `0x${value.toString(16)}`, change: () => value })),
  )
}
