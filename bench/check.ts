// Checking an image of 1 TiB, of which 64 GiB are allocated: metadata only, the data itself is a hole.

import { checkImage } from '../src/disk/check.ts'
import { compare, sideCells, time, verdict, type Table } from './harness.ts'
import { inScratch, qemuStart } from './scratch.ts'

const rounds = 5
const target = 2

export async function benchCheck(): Promise<Table> {
  return inScratch(async (scratch) => {
    await scratch.run('qemu-img', 'create', '-q', '-f', 'qcow2', 'empty.qcow2', '64K')
    await scratch.run('qemu-img', 'create', '-q', '-f', 'qcow2', '-o', 'preallocation=metadata', 'large.qcow2', '64G')
    await scratch.run('qemu-img', 'resize', '-q', 'large.qcow2', '1T')
    const ours = async (): Promise<void> => {
      const file = await scratch.files.open('large.qcow2', 'read')
      const report = await checkImage(file)
      await file.close()
      if (report.allocatedClusters !== 2 ** 20) throw new Error('the image is not what it should be')
    }
    const sides = await compare(
      [
        { name: 'boxlite, in process', run: () => time(ours) },
        {
          name: 'qemu-img check, less its start',
          async run() {
            const start = await qemuStart(scratch, 'empty.qcow2')
            return (await time(() => scratch.run('qemu-img', 'check', '-q', 'large.qcow2'))) - start
          },
        },
      ],
      rounds,
    )
    return {
      title: 'Check of a 1 TiB image with 64 GiB allocated',
      text: `Metadata only: the allocated clusters are holes. Target: at most ${target} times qemu-img. Medians of ${rounds}.`,
      head: ['side', 'median', 'fastest', 'slowest', 'ratio', `target ${target}x`],
      rows: sides.map((side, index) => [...sideCells(side), index === 0 ? verdict(side.ratio, target) : '']),
    }
  })
}
