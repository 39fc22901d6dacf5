// What a layer file is that nobody may write to: whoever does fails the test.

import type { LayerFile } from '../../../src/host.ts'

export abstract class ReadOnlyFile implements LayerFile {
  abstract read(target: Uint8Array, offset: number): Promise<number>
  abstract size(): Promise<number>

  write(): Promise<void> {
    return Promise.reject(new Error('a file for reading is written'))
  }

  truncate(): Promise<void> {
    return this.write()
  }

  sync(): Promise<void> {
    return this.write()
  }

  async close(): Promise<void> {}
}
