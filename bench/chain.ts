// A chain of 500 layers: opened, and read through from its top.

import { nodeCodec } from '../hosts/node/codec.ts'
import type { LayerFile } from '../src/host.ts'
import { createImage } from '../src/disk/create.ts'
import { Disk } from '../src/disk/disk.ts'
import { repointBacking } from '../src/disk/repoint.ts'
import { compare, ms, time, type Table } from './harness.ts'
import { inScratch, type Scratch } from './scratch.ts'

const layerCount = 500
const sizeBytes = 64 * 2 ** 20
const readBytes = 2 ** 20
const clusterBytes = 65536
const rounds = 5

const layerName = (depth: number): string => `${depth.toString(16).padStart(32, '0')}.qcow2`

export async function benchChain(): Promise<Table> {
  return inScratch(async (scratch) => {
    await makeChain(scratch)
    const ours = { openMs: 0 }
    const sides = await compare(
      [
        {
          name: 'boxlite, in process',
          run: () =>
            time(async () => {
              const start = performance.now()
              const files: LayerFile[] = []
              for (let depth = layerCount - 1; depth >= 0; depth--) files.push(await scratch.files.open(layerName(depth), 'read'))
              const layers = files.map((file, index) => ({ name: layerName(layerCount - 1 - index), format: 'qcow2' as const, file }))
              const disk = await Disk.open(layers, { codec: nodeCodec })
              ours.openMs = performance.now() - start
              const target = new Uint8Array(readBytes)
              for (let offset = 0; offset < sizeBytes; offset += readBytes) await disk.read(offset, target)
              await disk.close()
              for (const file of files) await file.close()
            }),
        },
        {
          name: 'qemu-io, its start included',
          run: () => time(() => scratch.run('qemu-io', '-r', '-c', `read 0 ${sizeBytes}`, layerName(layerCount - 1))),
        },
      ],
      rounds,
    )
    return {
      title: `A chain of ${layerCount} layers`,
      text: `Opened and its 64 MiB read, of which each layer holds one cluster. Opening took ${ms(ours.openMs)} of ours. Medians of ${rounds}.`,
      head: ['side', 'median', 'ratio'],
      rows: sides.map((side) => [side.name, ms(side.medianMs), side.ratio.toFixed(2)]),
    }
  })
}

/** Each layer is written alone and then put on the one below. */
async function makeChain(scratch: Scratch): Promise<void> {
  for (let depth = 0; depth < layerCount; depth++) {
    const name = layerName(depth)
    const file = await scratch.files.open(name, 'create')
    await createImage(file, { sizeBytes })
    const disk = await Disk.open([{ name, format: 'qcow2', file }], { writable: true, codec: nodeCodec })
    await disk.write((depth % (sizeBytes / clusterBytes)) * clusterBytes, new Uint8Array(clusterBytes).fill(depth))
    await disk.close()
    if (depth > 0) await repointBacking(file, { name: layerName(depth - 1), format: 'qcow2' })
    await file.close()
  }
}
