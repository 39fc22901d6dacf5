// A new layer as an archive brings it: runs of whole clusters, front to back. It is written as an image of its own, so that a
// layer costs the same at the end of a long history as at its beginning.

import { BulkImage, CLUSTER_BYTES } from '../disk/bulk-image.ts'
import type { Backing } from '../disk/create.ts'
import type { Disk } from '../disk/disk.ts'
import type { LayerFile } from '../host.ts'

/** Where the runs of a layer go, in order; each is made of whole clusters but for the end of the disk. */
export interface LayerTarget {
  readonly sizeBytes: number
  write(offset: number, source: Uint8Array): Promise<void>
  /** Makes a range read as zeros, whatever lies below. */
  writeZeroes(offset: number, length: number): Promise<void>
}

export interface LayerImageOptions {
  readonly sizeBytes: number
  readonly backing: Backing | null
  /** Opens the disk that the layer stands on, or answers null where there is none. */
  readonly openBelow: () => Promise<Disk | null>
}

/** Makes a layer in the empty `file` of what `work` writes. Does not sync. */
export async function writeLayerImage(file: LayerFile, options: LayerImageOptions, work: (target: LayerTarget) => Promise<void>): Promise<void> {
  const { sizeBytes, backing, openBelow } = options
  const image = await BulkImage.begin(file, { sizeBytes, backing })
  await work({
    sizeBytes,
    async write(offset, source) {
      let run = 0
      let host = 0
      for (let at = 0; at < source.length; at += CLUSTER_BYTES) {
        const place = await image.place(offset + at)
        // Neighbours are neighbours in the file too, but for a table between them now and then.
        if (at > 0 && place === host + at - run) continue
        if (at > 0) await file.write(source.subarray(run, at), host)
        run = at
        host = place
      }
      await file.write(source.subarray(run), host)
    },
    async writeZeroes(offset, length) {
      const below = await openBelow()
      const end = Math.min(offset + length, below?.sizeBytes ?? 0)
      if (below === null || offset >= end) return
      // What reads as zeros anyway is not said: an archive could claim more of it than any disk has room for tables.
      let next = offset
      for await (const extent of below.extents(offset, end - offset)) {
        if (extent.kind === 'zero' || extent.kind === 'unallocated') continue
        const first = Math.max(next, extent.offset - (extent.offset % CLUSTER_BYTES))
        for (next = first; next < extent.offset + extent.length; next += CLUSTER_BYTES) await image.placeZeroes(next)
      }
    },
  })
  await image.end()
}
