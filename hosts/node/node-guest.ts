// The guest of this machine, as the public API takes it.

import { dirname, basename } from 'node:path'
import type { Guest, ImageSource } from '../../src/guest.ts'
import { createNodeFileSystem } from './fs.ts'
import { findGuest, type GuestImageFile } from './guest-assets.ts'

export async function findNodeGuest(): Promise<Guest> {
  const assets = await findGuest()
  const { directory, manifest, kernel, initrd, firmware } = assets
  return {
    files: { location: directory, kernel, initrd, firmware, commandLine: manifest.commandLine },
    references: [...manifest.images, ...manifest.recipes].map(({ reference }) => reference),
    image(reference) {
      const image = assets.image(reference)
      return image === null ? null : imageSource(image)
    },
  }
}

/** An image's file as the public API takes it. */
function imageSource({ reference, digest, sha256, bytes, path }: GuestImageFile): ImageSource {
  return { reference, digest, sha256, bytes, open: () => createNodeFileSystem(dirname(path)).open(basename(path), 'read') }
}
