// Whether a disk can be a guest's root: a file system right on it, as the guest's kernel looks for one.

import { LayerChains } from '../archive/layer-chain.ts'
import { BoxLiteError } from '../error.ts'
import type { HomeAccess } from '../home-access.ts'

/** ext4's superblock begins at 1024; its magic, 0xEF53, stands at 0x38 in it. */
const MAGIC_OFFSET_BYTES = 1024 + 0x38

/** The file names of the disk's layers, from the top. `invalid_state` where a guest could not start from it. */
export async function rootDisk(home: HomeAccess, boxId: string, live: string): Promise<readonly string[]> {
  const chains = new LayerChains(home.store, home.host.codec)
  await chains.read(live, async (disk) => {
    const magic = new Uint8Array(2)
    const fits = disk.sizeBytes >= MAGIC_OFFSET_BYTES + magic.length
    if (fits) await disk.read(MAGIC_OFFSET_BYTES, magic)
    if (fits && magic[0] === 0x53 && magic[1] === 0xef) return
    throw new BoxLiteError('invalid_state', `the disk of box '${boxId}' has no ext4 file system that a guest could start from`, {
      remedy: "Make the box of an image, such as 'base', or of a disk that begins with an ext4 file system.",
      facts: { boxId },
    })
  })
  return chains.names(live)
}
