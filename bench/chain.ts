// A chain of 500 layers: opened, and read through from its top.

import { nodeCodec } from '../hosts/node/codec.ts'
import type { LayerFile } from '../src/host.ts'
import { createImage } from '../src/disk/create.ts'
import { Disk } from '../src/disk/disk.ts'
import { compare, ms, time, type Table } from './harness.ts'
import { inScratch, type Scratch } from './scratch.ts'

const layerCount = 500
const sizeBytes = 64 * 2 ** 20
const readBytes = 2 ** 20
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

async function makeChain(scratch: Scratch): Promise<void> {
  for (let depth = 0; depth < layerCount; depth++) {
    const file = await scratch.files.open(layerName(depth), 'create')
    const backing = depth === 0 ? {} : { backing: { name: layerName(depth - 1), format: 'qcow2' as const } }
    await createImage(file, { sizeBytes, ...backing })
    await file.close()
    await scratch.run('qemu-io', '-c', `write -P ${depth % 255} ${depth * 65536} 64k`, '-f', 'qcow2', layerName(depth))
  }
}
