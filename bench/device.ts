// Random 4 KiB requests through the block device, beside the same requests on a plain file through node:fs.

import { open } from 'node:fs/promises'
import { createImage } from '../src/disk/create.ts'
import { Disk } from '../src/disk/disk.ts'
import { nodeCodec } from '../hosts/node/codec.ts'
import { compare, ms, time, type Side, type Table } from './harness.ts'
import { inScratch, type Scratch } from './scratch.ts'

const sizeBytes = 256 * 2 ** 20
const blockBytes = 4096
const requests = 4096
const rounds = 7

export async function benchDevice(): Promise<Table[]> {
  return inScratch(async (scratch) => {
    await fill(scratch)
    const reads = await compare([deviceReads(scratch), fileReads(scratch)], rounds)
    const overwrites = await compare([deviceWrites(scratch, 'base.qcow2', null), fileWrites(scratch)], rounds)
    let overlay = 0
    const fresh = await compare([deviceWrites(scratch, null, () => `overlay${overlay++}.qcow2`), fileWrites(scratch)], rounds)
    const table = (title: string, text: string, sides: readonly { name: string; medianMs: number; ratio: number }[]): Table => ({
      title,
      text: `${requests} requests of 4 KiB at random places of 256 MiB, one after the other. ${text} Medians of ${rounds}.`,
      head: ['side', 'median', 'a request', 'ratio'],
      rows: sides.map((side) => [side.name, ms(side.medianMs), `${((side.medianMs / requests) * 1000).toFixed(1)} µs`, side.ratio.toFixed(2)]),
    })
    return [
      table('Random reads', 'The image is one layer, fully allocated, and in the page cache.', reads),
      table('Random writes in place', 'Into allocated clusters, one flush (fsync) at the end.', overwrites),
      table('Random writes into a new overlay', 'A first write to a cluster copies the rest of it from below; one flush at the end.', fresh),
    ]
  })
}

/** Pseudo-random offsets, the same for every side of a round. */
function* offsets(round: number): Generator<number> {
  let state = 0x9e3779b9 ^ (round * 0x85ebca6b)
  for (let i = 0; i < requests; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    yield (state % (sizeBytes / blockBytes)) * blockBytes
  }
}

async function fill(scratch: Scratch): Promise<void> {
  const raw = await open(scratch.path('plain.raw'), 'w')
  const file = await scratch.files.open('base.qcow2', 'create')
  await createImage(file, { sizeBytes })
  const disk = await Disk.open([{ name: 'base.qcow2', format: 'qcow2', file }], { writable: true, codec: nodeCodec })
  const chunk = new Uint8Array(2 ** 20)
  for (let offset = 0; offset < sizeBytes; offset += chunk.length) {
    for (let i = 0; i < chunk.length; i += blockBytes) chunk[i] = offset / chunk.length + i / blockBytes
    await disk.write(offset, chunk)
    await raw.write(chunk, 0, chunk.length, offset)
  }
  await disk.close()
  await file.close()
  await raw.sync()
  await raw.close()
}

function deviceReads(scratch: Scratch): Side {
  return {
    name: 'boxlite, one layer',
    async run(round) {
      const file = await scratch.files.open('base.qcow2', 'read')
      const disk = await Disk.open([{ name: 'base.qcow2', format: 'qcow2', file }], { codec: nodeCodec })
      const block = new Uint8Array(blockBytes)
      const took = await time(async () => {
        for (const offset of offsets(round)) await disk.read(offset, block)
      })
      await disk.close()
      await file.close()
      return took
    },
  }
}

function fileReads(scratch: Scratch): Side {
  return {
    name: 'node:fs, a plain file',
    async run(round) {
      const file = await open(scratch.path('plain.raw'), 'r')
      const block = new Uint8Array(blockBytes)
      const took = await time(async () => {
        for (const offset of offsets(round)) await file.read(block, 0, blockBytes, offset)
      })
      await file.close()
      return took
    },
  }
}

/** Writes into `name`, or into a new overlay of the base each round. */
function deviceWrites(scratch: Scratch, name: string | null, overlay: (() => string) | null): Side {
  return {
    name: overlay === null ? 'boxlite, one layer' : 'boxlite, a new overlay',
    async run(round) {
      const below = overlay === null ? null : await scratch.files.open('base.qcow2', 'read')
      const top = overlay?.() ?? name!
      const file = await scratch.files.open(top, overlay === null ? 'write' : 'create')
      if (overlay !== null) await createImage(file, { sizeBytes, backing: { name: 'base.qcow2', format: 'qcow2' } })
      const base = below === null ? [] : [{ name: 'base.qcow2', format: 'qcow2', file: below } as const]
      const layers = [{ name: top, format: 'qcow2', file } as const, ...base]
      const disk = await Disk.open(layers, { writable: true, codec: nodeCodec })
      const block = new Uint8Array(blockBytes).fill(round)
      const took = await time(async () => {
        for (const offset of offsets(round)) await disk.write(offset, block)
        await disk.flush()
      })
      await disk.close()
      await file.close()
      await below?.close()
      return took
    },
  }
}

function fileWrites(scratch: Scratch): Side {
  return {
    name: 'node:fs, a plain file',
    async run(round) {
      const file = await open(scratch.path('plain.raw'), 'r+')
      const block = new Uint8Array(blockBytes).fill(round)
      const took = await time(async () => {
        for (const offset of offsets(round)) await file.write(block, 0, blockBytes, offset)
        await file.sync()
      })
      await file.close()
      return took
    },
  }
}
