// Export and import of a box with a disk of 10 GiB: time, and the most memory the process had.

import { rename, stat } from 'node:fs/promises'
import { BoxLite } from '../hosts/node/index.ts'
import { mib, ms, verdict, type Table } from './harness.ts'
import { runChild } from './run-child.ts'
import { inScratch, type Scratch } from './scratch.ts'

const diskGb = 10
const dataBytes = 2 * 2 ** 30
const targetBytes = 128 * 2 ** 20

export async function benchStream(): Promise<Table> {
  return inScratch(async (scratch) => {
    await makeBox(scratch)
    const exported = await runChild(scratch, 'export', scratch.path('home'), scratch.path('box.archive'))
    const { size } = await stat(scratch.path('box.archive'))
    await rename(scratch.path('home'), scratch.path('source-home'))
    const imported = await runChild(scratch, 'import', scratch.path('home'), scratch.path('box.archive'))
    const what = `${mib(dataBytes)} of data in two layers, spread over the disk; the archive has ${mib(size)}.`
    return {
      title: `Export and import of a disk of ${diskGb} GiB`,
      text: `${what} The memory is the whole process's. Target: ${mib(targetBytes)}.`,
      head: ['work', 'time', 'peak memory', 'of it before the work', 'target'],
      rows: [
        ['export', ms(exported.tookMs), mib(exported.peakBytes), mib(exported.startBytes), verdict(exported.peakBytes, targetBytes)],
        ['import', ms(imported.tookMs), mib(imported.peakBytes), mib(imported.startBytes), verdict(imported.peakBytes, targetBytes)],
      ],
    }
  })
}

async function makeBox(scratch: Scratch): Promise<void> {
  const lite = await BoxLite.open({ homeDir: scratch.path('home') })
  const box = await lite.create({ name: 'box', diskSizeGb: diskGb })
  const chunk = new Uint8Array(2 ** 20)
  const chunks = dataBytes / chunk.length
  for (let part = 0; part < 2; part++) {
    const disk = await box.disk()
    for (let i = 0; i < chunks / 2; i++) {
      chunk.fill(i)
      await disk.write((2 * i + part) * 5 * chunk.length, chunk)
    }
    await disk.close()
    if (part === 0) await box.snapshot.create('half')
  }
  await lite.close()
}
