// Snapshot create, restore, remove and clone: durable, in an open process, beside a bare script that makes the same writes,
// fsyncs and renames, the published runtime and qemu-img.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BoxLite } from '../hosts/node/index.ts'
import { bareSide, type SnapshotStep, type Written } from './bare-snapshots.ts'
import { compareSteps, ms, time, verdict, type SteppedSide, type Table } from './harness.ts'
import { publishedSide } from './published.ts'
import { inScratch, type Scratch } from './scratch.ts'

const rounds = 31
const target = 1.5
const clusterBytes = 65536
const titles: Readonly<Record<SnapshotStep, string>> = {
  create: 'Snapshot create',
  restore: 'Snapshot restore',
  remove: 'Snapshot remove',
  clone: 'Clone of the live disk',
}

export async function benchSnapshots(): Promise<Table[]> {
  return inScratch(async (scratch) => {
    await scratch.run('qemu-img', 'create', '-q', '-f', 'qcow2', 'image.qcow2', '10G')
    await scratch.run('qemu-io', '-c', 'write -P 7 0 64M', '-f', 'qcow2', 'image.qcow2')
    const homeDir = scratch.path('home')
    const lite = await BoxLite.open({ homeDir })
    const box = await lite.create({ name: 'box', disk: { path: scratch.path('image.qcow2') } })
    await box.snapshot.create('base')
    const written = await bytesOf(homeDir, box.id)
    const published = await publishedSide(scratch, 'image.qcow2')
    const sides: SteppedSide<SnapshotStep>[] = [
      {
        name: 'boxlite',
        async run(round) {
          const create = await time(() => box.snapshot.create(`s${round}`))
          const restore = await time(() => box.snapshot.restore('base'))
          const remove = await time(() => box.snapshot.remove(`s${round}`))
          const clone = await time(() => box.clone({ name: `clone${round}` }))
          await lite.remove(`clone${round}`)
          await box.snapshot.restore('base')
          return { create, restore, remove, clone }
        },
      },
      await bareSide('bare node:fs, promises', scratch.path('bare'), written, false),
      await bareSide('bare node:fs, blocking', scratch.path('bare-blocking'), written, true),
      ...('side' in published ? [published.side] : []),
      qemuSide(scratch),
    ]
    const measured = await compareSteps(sides, rounds)
    await lite.close()
    if ('close' in published) published.close()
    const notMeasured = 'reason' in published ? ` The published runtime could not be measured here: ${published.reason}.` : ''
    const text = `A disk of 10 GiB with 64 MiB of data. Target: at most ${target} times the bare script with promises.`
    return (Object.keys(titles) as SnapshotStep[]).map((step) => ({
      title: titles[step],
      text: `${text} Medians of ${rounds}.${notMeasured}`,
      head: ['side', 'median', 'fastest', 'slowest', 'ratio', `target ${target}x`],
      rows: measured[step].map((side, index) => [
        side.name,
        ms(side.medianMs),
        ms(side.fastestMs),
        ms(side.slowestMs),
        side.ratio.toFixed(2),
        index === 0 ? verdict(side.ratio, target) : '',
      ]),
    }))
  })
}

/** What an overlay and the record of the box are made of, read from the home. */
async function bytesOf(homeDir: string, boxId: string): Promise<Written> {
  const record = await readFile(join(homeDir, 'boxes', `${boxId}.json`))
  const { live } = JSON.parse(record.toString()) as { live: string }
  const overlay = await readFile(join(homeDir, 'layers', live))
  const segments: { offset: number; bytes: Uint8Array }[] = []
  for (let offset = 0; offset < overlay.length; offset += clusterBytes) {
    const cluster = overlay.subarray(offset, offset + clusterBytes)
    const last = cluster.findLastIndex((byte) => byte !== 0)
    if (last >= 0) segments.push({ offset, bytes: cluster.slice(0, last + 1) })
  }
  return { segments, lengthBytes: overlay.length, record }
}

/** qemu-img as a command, its start included; its snapshots are inside the image, its clone is an overlay. It syncs what it writes. */
function qemuSide(scratch: Scratch): SteppedSide<SnapshotStep> {
  const snapshot = (flag: string, name: string): Promise<number> => time(() => scratch.run('qemu-img', 'snapshot', flag, name, 'image.qcow2'))
  return {
    name: 'qemu-img, a command each',
    async run(round) {
      if (round === 0) await snapshot('-c', 'base')
      return {
        create: await snapshot('-c', `s${round}`),
        restore: await snapshot('-a', 'base'),
        remove: await snapshot('-d', `s${round}`),
        clone: await time(() => scratch.run('qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', 'image.qcow2', `clone${round}.qcow2`)),
      }
    },
  }
}
