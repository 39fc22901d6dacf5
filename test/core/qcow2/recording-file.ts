// A file that remembers what was written to it since each sync, to play back what a crash may keep.

import type { LayerFile } from '../../../src/host.ts'
import { MemoryFile } from '../../../src/store/memory-file.ts'

/** One write, a new length, or the end of a sync. */
export type LogEntry =
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly length: number }
  | { readonly kind: 'sync' }

export const newFile = (): MemoryFile => new MemoryFile({ pages: new Map(), lengthBytes: 0 }, true)

export class RecordingFile implements LayerFile {
  readonly log: LogEntry[] = []
  readonly #file = newFile()
  /** Set to make the next writes or syncs fail. */
  failing: 'write' | 'sync' | null = null

  async read(target: Uint8Array, offset: number): Promise<number> {
    return await this.#file.read(target, offset)
  }

  async write(source: Uint8Array, offset: number): Promise<void> {
    if (this.failing === 'write') throw new Error('the write failed')
    this.log.push({ kind: 'write', offset, bytes: source.slice() })
    await this.#file.write(source, offset)
  }

  async truncate(length: number): Promise<void> {
    this.log.push({ kind: 'truncate', length })
    await this.#file.truncate(length)
  }

  async size(): Promise<number> {
    return await this.#file.size()
  }

  async sync(): Promise<void> {
    if (this.failing === 'sync') throw new Error('the sync failed')
    this.log.push({ kind: 'sync' })
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}

/**
 * The file after a crash when `position` entries of the log were done: what was synced is there, of the rest what `keep` says, each
 * write in pieces of `tearBytes` that lie on its multiples.
 */
export async function crashed(log: readonly LogEntry[], position: number, tearBytes: number, keep: () => boolean): Promise<MemoryFile> {
  const file = newFile()
  const lastSync = log.slice(0, position).findLastIndex(({ kind }) => kind === 'sync')
  for (const [index, entry] of log.slice(0, position).entries()) {
    if (entry.kind === 'truncate' && (index < lastSync || keep())) await file.truncate(entry.length)
    if (entry.kind !== 'write') continue
    for (let at = 0; at < entry.bytes.length; ) {
      const length = Math.min(tearBytes - ((entry.offset + at) % tearBytes), entry.bytes.length - at)
      if (index < lastSync || keep()) await file.write(entry.bytes.subarray(at, at + length), entry.offset + at)
      at += length
    }
  }
  return file
}
