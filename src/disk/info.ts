// What an image's header says. Nothing but the image is opened, whatever it names.

import type { LayerFile } from '../host.ts'
import { BackingName, HeaderFact } from './abi.ts'
import { readHeader } from './header.ts'

/** Who may follow a backing file name: the store `home` names, the disk tool also `plain` ones, nobody the rest. */
export type BackingNameKind = 'home' | 'plain' | 'absolute' | 'parent' | 'protocol' | 'backslash'

/** A backing file as the header names it. */
export interface ImageBacking {
  readonly name: string
  readonly kind: BackingNameKind
  /** The format that the header states; null where it states none. It is never probed. */
  readonly format: string | null
}

/** Every fact of a qcow2 header. Sizes and offsets are in bytes. */
export interface ImageInfo {
  readonly version: 2 | 3
  readonly virtualSizeBytes: number
  readonly clusterBytes: number
  readonly fileBytes: number
  readonly backing: ImageBacking | null
  /** The form that this package writes: version 3, 64 KiB clusters, 16-bit refcounts, standard L2, nothing unknown. */
  readonly ownForm: boolean
  readonly refcountBits: number
  readonly compression: 'deflate' | 'zstd'
  readonly extendedL2: boolean
  readonly lazyRefcounts: boolean
  /** The image was not closed; its refcounts may be wrong. */
  readonly dirty: boolean
  /** Some writer found the image damaged. */
  readonly corrupt: boolean
  readonly internalSnapshots: number
  readonly bitmaps: number
  /** Features outside this package's knowledge that do not hinder reading. */
  readonly unknownFeatures: boolean
  readonly l1: { readonly offset: number; readonly entries: number }
  readonly refcountTable: { readonly offset: number; readonly clusters: number }
}

const kinds: Readonly<Record<number, BackingNameKind>> = {
  [BackingName.HOME]: 'home',
  [BackingName.PLAIN]: 'plain',
  [BackingName.ABSOLUTE]: 'absolute',
  [BackingName.PARENT]: 'parent',
  [BackingName.PROTOCOL]: 'protocol',
  [BackingName.BACKSLASH]: 'backslash',
}

/**
 * Reads the header of a qcow2 image. Rejects with `corrupt`, `unsupported` or `limit` and the field in `facts.field`.
 * `image` is what to call the image in messages.
 */
export async function readImageInfo(file: LayerFile, image?: string): Promise<ImageInfo> {
  const header = await readHeader(file, image)
  const fact = (index: number): number => header.facts[index]!
  const kind = kinds[fact(HeaderFact.BACKING_NAME_KIND)]
  const format = header.backingFormat === '' ? null : header.backingFormat
  return {
    version: fact(HeaderFact.VERSION) === 2 ? 2 : 3,
    virtualSizeBytes: fact(HeaderFact.VIRTUAL_SIZE_BYTES),
    clusterBytes: 2 ** fact(HeaderFact.CLUSTER_BITS),
    fileBytes: await file.size(),
    backing: kind === undefined ? null : { name: header.backingName, kind, format },
    ownForm: fact(HeaderFact.OWN_FORM) === 1,
    refcountBits: 2 ** fact(HeaderFact.REFCOUNT_ORDER),
    compression: fact(HeaderFact.COMPRESSION_TYPE) === 1 ? 'zstd' : 'deflate',
    extendedL2: fact(HeaderFact.EXTENDED_L2) === 1,
    lazyRefcounts: fact(HeaderFact.LAZY_REFCOUNTS) === 1,
    dirty: fact(HeaderFact.DIRTY) === 1,
    corrupt: fact(HeaderFact.CORRUPT) === 1,
    internalSnapshots: fact(HeaderFact.SNAPSHOT_COUNT),
    bitmaps: fact(HeaderFact.BITMAP_COUNT),
    unknownFeatures: fact(HeaderFact.UNKNOWN_COMPATIBLE) + fact(HeaderFact.UNKNOWN_AUTOCLEAR) > 0,
    l1: { offset: fact(HeaderFact.L1_OFFSET), entries: fact(HeaderFact.L1_ENTRIES) },
    refcountTable: { offset: fact(HeaderFact.REFTABLE_OFFSET), clusters: fact(HeaderFact.REFTABLE_CLUSTERS) },
  }
}
