// Homes for the command, made by the shipped operations on a real file system and then left as a crash leaves them.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openNodeStore } from '../../hosts/node/home.ts'
import { Core } from '../../src/core/core.ts'
import type { Operation } from '../../src/operation/operation.ts'
import type { BoxRecord } from '../../src/operation/record.ts'
import { perform } from '../../src/perform.ts'
import { crc32c } from '../crc32c.ts'

export const id = (letter: string): string => letter.repeat(32)
const nowMs = 1_790_000_000_000

/** How a home is left, by name. */
export const homes: Readonly<Record<string, (folder: string) => Promise<void>>> = {
  'an empty home': async (folder) => {
    await (await openNodeStore(folder)).close()
  },
  'a home in order': makeBoxes,
  'a home with leftovers': async (folder) => {
    await makeBoxes(folder)
    const ours = [`layers/${id('e')}.qcow2`, `layers/${id('e')}.raw`, 'layers/x.tmp', `boxes/${id('a')}.n-0.tmp`]
    const foreign = ['boxes/notes', 'layers/README', 'images/x']
    for (const name of [...ours, ...foreign]) writeFileSync(join(folder, name), `bytes of ${name}`)
    mkdirSync(join(folder, 'states', id('f')))
    for (const name of ['memory', 'devices']) writeFileSync(join(folder, 'states', id('f'), name), name)
  },
  'a machine that died in the middle of a switch': async (folder) => {
    await makeBoxes(folder)
    const { live, snapshots } = readRecord(folder, id('a'))
    editRecord(folder, id('a'), {
      machine: { pid: 7, startTime: '1', bootId: 'boot', nonce: 'n', detached: true },
      pending: { kind: 'switch', from: snapshots.at(-1)!.layer, to: live },
    })
  },
  'a machine that died': async (folder) => {
    await makeBoxes(folder)
    editRecord(folder, id('b'), { machine: { pid: 7, startTime: '1', bootId: 'boot', nonce: 'n', detached: false } })
  },
  'a torn record beside others': async (folder) => {
    await makeBoxes(folder)
    writeFileSync(recordPath(folder, id('a')), readFileSync(recordPath(folder, id('a'))).subarray(0, 100))
    writeFileSync(join(folder, `layers/${id('e')}.qcow2`), 'nothing reaches it')
  },
  'a live layer that is no image': async (folder) => {
    await makeBoxes(folder)
    writeFileSync(join(folder, 'layers', readRecord(folder, id('b')).live), 'zeros')
  },
}

const snapshotOf = { kind: 'snapshot.create', boxId: id('a'), description: '', nowMs } as const
const restoreOf = { kind: 'snapshot.restore', boxId: id('a'), nowMs } as const
const cloneOf = { kind: 'clone', boxId: id('a'), name: 'copy', config: null, cloneId: id('c'), cloneLayerId: id('8'), layerId: id('9') } as const
const emptyDisk = { config: {}, layers: [], image: null, base: null, sizeBytes: 1 << 20, snapshots: [], liveParent: null }

/** Operations on `a home in order`, to be cut. */
export const operations: Readonly<Record<string, Operation>> = {
  'box.create': { kind: 'box.create', boxId: id('c'), name: 'new', layerId: id('8'), ...emptyDisk },
  'box.remove': { kind: 'box.remove', boxId: id('a'), force: false },
  'snapshot.create': { ...snapshotOf, name: 'three', snapshotId: id('8'), layerId: id('9') },
  'snapshot.restore': { ...restoreOf, snapshot: 'two', layerId: id('8'), keepCurrent: null },
  'snapshot.restore, keeping': { ...restoreOf, snapshot: 'two', layerId: id('8'), keepCurrent: { name: 'kept', snapshotId: id('9') } },
  'snapshot.remove': { kind: 'snapshot.remove', boxId: id('a'), snapshot: 'one' },
  'clone of the live disk': { ...cloneOf, snapshot: null },
  'clone of a snapshot': { ...cloneOf, snapshot: 'one' },
  collect: { kind: 'collect', dryRun: false },
}

class Killed extends Error {}

/** Carries `operation` out in the home and stops dead after that many effects; false when it ended before. */
export async function cutAfter(folder: string, operation: Operation, effects: number): Promise<boolean> {
  const store = await openNodeStore(folder)
  let carriedOut = 0
  try {
    const log = (): void => {
      if (++carriedOut === effects) throw new Killed()
    }
    await perform(await Core.create(), operation, { store, log })
    return false
  } catch (error) {
    if (!(error instanceof Killed)) throw error
    return true
  } finally {
    await store.close()
  }
}

/** Two boxes; the first has two snapshots and was restored once, which leaves a layer that nothing reaches. */
async function makeBoxes(folder: string): Promise<void> {
  const store = await openNodeStore(folder)
  try {
    const core = await Core.create()
    await perform(core, { kind: 'box.create', boxId: id('a'), name: 'first "box"', layerId: id('1'), ...emptyDisk }, { store })
    await perform(core, { kind: 'box.create', boxId: id('b'), name: null, layerId: id('2'), ...emptyDisk }, { store })
    await perform(core, { ...snapshotOf, name: 'one', snapshotId: id('3'), layerId: id('4') }, { store })
    await perform(core, { ...snapshotOf, name: 'two', snapshotId: id('5'), layerId: id('6') }, { store })
    await perform(core, { ...restoreOf, snapshot: 'one', layerId: id('7'), keepCurrent: null }, { store })
  } finally {
    await store.close()
  }
}

function recordPath(folder: string, boxId: string): string {
  return join(folder, 'boxes', `${boxId}.json`)
}

/** The record of a box; it has to be there. */
export function readRecord(folder: string, boxId: string): BoxRecord {
  const path = recordPath(folder, boxId)
  if (!existsSync(path)) throw new Error(`there is no record ${path}`)
  return JSON.parse(readFileSync(path, 'utf8')) as BoxRecord
}

/** Replaces fields of a record and closes it with its checksum, as docs/format.md says. */
function editRecord(folder: string, boxId: string, change: Partial<BoxRecord>): void {
  const { check: _check, ...fields } = { ...readRecord(folder, boxId), ...change }
  const text = `${JSON.stringify(fields).slice(0, -1)},`
  writeFileSync(recordPath(folder, boxId), `${text}"check":"${crc32c(new TextEncoder().encode(text)).toString(16).padStart(8, '0')}"}`)
}
