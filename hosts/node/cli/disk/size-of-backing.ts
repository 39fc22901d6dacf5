import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Backing } from '../../../../src/disk/create.ts'
import { readImageInfo } from '../../../../src/disk/info.ts'
import { BoxLiteError } from '../../../../src/error.ts'
import { fileCall } from '../../file-call.ts'
import { createNodeFileSystem } from '../../fs.ts'
import { withChain } from '../disk-chain.ts'

/** Opens what is to be the backing file of `file`, with all below it, as the overlay will later, and gives its virtual size. */
export async function sizeOfBacking(file: string, { name, format }: Backing): Promise<number> {
  const directory = await fileCall('open', dirname(file), realpath(dirname(file)))
  const image = await createNodeFileSystem(directory).open(name, 'read')
  try {
    await refuseCircle(file, join(directory, name), format)
    return format === 'raw' ? await image.size() : (await readImageInfo(image, name)).virtualSizeBytes
  } finally {
    await image.close()
  }
}

/** An overlay that replaces an image of the chain below it would destroy what it is to show. */
async function refuseCircle(file: string, backing: string, format: Backing['format']): Promise<void> {
  await withChain(backing, { format, backingFormat: format, mode: 'read' }, async (layers) => {
    if (!layers.some(({ name }) => basename(name) === basename(file))) return
    throw new BoxLiteError('invalid_argument', `${file} is part of the chain that it is to stand on`, {
      remedy: 'Name another file.',
      facts: { path: file, backing },
    })
  })
}
