// Defects, one each, for the image of plain-image.ts, and who refuses them how.

import { PLACE, type PlainImage, type PlainOptions } from './plain-image.ts'

const COPIED = 1n << 63n

/** A defect: how it is made, and who refuses it how. `open` refusals are refusals of the check, too. */
export interface Defect {
  readonly make: (image: PlainImage) => void
  readonly options?: PlainOptions
  readonly open?: string
  readonly read?: string
  readonly check?: RegExp
  readonly imported?: string
}

const offsets: Readonly<Record<string, number>> = { l1_table_offset: 40, refcount_table_offset: 48, snapshots_offset: 64 }

const headerDefects: Record<string, Defect> = {
  'wrong magic': { make: (image) => image.u32(0, 0x514649fa), open: 'corrupt magic' },
  'version 0': { make: (image) => image.u32(4, 0), open: 'unsupported version' },
  'version 1': { make: (image) => image.u32(4, 1), open: 'unsupported version' },
  'version 4': { make: (image) => image.u32(4, 4), open: 'unsupported version' },
  ...Object.fromEntries(
    [0, 8, 22, 31, 32, 63, 64, 2 ** 32 - 1].map((bits) => [
      `cluster_bits ${bits}`,
      { make: (image: PlainImage) => image.u32(20, bits), open: 'corrupt cluster_bits' },
    ]),
  ),
  'a size of 2^63': { make: (image) => image.u64(24, 1n << 63n), open: 'corrupt virtual_size' },
  'a size of 2^64 - 512': { make: (image) => image.u64(24, (1n << 64n) - 512n), open: 'corrupt virtual_size' },
  'a size that is no multiple of 512': { make: (image) => image.u64(24, 4097n), open: 'corrupt virtual_size' },
  'AES encryption': { make: (image) => image.u32(32, 1), open: 'unsupported crypt_method' },
  'LUKS encryption': { make: (image) => image.u32(32, 2), open: 'unsupported crypt_method' },
  'an L1 table of no entries': { make: (image) => image.u32(36, 0), open: 'corrupt l1_size' },
  'an L1 table that is too small': { make: (image) => image.u32(36, 1), open: 'corrupt l1_size' },
  'an L1 table over 32 MiB': { make: (image) => image.u32(36, 4_194_305), open: 'limit l1_size' },
  'a refcount table of no clusters': { make: (image) => image.u32(56, 0), open: 'corrupt refcount_table_clusters' },
  'a refcount table over 8 MiB': { make: (image) => image.u32(56, 2049), open: 'limit refcount_table_clusters' },
  'too many snapshots': { make: (image) => image.u32(60, 65537), open: 'limit snapshot_count' },
  'snapshots at offset 0': { make: (image) => image.u64(64, 0n), open: 'corrupt snapshots_offset' },
  ...Object.fromEntries(
    Object.entries(offsets).flatMap(([field, at]) => {
      const places: Record<string, bigint> = {
        'off a cluster boundary': 0x3200n,
        negative: 1n << 63n,
        'overflowing with its length': (1n << 64n) - 4096n,
        'behind the end of the file': 1n << 40n,
        'on the header': 0n,
      }
      return Object.entries(places).map(([how, place]) => [
        `${field} ${how}`,
        { make: (image: PlainImage) => image.u64(at, place), open: `corrupt ${field}` },
      ])
    }),
  ),
  'the L1 table on the refcount table': { make: (image) => image.u64(40, BigInt(image.at('reftable'))), open: 'corrupt l1_table_offset' },
  'the snapshot table on the L1 table': { make: (image) => image.u64(64, BigInt(image.at('l1'))), open: 'corrupt snapshots_offset' },
  'the snapshot table on the refcount table': { make: (image) => image.u64(64, BigInt(image.at('reftable'))), open: 'corrupt snapshots_offset' },
  'the corrupt bit': { make: (image) => image.u64(72, 2n), imported: 'corrupt incompatible_features' },
  'the dirty bit': { make: (image) => image.u64(72, 1n), imported: 'corrupt incompatible_features' },
  'an external data file': { make: (image) => image.u64(72, 4n), open: 'unsupported data_file' },
  'an unknown incompatible feature': { make: (image) => image.u64(72, 1n << 5n), open: 'unsupported incompatible_features' },
  'the last incompatible feature': { make: (image) => image.u64(72, 1n << 63n), open: 'unsupported incompatible_features' },
  'extended L2 with small clusters': { make: (image) => image.u64(72, 16n), open: 'corrupt cluster_bits' },
  'a compression bit without its type': { make: (image) => image.u64(72, 8n), open: 'corrupt compression_type' },
  'a compression type without its bit': { make: (image) => (image.bytes[104] = 1), open: 'corrupt compression_type' },
  'an unknown compression type': {
    make: (image) => {
      image.u64(72, 8n)
      image.bytes[104] = 2
    },
    open: 'unsupported compression_type',
  },
  'refcounts of 128 bits': { make: (image) => image.u32(96, 7), open: 'corrupt refcount_order' },
  'refcounts of 2^32 - 1 as order': { make: (image) => image.u32(96, 0xffff_ffff), open: 'corrupt refcount_order' },
  'a header of 103 bytes': { make: (image) => image.u32(100, 103), open: 'corrupt header_length' },
  'a header of 105 bytes': { make: (image) => image.u32(100, 105), open: 'corrupt header_length' },
  'a header of 108 bytes': { make: (image) => image.u32(100, 108), open: 'corrupt header_length' },
  'a header longer than a cluster': { make: (image) => image.u32(100, 4104), open: 'corrupt header_length' },
  'a header of 2^32 - 8 bytes': { make: (image) => image.u32(100, 0xffff_fff8), open: 'corrupt header_length' },
}

const extensionDefects: Record<string, Defect> = {
  'an extension longer than the cluster': {
    make: (image) => {
      image.u32(112, 0x12345678)
      image.u32(116, 0xffff_ffff)
    },
    open: 'corrupt extension_length',
  },
  'extensions without an end': {
    make: (image) => void image.extension(112, 0x12345678, new Uint8Array(4096 - 120)),
    open: 'corrupt extension',
  },
  'the same extension twice': {
    make: (image) => void image.extension(image.extension(112, 0x12345678, new Uint8Array(8)), 0x12345678, new Uint8Array(8)),
    open: 'corrupt extension',
  },
  'a backing format twice': {
    make: (image) => void image.extension(image.extension(112, 0xe2792aca, Uint8Array.of(114, 97, 119)), 0xe2792aca, Uint8Array.of(114, 97, 119)),
    open: 'corrupt extension',
  },
  'a name of a data file': { make: (image) => void image.extension(112, 0x44415441, Uint8Array.of(47, 120)), open: 'unsupported data_file' },
  'a pointer to a LUKS header': { make: (image) => void image.extension(112, 0x0537be77, new Uint8Array(16)), open: 'unsupported crypt_method' },
  'a backing format of no text': { make: (image) => void image.extension(112, 0xe2792aca, Uint8Array.of(0, 1)), open: 'corrupt backing_format' },
  'a backing format that is too long': {
    make: (image) => void image.extension(112, 0xe2792aca, new Uint8Array(16).fill(97)),
    open: 'corrupt backing_format',
  },
  'bitmaps with a wrong length': {
    make: (image) => {
      image.u64(88, 1n)
      image.extension(112, 0x23852875, new Uint8Array(16))
    },
    open: 'corrupt extension_length',
  },
  'bitmaps behind the end of the file': {
    make: (image) => {
      image.u64(88, 1n)
      image.extension(112, 0x23852875, Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0, 1, 0, 0, 0, 0))
    },
    open: 'corrupt bitmaps',
  },
  'a bitmap directory on the header': {
    make: (image) => {
      image.u64(88, 1n)
      image.extension(112, 0x23852875, Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0))
    },
    open: 'corrupt bitmaps',
  },
  'a bitmap directory that is none': {
    make: (image) => {
      image.u64(88, 1n)
      image.extension(112, 0x23852875, Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0x50, 0))
    },
    check: /corrupt bitmaps/,
  },
}

/** 4097 zeros as raw deflate data. */
const deflatedZeros = [0xed, 0xc1, 1, 0x0d, 0, 0, 0, 0xc2, 0xa0, 0xf7, 0x4f, 0x6d, 0x0f, 7, 0x14, 0, 0, 0, 0x70, 0x6f]

const entryDefects: Record<string, Defect> = {
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

const refcountDefects: Record<string, Defect> = {
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

const snapshotDefects: Record<string, Defect> = {
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

/** Every defect by its name. */
export const defects: Readonly<Record<string, Defect>> = {
  ...headerDefects,
  ...extensionDefects,
  ...entryDefects,
  ...refcountDefects,
  ...snapshotDefects,
}
