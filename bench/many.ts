// A home with 10,000 boxes of 10 snapshots each, made synthetically; and 500 rounds of create and remove on one box.

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { BoxLite } from '../hosts/node/index.ts'
import { openNodeStore } from '../hosts/node/home.ts'
import { createImage } from '../src/disk/create.ts'
import { Core } from '../src/core/core.ts'
import { perform } from '../src/perform.ts'
import { median, ms, time, verdict, type Table } from './harness.ts'
import { inScratch, type Scratch } from './scratch.ts'

const boxCount = 10_000
const snapshotCount = 10
const rounds = 15
const openTargetMs = 2000
const listTargetMs = 1000
const snapshotTarget = 1.2
const churnRounds = 500
const virtualBytes = 2 ** 30
const nowMs = 1_790_000_000_000

const id = (kind: number, n: number): string => `${kind.toString(16)}${n.toString(16).padStart(31, '0')}`

export async function benchMany(): Promise<Table> {
  return inScratch(async (scratch) => {
    await makeMany(scratch)
    const opens: number[] = []
    const lists: number[] = []
    for (let round = 0; round < 5; round++) {
      let lite: BoxLite | null = null
      opens.push(await time(async () => (lite = await BoxLite.open({ homeDir: scratch.path('many') }))))
      lists.push(await time(async () => checkCount(await lite!.list())))
      await lite!.close()
    }
    const full = await BoxLite.open({ homeDir: scratch.path('many') })
    const empty = await BoxLite.open({ homeDir: scratch.path('empty') })
    const alone = await empty.create({ name: 'box', diskSizeGb: 1 })
    const among = await full.create({ name: 'box', diskSizeGb: 1 })
    const inFull: number[] = []
    const inEmpty: number[] = []
    for (let round = 0; round < rounds; round++) {
      await scratch.settle()
      inEmpty.push(await time(() => alone.snapshot.create(`s${round}`)))
      await scratch.settle()
      inFull.push(await time(() => among.snapshot.create(`s${round}`)))
    }
    await full.close()
    await empty.close()
    const ratio = median(inFull) / median(inEmpty)
    return {
      title: `A home with ${boxCount.toLocaleString('en')} boxes of ${snapshotCount} snapshots each`,
      text: `Opening and listing: medians of 5; the snapshot: medians of ${rounds}.`,
      head: ['what', 'median', 'target'],
      rows: [
        ['open the home', ms(median(opens)), `${ms(openTargetMs)} ${verdict(median(opens), openTargetMs)}`],
        ['list the boxes', ms(median(lists)), `${ms(listTargetMs)} ${verdict(median(lists), listTargetMs)}`],
        ['a snapshot in an empty home', ms(median(inEmpty)), ''],
        ['a snapshot in the full home', ms(median(inFull)), `${snapshotTarget}x: ${ratio.toFixed(2)} ${verdict(ratio, snapshotTarget)}`],
      ],
    }
  })
}

function checkCount(boxes: readonly unknown[]): void {
  if (boxes.length !== boxCount) throw new Error(`the home lists ${boxes.length} boxes instead of ${boxCount}`)
}

/** Each box is an import of one layer that all its snapshots name. */
async function makeMany(scratch: Scratch): Promise<void> {
  const store = await openNodeStore(scratch.path('many'))
  const core = await Core.create()
  const snapshots = Array.from({ length: snapshotCount }, (_, n) => ({
    id: id(2, n),
    name: `snapshot ${n}`,
    description: 'made by the benchmark',
    createdAt: nowMs + n,
    virtualSizeBytes: String(virtualBytes),
    parent: n === 0 ? null : id(2, n - 1),
    consistency: 'stopped' as const,
  }))
  for (let n = 0; n < boxCount; n++) {
    await perform(
      core,
      {
        kind: 'box.create',
        boxId: id(3, n),
        name: `box ${n}`,
        config: { createdAt: nowMs },
        layers: [{ name: `${id(4, n)}.qcow2`, parent: null }],
        image: null,
        layerId: id(5, n),
        base: `${id(4, n)}.qcow2`,
        sizeBytes: null,
        snapshots: snapshots.map((snapshot) => ({ ...snapshot, layer: `${id(4, n)}.qcow2` })),
        liveParent: id(2, snapshotCount - 1),
      },
      { store, findBox: async () => null, bulk: { fill: (_index, _layer, file) => createImage(file, { sizeBytes: virtualBytes }) } },
    )
  }
  await store.close()
}

export async function benchChurn(): Promise<Table> {
  return inScratch(async (scratch) => {
    const lite = await BoxLite.open({ homeDir: scratch.path('home') })
    const box = await lite.create({ name: 'box', diskSizeGb: 1 })
    const layers = async (): Promise<number> => (await readdir(join(scratch.path('home'), 'layers'))).length
    const churn = await time(async () => {
      for (let round = 0; round < churnRounds; round++) {
        await box.snapshot.create(`s${round}`)
        await box.snapshot.remove(`s${round}`)
      }
    })
    const before = await layers()
    const prune = await time(() => lite.prune())
    const after = await layers()
    await lite.close()
    return {
      title: `${churnRounds} rounds of create and remove, and one prune`,
      text: 'On a stopped box. After it no unnamed layer with a single child is left.',
      head: ['what', 'value'],
      rows: [
        ['a round', ms(churn / churnRounds)],
        ['layers before prune', String(before)],
        ['prune', ms(prune)],
        ['layers after', `${after} ${verdict(after, 1)}`],
      ],
    }
  })
}
