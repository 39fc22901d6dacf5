import { BoxLiteError } from '../../src/error.ts'
import type { LayerFile } from '../../src/host.ts'
import { fileCall } from './file-call.ts'
import type { Handle } from './node-fs.ts'

/**
 * Most bytes of one write. Linux puts 2 MiB of one write into a huge page, for which it takes memory that was free for long; in a
 * virtual machine that was given back to the host, and to get it again takes five times as long as the copying.
 */
const MOST_WRITTEN_BYTES = 2 ** 20

/** An open file of `node:fs`, or of anything like it. */
export class NodeFile implements LayerFile {
  readonly #path: string
  readonly #handle: Handle
  readonly #writable: boolean

  constructor(path: string, handle: Handle, writable: boolean) {
    this.#path = path
    this.#handle = handle
    this.#writable = writable
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    let done = 0
    while (done < target.length) {
      const { bytesRead } = await fileCall('read', this.#path, this.#handle.read(target, done, target.length - done, offset + done))
      if (bytesRead === 0) break
      done += bytesRead
    }
    return done
  }

  async readv(targets: readonly Uint8Array[], offset: number): Promise<number> {
    const reading = this.#handle.readv?.(targets, offset)
    const bytesRead = reading === undefined ? 0 : (await fileCall('read', this.#path, reading)).bytesRead
    // What is missing may still come: only `read` tells where the file ends.
    let done = 0
    for (const target of targets) {
      const there = Math.min(target.length, Math.max(0, bytesRead - done))
      const got = there === target.length ? there : there + (await this.read(target.subarray(there), offset + done + there))
      done += got
      if (got < target.length) break
    }
    return done
  }

  async write(source: Uint8Array, offset: number): Promise<void> {
    this.#checkWritable()
    let done = 0
    while (done < source.length) {
      const length = Math.min(source.length - done, MOST_WRITTEN_BYTES)
      const { bytesWritten } = await fileCall('write', this.#path, this.#handle.write(source, done, length, offset + done))
      done += bytesWritten
    }
  }

  async truncate(length: number): Promise<void> {
    this.#checkWritable()
    await fileCall('truncate', this.#path, this.#handle.truncate(length))
  }

  async size(): Promise<number> {
    return (await fileCall('look at', this.#path, this.#handle.stat())).size
  }

  sync(): Promise<void> {
    return fileCall('sync', this.#path, this.#handle.sync())
  }

  close(): Promise<void> {
    return fileCall('close', this.#path, this.#handle.close())
  }

  #checkWritable(): void {
    if (!this.#writable) throw new BoxLiteError('invalid_state', `${this.#path} is open for reading only`)
  }
}
