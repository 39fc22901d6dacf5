// node:fs for a thread that has nothing else to do. A read or a write of what the page cache holds takes some
// microseconds; by way of the thread pool it takes ten times that, and more where other programs want the processors. The
// guest, whose only processor this thread is, would have waited anyway. Only a sync, which waits for the device, stays
// aside.

import * as nodeFs from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Handle, NodeFs } from '../node-fs.ts'

export const blockingFs: NodeFs = {
  ...nodeFs,
  promises: { ...nodeFs.promises, open: async (path, flags, mode) => new BlockingHandle(await nodeFs.promises.open(path, flags, mode)) },
}

class BlockingHandle implements Handle {
  readonly #handle: FileHandle

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  async read(target: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }> {
    return { bytesRead: nodeFs.readSync(this.#handle.fd, target, offset, length, position) }
  }

  async write(source: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesWritten: number }> {
    return { bytesWritten: nodeFs.writeSync(this.#handle.fd, source, offset, length, position) }
  }

  truncate(length: number): Promise<void> {
    return this.#handle.truncate(length)
  }

  stat(): Promise<nodeFs.Stats> {
    return this.#handle.stat()
  }

  sync(): Promise<void> {
    return this.#handle.sync()
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}
