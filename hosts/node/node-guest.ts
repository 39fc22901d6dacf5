// The guest of this machine, as the public API takes it.

import { dirname, basename } from 'node:path'
import type { BoxHost } from '../../src/box-host.ts'
import type { Guest, ImageSource } from '../../src/guest.ts'
import { buildGuestImage } from './build-guest-image.ts'
import { createNodeFileSystem } from './fs.ts'
import { findGuest, type GuestImageFile } from './guest-assets.ts'
import { importImage } from './import-image.ts'

/** `host` is what boxes are made on in which images are made; `folder` is where the guest is, by default where it is found. */
export async function findNodeGuest(host: BoxHost, folder: string | undefined): Promise<Guest> {
  const assets = await findGuest(folder === undefined ? {} : { directory: folder })
  const { directory, manifest, kernel, initrd, firmware } = assets
  return {
    files: { location: directory, kernel, initrd, firmware, commandLine: manifest.commandLine },
    references: [...manifest.images, ...manifest.recipes].map(({ reference }) => reference),
    image(reference) {
      const image = assets.image(reference)
      return image === null ? null : imageSource(image)
    },
    build: async (reference, { signal, onProgress }) => {
      let done = 0
      const tell = (step: string): void => onProgress?.({ stage: 'build', step, doneSteps: done++, totalSteps: null })
      return imageSource(await buildGuestImage(assets, reference, { signal, onProgress: tell }))
    },
    import: (reference, source, options) => importImage(host, assets, reference, source, options),
  }
}

/** An image's file as the public API takes it. */
function imageSource({ reference, digest, sha256, bytes, path }: GuestImageFile): ImageSource {
  return { reference, digest, sha256, bytes, open: () => createNodeFileSystem(dirname(path)).open(basename(path), 'read') }
}
