// Defects of the tables, one each, for the image of plain-image.ts.

import type { Defect } from './defect.ts'
import { PLACE, type PlainImage } from './plain-image.ts'

const COPIED = 1n << 63n

/** 4097 zeros as raw deflate data. */
const deflatedZeros = [0xed, 0xc1, 1, 0x0d, 0, 0, 0, 0xc2, 0xa0, 0xf7, 0x4f, 0x6d, 0x0f, 7, 0x14, 0, 0, 0, 0x70, 0x6f]

export const entryDefects: Record<string, Defect> = {
  'an L1 entry with reserved bits': {
    make: (image) => image.u64(image.at('l1'), 0x4001n | COPIED),
    read: 'corrupt l1_entry',
    check: /L1 entry with reserved bits/,
  },
  'an L1 entry off a cluster boundary': {
    make: (image) => image.u64(image.at('l1'), 0x4200n | COPIED),
    read: 'corrupt l1_entry',
    check: /not a cluster's start/,
  },
  'an L1 entry behind the end of the file': {
    make: (image) => image.u64(image.at('l1'), (1n << 40n) | COPIED),
    read: 'corrupt l1_entry',
    check: /outside the file/,
  },
  'an L1 entry without COPIED': { make: (image) => image.u64(image.at('l1'), 0x4000n), check: /COPIED flag disagrees/ },
  'an L2 entry with reserved bits': {
    make: (image) => image.entry(0, 0x5002n | COPIED),
    read: 'corrupt l2_entry',
    check: /L2 entry with reserved bits/,
  },
  'an L2 entry off a cluster boundary': {
    make: (image) => image.entry(0, 0x5200n | COPIED),
    read: 'corrupt l2_entry',
    check: /not a cluster's start/,
  },
  'an L2 entry behind the end of the file': {
    make: (image) => image.entry(0, (1n << 50n) | COPIED),
    read: 'corrupt l2_entry',
    check: /outside the file/,
  },
  'two guest clusters on one host cluster': { make: (image) => image.entry(5, BigInt(image.at('dataA')) | COPIED), check: /refcount of 1, but 2/ },
  'COPIED where the refcount is not 1': {
    make: (image) => {
      image.entry(5, BigInt(image.at('dataA')) | COPIED)
      image.refcount(PLACE.dataA, 2)
    },
    check: /COPIED flag disagrees/,
  },
  'no COPIED where the refcount is 1': { make: (image) => image.entry(0, 0x5000n), check: /COPIED flag disagrees/ },
  'a used cluster with refcount 0': { make: (image) => image.refcount(PLACE.dataA, 0), check: /refcount of 0, but 1/ },
  'a saturated refcount': { make: (image) => image.refcount(PLACE.dataA, 0xffff), check: /COPIED flag disagrees/ },
  'compressed data behind the end of the file': {
    make: (image) => image.entry(3, image.compressedEntry(1 << 30, 100)),
    read: 'corrupt compressed_cluster',
    check: /outside the file|ends after the file/,
  },
  'compressed data across the end of the file': {
    make: (image) => image.entry(3, image.compressedEntry(image.bytes.length - 100, 2000)),
    check: /ends after the file/,
  },
  'a compressed cluster with COPIED': {
    make: (image) => image.entry(3, image.view().getBigUint64(image.entryAt(3)) | COPIED),
    read: 'corrupt l2_entry',
    check: /compressed cluster with the COPIED flag/,
  },
  'compressed data that is not deflate': {
    make: (image) => void image.bytes.fill(0xff, image.at('compressed'), image.at('compressed') + 10),
    read: 'corrupt compressed_cluster',
  },
  'compressed data that is short': {
    // A stored block of four bytes, and the end.
    make: (image) => image.bytes.set([1, 4, 0, 0xfb, 0xff, 1, 2, 3, 4], image.at('compressed')),
    read: 'corrupt compressed_cluster',
  },
  'compressed data that goes on after the cluster': {
    // 4097 zeros. QEMU reads the first 4096 of them, and so do we; it is not let in.
    make: (image) => image.bytes.set(deflatedZeros, image.at('compressed')),
    imported: 'corrupt compressed_cluster',
  },
  'the zero flag in version 2': { make: (image) => image.entry(2, 1n), options: { version: 2 }, read: 'corrupt l2_entry', check: /zero flag/ },
  'an allocated subcluster without a cluster': {
    make: (image) => image.entry(5, 0n, 1n),
    options: { extendedL2: true },
    read: 'corrupt subcluster_bitmap',
    check: /allocated subclusters and no cluster/,
  },
  'a subcluster both allocated and zero': {
    make: (image) => image.entry(0, BigInt(image.at('dataA')) | COPIED, (1n << 32n) | 1n),
    options: { extendedL2: true },
    read: 'corrupt subcluster_bitmap',
    check: /both allocated and zero/,
  },
  'a compressed cluster with subclusters': {
    make: (image) => image.u64(image.entryAt(3) + 8, 1n),
    options: { extendedL2: true },
    read: 'corrupt subcluster_bitmap',
    check: /compressed cluster with subclusters/,
  },
  'the zero flag with extended L2': {
    make: (image) => image.entry(5, 1n, 0n),
    options: { extendedL2: true },
    read: 'corrupt l2_entry',
    check: /zero flag/,
  },
}

const metadata = ['header', 'l1', 'reftable', 'refblock', 'l2', 'snapshots'] as const

export const refcountDefects: Record<string, Defect> = {
  ...Object.fromEntries(
    metadata.map((place) => [
      `an L2 entry that points at the ${place}`,
      { make: (image: PlainImage) => image.entry(5, BigInt(image.at(place)) | COPIED), ...(place === 'header' ? {} : { check: /refer to it/ }) },
    ]),
  ),
  ...Object.fromEntries(
    metadata.filter((place) => place !== 'header').map((place) => [
      `an L2 entry that points at the ${place}, with a refcount that agrees`,
      {
        make: (image: PlainImage) => {
          image.entry(5, BigInt(image.at(place)))
          image.refcount(PLACE[place], 2)
          if (place === 'l2') image.u64(image.at('l1'), BigInt(image.at('l2')))
        },
        check: /holds metadata|refer to/,
      },
    ]),
  ),
  'an L1 entry that points at the header': { make: (image) => image.u64(image.at('l1') + 8, COPIED), check: /refer to it/ },
  'an L1 entry that points at the refcount block': { make: (image) => image.u64(image.at('l1') + 8, 0x2000n | COPIED), check: /refer/ },
  'a refcount block off a cluster boundary': { make: (image) => image.u64(image.at('reftable'), 0x2200n), check: /not a cluster's start/ },
  'a refcount block with reserved bits': { make: (image) => image.u64(image.at('reftable'), 0x2001n), check: /reserved bits/ },
  'a refcount block behind the end of the file': { make: (image) => image.u64(image.at('reftable') + 8, 1n << 40n), check: /outside the file/ },
  'a refcount block at 2^63': { make: (image) => image.u64(image.at('reftable'), 1n << 63n), check: /cannot be read|outside the file/ },
  'a refcount block that is the refcount table': {
    make: (image) => image.u64(image.at('reftable') + 8, 0x1000n),
    check: /refcount block that 2 refer to/,
  },
  'one refcount block for two ranges': { make: (image) => image.u64(image.at('reftable') + 8, 0x2000n), check: /refcount block that 2 refer to/ },
}

export const snapshotDefects: Record<string, Defect> = {
  'a snapshot whose L1 table is off a cluster boundary': {
    make: (image) => image.u64(image.at('snapshots'), 0x9200n),
    check: /not at a cluster's start/,
  },
  'a snapshot whose L1 table is too large': { make: (image) => image.u32(image.at('snapshots') + 8, 0xffff_ffff), check: /too large/ },
  'a snapshot with too much extra data': { make: (image) => image.u32(image.at('snapshots') + 36, 1025), check: /corrupt snapshots_offset/ },
  'a snapshot with 2^32 - 1 bytes of extra data': {
    make: (image) => image.u32(image.at('snapshots') + 36, 0xffff_ffff),
    check: /corrupt snapshots_offset/,
  },
  'a snapshot without the extra data of version 3': { make: (image) => image.u32(image.at('snapshots') + 36, 8), check: /extra data that version 3/ },
  'a snapshot table that runs over the next cluster': {
    make: (image) => image.u32(image.at('snapshots') + 12, 0xffff_ffff),
    check: /refer to it|outside the file/,
  },
  'a snapshot L2 table that is the active one': { make: (image) => image.u64(image.at('snapshotL1'), 0x4000n), check: /refer to it/ },
  'a snapshot whose L1 table is the active one': { make: (image) => image.u64(image.at('snapshots'), 0x3000n), check: /refer to it/ },
}
