// Homes for the command, made by the shipped operations on a real file system and then left as a crash leaves them.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openNodeStore } from '../../hosts/node/home.ts'
import { Core } from '../../src/core/core.ts'
import type { BoxRecord } from '../../src/operation/record.ts'
import { perform } from '../../src/perform.ts'

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

/** Two boxes; the first has two snapshots and was restored once, which leaves a layer that nothing reaches. */
async function makeBoxes(folder: string): Promise<void> {
  const store = await openNodeStore(folder)
  try {
    const core = await Core.create()
    const disk = { config: {}, layers: [], image: null, base: null, sizeBytes: 1 << 20, snapshots: [], liveParent: null }
    await perform(core, { kind: 'box.create', boxId: id('a'), name: 'first "box"', layerId: id('1'), ...disk }, { store })
    await perform(core, { kind: 'box.create', boxId: id('b'), name: null, layerId: id('2'), ...disk }, { store })
    const snapshot = { kind: 'snapshot.create', boxId: id('a'), description: '', nowMs } as const
    await perform(core, { ...snapshot, name: 'one', snapshotId: id('3'), layerId: id('4') }, { store })
    await perform(core, { ...snapshot, name: 'two', snapshotId: id('5'), layerId: id('6') }, { store })
    const restore = { kind: 'snapshot.restore', boxId: id('a'), snapshot: 'one', layerId: id('7'), keepCurrent: null, nowMs } as const
    await perform(core, restore, { store })
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

/** CRC-32C (RFC 3720, appendix B.4), bit by bit: nothing in common with the core's. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1
  }
  return ~crc >>> 0
}
