// A blob as a file to read from.

import { BoxLiteError } from '../../src/error.ts'
import type { LayerFile } from '../../src/host.ts'

export function blobFile(blob: Blob): LayerFile {
  const refuse = (): Promise<never> => Promise.reject(new BoxLiteError('invalid_state', 'This file is open for reading'))
  return {
    async read(target, offset) {
      const bytes = new Uint8Array(await blob.slice(offset, offset + target.length).arrayBuffer())
      target.set(bytes)
      return bytes.length
    },
    size: async () => blob.size,
    write: refuse,
    truncate: refuse,
    sync: refuse,
    async close() {},
  }
}
