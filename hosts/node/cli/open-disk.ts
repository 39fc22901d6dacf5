// The disk that a command reads or writes: that of an image file with its chain, or that of a box.

import { Disk, type Extent } from '../../../src/disk/disk.ts'
import { nodeCodec } from '../codec.ts'
import { withChain, type ImageFormat, type OpenImage } from './disk-chain.ts'

/** What commands use of a disk. Offsets and lengths are in bytes. */
export interface CommandDisk {
  readonly sizeBytes: number
  read(offset: number, target: Uint8Array): Promise<void>
  write(offset: number, source: Uint8Array): Promise<void>
  writeZeroes(offset: number, length: number): Promise<void>
  flush(): Promise<void>
  extents(offset: number, length: number): AsyncIterable<Extent>
}

export interface DiskFileOptions {
  readonly format: ImageFormat | null
  readonly backingFormat: ImageFormat | null
  readonly mode: 'read' | 'write'
}

/** Opens the chain of an image file, runs `use` on its disk and closes both. */
export async function withDiskFile<T>(path: string, options: DiskFileOptions, use: (disk: CommandDisk) => Promise<T>): Promise<T> {
  return await withChain(path, options, async (layers) => {
    const [top] = layers
    // The engine writes images of our own form alone; into a raw one there is nothing to decide.
    if (options.mode === 'write' && top!.format === 'raw') return await use(await rawDisk(top!))
    const disk = await Disk.open(layers, { writable: options.mode === 'write', codec: nodeCodec })
    try {
      return await use(disk)
    } finally {
      await disk.close()
    }
  })
}

async function rawDisk({ file }: OpenImage): Promise<CommandDisk> {
  const sizeBytes = await file.size()
  return {
    sizeBytes,
    async read(offset, target) {
      target.fill(0, await file.read(target, offset))
    },
    write: (offset, source) => file.write(source, offset),
    async writeZeroes(offset, length) {
      const zeros = Buffer.alloc(Math.min(length, ZEROS_BYTES))
      const present = Buffer.alloc(zeros.length)
      for (let done = 0; done < length; done += zeros.length) {
        const wanted = zeros.subarray(0, length - done)
        const got = await file.read(present.subarray(0, wanted.length), offset + done)
        // A hole reads as zeros, and stays one.
        if (got < wanted.length || !present.subarray(0, got).equals(wanted)) await file.write(wanted, offset + done)
      }
    },
    flush: () => file.sync(),
    async *extents(offset, length) {
      yield { offset, length, kind: 'data', depth: 0, hostOffset: offset }
    },
  }
}

const ZEROS_BYTES = 1 << 20
