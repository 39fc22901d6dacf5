// Snapshot create, restore, remove and clone: durable, in an open process, beside a bare script that makes the same writes,
// fsyncs and renames, the published runtime and qemu-img.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openNodeStore } from '../hosts/node/home.ts'
import { BoxLite } from '../hosts/node/index.ts'
import { Core } from '../src/core/core.ts'
import { perform, type PerformHost } from '../src/perform.ts'
import { bareSide, type SnapshotStep, type Written } from './bare-snapshots.ts'
import { compareSteps, sideCells, time, verdict, type SteppedSide, type Table } from './harness.ts'
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
    const locked = await lockedSide(scratch)
    const lite = await BoxLite.open({ homeDir: scratch.path('home') })
    const published = await publishedSide(scratch, 'image.qcow2')
    const written = await bytesOf(scratch.path('locked-home'), id('box'))
    const promises = await bareSide('bare node:fs, promises', scratch.path('bare'), written, false)
    const blocking = await bareSide('bare node:fs, blocking', scratch.path('bare-blocking'), written, true)
    const sides: SteppedSide<SnapshotStep>[] = [
      locked.side,
      promises,
      blocking,
      await publicSide(lite, scratch.path('image.qcow2')),
      ...('side' in published ? [published.side] : []),
      qemuSide(scratch),
    ]
    const measured = await compareSteps(sides, rounds, scratch.settle)
    await lite.close()
    await locked.close()
    for (const bare of [promises, blocking]) await bare.close()
    if ('close' in published) published.close()
    const notMeasured = 'reason' in published ? ` The published runtime could not be measured here: ${published.reason}.` : ''
    const text = `A disk of 10 GiB with 64 MiB of data. Target: at most ${target} times the bare script with promises.`
    return (Object.keys(titles) as SnapshotStep[]).map((step) => ({
      title: titles[step],
      text: `${text} Medians of ${rounds}.${notMeasured}`,
      head: ['side', 'median', 'fastest', 'slowest', 'ratio', `target ${target}x`],
      rows: measured[step].map((side, index) => [...sideCells(side), index === 0 ? verdict(side.ratio, target) : '']),
    }))
  })
}

let ids = 0
const fresh = new Map<string, string>()

/** An id of 32 digits; the same for the same name. */
function id(name: string): string {
  const known = fresh.get(name) ?? (++ids).toString(16).padStart(32, '0')
  fresh.set(name, known)
  return known
}

/** The operations themselves, by a process that has the home open and holds the box, as one does whose machine runs. */
async function lockedSide(scratch: Scratch): Promise<{ side: SteppedSide<SnapshotStep>; close: () => Promise<void> }> {
  const homeDir = scratch.path('locked-home')
  const lite = await BoxLite.open({ homeDir })
  const boxId = (await lite.create({ disk: { path: scratch.path('image.qcow2') } })).id
  fresh.set('box', boxId)
  await lite.close()
  const store = await openNodeStore(homeDir)
  const scope = { kind: 'box', id: boxId } as const
  const held = await store.lock(scope)
  if (held === null) throw new Error('the box is locked by someone else')
  const host: PerformHost = { store, held: [{ scope, held }] }
  const core = await Core.create()
  const nowMs = 0
  const create = (name: string): Promise<unknown> =>
    perform(core, { kind: 'snapshot.create', boxId, name, description: '', snapshotId: id(`s ${name}`), layerId: id(`l ${name}`), nowMs }, host)
  const restore = (layerId: string): Promise<unknown> =>
    perform(core, { kind: 'snapshot.restore', boxId, snapshot: 'base', layerId, keepCurrent: null, nowMs }, host)
  await create('base')
  return {
    side: {
      name: 'boxlite, the box locked',
      async run(round) {
        const name = `s${round}`
        const ended = {
          create: await time(() => create(name)),
          restore: await time(() => restore(id(`restored ${round}`))),
          remove: await time(() => perform(core, { kind: 'snapshot.remove', boxId, snapshot: name }, host)),
        }
        const layers = { cloneLayerId: id(`c ${round}`), layerId: id(`f ${round}`) }
        const cloneId = id(`clone ${round}`)
        const clone = await time(() => perform(core, { kind: 'clone', boxId, snapshot: null, cloneId, name: null, config: null, ...layers }, host))
        await perform(core, { kind: 'box.remove', boxId: cloneId, force: false }, host)
        await restore(id(`again ${round}`))
        return { ...ended, clone }
      },
    },
    async close() {
      await held.release()
      await store.close()
    },
  }
}

/** The public API, which takes the box's lock for each call and makes durable what it reads under it. */
async function publicSide(lite: BoxLite, image: string): Promise<SteppedSide<SnapshotStep>> {
  const box = await lite.create({ name: 'box', disk: { path: image } })
  await box.snapshot.create('base')
  return {
    name: 'boxlite, a call of the API',
    async run(round) {
      const create = await time(() => box.snapshot.create(`s${round}`))
      const restore = await time(() => box.snapshot.restore('base'))
      const remove = await time(() => box.snapshot.remove(`s${round}`))
      const clone = await time(() => box.clone({ name: `clone${round}` }))
      await lite.remove(`clone${round}`)
      await box.snapshot.restore('base')
      return { create, restore, remove, clone }
    },
  }
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
