// The write log of a disk, cut at every point: a crash may leak clusters, never damage the image, and what
// was flushed is there. `qemu-img check` says so as well, of a sample.

import { writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import type { LayerFile } from '../../src/host.ts'
import { checkImage } from '../../src/disk/check.ts'
import { createImage } from '../../src/disk/create.ts'
import { Disk, type Layer } from '../../src/disk/disk.ts'
import { isBoxLiteError } from '../../src/error.ts'
import { noise, seeded } from '../core/qcow2/random.ts'
import { newFile, RecordingFile } from '../core/qcow2/recording-file.ts'
import { count } from '../counts.ts'
import { qemuCheck, Workplace } from './qemu.ts'
import { BytesFile, crashStates } from './write-log.ts'

const place = await Workplace.create()
const SIZE_BYTES = 5 << 16
const GROWN_BYTES = 7 << 16

const baseBytes = noise(seeded(1), 4 << 16)
const base = newFile()
await base.write(baseBytes, 0)
// For qemu-img.
await writeFile(place.path('base.raw'), baseBytes)

function chain(file: LayerFile): Layer[] {
  return [
    { name: 'top.qcow2', format: 'qcow2', file },
    { name: 'base.raw', format: 'raw', file: base },
  ]
}

/** What the guest did, when in the log, and what was flushed by when. */
interface History {
  readonly file: RecordingFile
  readonly changes: readonly { readonly position: number; readonly offset: number; readonly bytes: Uint8Array }[]
  readonly flushes: readonly { readonly position: number; readonly bytes: Uint8Array; readonly sizeBytes: number }[]
}

async function history(seed: number, file: RecordingFile): Promise<History> {
  const random = seeded(seed)
  await createImage(file, { sizeBytes: SIZE_BYTES, backing: { name: 'base.raw', format: 'raw' } })
  file.log.push({ kind: 'sync' })
  const disk = await Disk.open(chain(file), { writable: true, cacheBytes: 1 })
  const model = new Uint8Array(GROWN_BYTES)
  model.set(baseBytes)
  const changes: History['changes'][number][] = []
  const flushes: History['flushes'][number][] = []
  const flushed = (): void => {
    flushes.push({ position: file.log.length, bytes: model.slice(), sizeBytes: disk.sizeBytes })
  }
  flushed()
  for (let i = 0; i < 14; i++) {
    const kind = random(8)
    const offset = random(disk.sizeBytes)
    const length = Math.min([1, 512, 3000, 65536, 70000, 200000][random(6)]!, disk.sizeBytes - offset)
    const bytes = kind < 4 ? noise(random, length) : new Uint8Array(length)
    const position = file.log.length
    if (kind < 6) changes.push({ position, offset, bytes })
    if (kind < 4) await disk.write(offset, bytes)
    else if (kind < 6) await disk.discard(offset, length)
    else await disk.flush()
    if (kind < 6) model.set(bytes, offset)
    else flushed()
    if (i === 7) {
      await disk.grow(GROWN_BYTES)
      flushed()
    }
  }
  await disk.close()
  flushed()
  return { file, changes, flushes }
}

/** What is wrong with the disk after a crash, or null. */
async function verdict({ changes, flushes }: History, position: number, image: BytesFile): Promise<string | null> {
  const before = flushes.findLast((flush) => flush.position <= position)!
  let bytes: Uint8Array
  try {
    const report = await checkImage(image)
    if (report.corruptions + report.checkErrors + report.overlooked > 0) return report.findings.join('; ')
    const disk = await Disk.open(chain(image))
    if (disk.sizeBytes < before.sizeBytes) return `the disk shrank to ${disk.sizeBytes}`
    bytes = new Uint8Array(disk.sizeBytes)
    await disk.read(0, bytes)
  } catch (error) {
    if (isBoxLiteError(error)) return `${error.code}: ${error.message}`
    throw error
  }
  const allowed = new Uint8Array(bytes.length)
  for (let at = 0; at < bytes.length; at++) if (bytes[at] === before.bytes[at]) allowed[at] = 1
  for (const change of changes) {
    if (change.position >= position || change.position < before.position) continue
    for (let i = 0; i < change.bytes.length; i++) if (bytes[change.offset + i] === change.bytes[i]) allowed[change.offset + i] = 1
  }
  const wrong = allowed.indexOf(0)
  return wrong < 0 ? null : `byte ${wrong} is neither what was flushed nor what was written after`
}

/** Judges every state; stops at the first that is wrong where `stops`. Answers the number of states and what was wrong. */
async function judge(record: History, seed: number, samples: number): Promise<{ states: number; wrong: string | null }> {
  let states = 0
  for (const state of crashStates(record.file.log, record.flushes[0]!.position, seeded(seed), samples)) {
    states++
    const wrong = await verdict(record, state.position, new BytesFile(state.bytes))
    if (wrong !== null) return { states, wrong: `${state.text}: ${wrong}` }
  }
  return { states, wrong: null }
}

describe('the write log of a disk', () => {
  const seeds = count(4, 60)
  const samples = count(4, 12)
  for (let seed = 1; seed <= seeds; seed++) {
    test(`leaves a whole image with all flushed bytes wherever it is cut (seed ${seed})`, async () => {
      const { states, wrong } = await judge(await history(seed, new RecordingFile()), seed, samples)
      console.log(`seed ${seed}: ${states} crash states`)
      expect(wrong).toBeNull()
      expect(states).toBeGreaterThan(100)
    })
  }

  test('leaves an image in which qemu-img finds leaks at most', async () => {
    const { file, flushes } = await history(77, new RecordingFile())
    const all = [...crashStates(file.log, flushes[0]!.position, seeded(77), 3)]
    const step = Math.ceil(all.length / count(60, 2000))
    for (let i = 0; i < all.length; i += step) {
      await writeFile(place.path('crashed.qcow2'), all[i]!.bytes)
      const check = await qemuCheck(place.path('crashed.qcow2'))
      expect([0, 3], all[i]!.text).toContain(check?.exitCode)
    }
  })
})

/** Files that do not keep their word. */
const mutants: Readonly<Record<string, () => RecordingFile>> = {
  'a file that answers a sync and does nothing': () => {
    const file = new RecordingFile()
    file.sync = async () => undefined
    return file
  },
  'a file that lets every sync through but the write before it': () => {
    const file = new RecordingFile()
    file.sync = async () => {
      const last = file.log.at(-1)
      if (last === undefined || last.kind === 'sync') return
      file.log.splice(-1, 1, { kind: 'sync' }, last)
    }
    return file
  },
  'a file that carries out every second sync only': () => {
    const file = new RecordingFile()
    let syncs = 0
    file.sync = async () => {
      if (++syncs % 2 === 0) file.log.push({ kind: 'sync' })
    }
    return file
  },
}

describe('the test of the write log', () => {
  for (const [title, mutant] of Object.entries(mutants)) {
    test(`catches ${title}`, async () => {
      const { wrong } = await judge(await history(1, mutant()), 1, count(4, 12))
      expect(wrong).not.toBeNull()
    })
  }

  test('catches a disk whose tables are written before its data and refcounts', async () => {
    const record = await history(1, new RecordingFile())
    // The writes between two syncs of the log, swapped with the writes of the next ones.
    const groups: (typeof record.file.log)[number][][] = [[]]
    for (const entry of record.file.log) {
      if (entry.kind === 'sync') groups.push([])
      else groups.at(-1)!.push(entry)
    }
    const swapped = groups.flatMap((_, i) => [...(groups[i === 0 ? 0 : ((i - 1) ^ 1) + 1] ?? []), { kind: 'sync' as const }])
    record.file.log.splice(0, Infinity, ...swapped)
    expect((await judge(record, 1, count(4, 12))).wrong).not.toBeNull()
  })
})
