// Defects of the header and its extensions, one each, for the image of plain-image.ts.

import type { Defect } from './defect.ts'
import type { PlainImage } from './plain-image.ts'

const offsets: Readonly<Record<string, number>> = { l1_table_offset: 40, refcount_table_offset: 48, snapshots_offset: 64 }

export const headerDefects: Record<string, Defect> = {
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

export const extensionDefects: Record<string, Defect> = {
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
