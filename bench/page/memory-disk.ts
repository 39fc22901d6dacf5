// A disk in memory: an image as it came, and every block that was written since.

import type { BlockBackend } from '../../hosts/v86/virtio-blk.ts'
import type { Disk } from '../../src/disk/disk.ts'

const BLOCK_BYTES = 65_536

export class MemoryDisk implements BlockBackend {
  readonly sizeBytes: number
  readonly #image: Disk
  readonly #blocks = new Map<number, Uint8Array>()

  constructor(image: Disk, sizeBytes: number) {
    this.#image = image
    this.sizeBytes = sizeBytes
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    for (const { index, from, at, length } of pieces(offset, target.length)) {
      const part = target.subarray(at, at + length)
      const block = this.#blocks.get(index)
      if (block === undefined) await this.#readImage(index * BLOCK_BYTES + from, part)
      else part.set(block.subarray(from, from + length))
    }
  }

  async write(offset: number, source: Uint8Array): Promise<void> {
    for (const { index, from, at, length } of pieces(offset, source.length)) {
      let block = this.#blocks.get(index)
      if (block === undefined) {
        block = new Uint8Array(BLOCK_BYTES)
        if (length < BLOCK_BYTES) await this.#readImage(index * BLOCK_BYTES, block)
        this.#blocks.set(index, block)
      }
      block.set(source.subarray(at, at + length), from)
    }
  }

  async writeZeroes(offset: number, length: number): Promise<void> {
    await this.write(offset, new Uint8Array(length))
  }

  async flush(): Promise<void> {}

  async #readImage(offset: number, target: Uint8Array): Promise<void> {
    const there = Math.max(0, Math.min(target.length, this.#image.sizeBytes - offset))
    if (there > 0) await this.#image.read(offset, target.subarray(0, there))
    target.fill(0, there)
  }
}

function* pieces(offset: number, lengthBytes: number): Generator<{ index: number; from: number; at: number; length: number }> {
  for (let at = 0; at < lengthBytes; ) {
    const index = Math.floor((offset + at) / BLOCK_BYTES)
    const from = (offset + at) % BLOCK_BYTES
    const length = Math.min(BLOCK_BYTES - from, lengthBytes - at)
    yield { index, from, at, length }
    at += length
  }
}
