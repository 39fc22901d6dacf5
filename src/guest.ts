// What boxes are started from: the guest's files and the images that come with them. A platform finds them.

import type { GuestFiles } from './engine.ts'
import type { GuestImage } from './guest-manifest.ts'
import type { LayerFile } from './host.ts'
import type { ImageOptions } from './images.ts'

/** The file of an image, a qcow2 without a backing file. */
export interface ImageSource extends Pick<GuestImage, 'reference' | 'digest' | 'sha256' | 'bytes'> {
  /** Opens it for reading. */
  open(): Promise<LayerFile>
}

export interface Guest {
  readonly files: GuestFiles
  /** The names of the images that are here, and of those that could be built here. */
  readonly references: readonly string[]
  /** An image that is here; null: it is not, or was not built yet. */
  image(reference: string): ImageSource | null
  /** Builds the image of one of its recipes; `not_found` where there is none of the name. Absent where nothing can be built. */
  readonly build?: (reference: string, options: ImageOptions) => Promise<ImageSource>
  /** Makes an image of a directory or a tar of this machine. */
  readonly import?: (reference: string, source: { readonly path: string }, options: ImageOptions) => Promise<ImageSource>
}
