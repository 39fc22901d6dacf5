// The guest as the public API takes it: what a page's assets hold.

import type { Guest } from '../../src/guest.ts'
import type { AssetProgress, CallOptions } from '../../src/progress.ts'
import type { Assets } from './assets.ts'
import { blobFile } from './blob-file.ts'

/** Finds the guest, and fetches what a machine boots from. `signal` ends the downloads that nobody else waits for. */
export async function findBrowserGuest(assets: Assets, { signal, onProgress }: CallOptions<AssetProgress>): Promise<Guest> {
  const unlisten = onProgress === undefined ? null : assets.listen(onProgress)
  try {
    const { kernel, initrd, firmware, commandLine, images } = await assets.manifest()
    await Promise.all([kernel, initrd, firmware].map((file) => assets.read(file, signal)))
    const image = (reference: string): (typeof images)[number] | undefined => images.find((one) => one.reference === reference)
    return {
      files: { location: assets.location, kernel: kernel.file, initrd: initrd.file, firmware: firmware.file, commandLine },
      references: images.map(({ reference }) => reference),
      image(reference) {
        const found = image(reference)
        return found === undefined ? null : { ...found, open: async () => blobFile(await assets.read(found)) }
      },
    }
  } finally {
    unlisten?.()
  }
}
