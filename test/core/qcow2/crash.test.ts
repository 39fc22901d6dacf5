import { BoxLiteError } from '../../../src/error.ts'
import { describe, expect, it } from 'vitest'
import type { LayerFile } from '../../../src/host.ts'
import { checkImage } from '../../../src/disk/check.ts'
import { createImage } from '../../../src/disk/create.ts'
import { Disk, type Layer } from '../../../src/disk/disk.ts'
import { readImageInfo } from '../../../src/disk/info.ts'
import { repointBacking } from '../../../src/disk/repoint.ts'
import { noise, seeded } from './random.ts'
import { crashed, newFile, RecordingFile } from './recording-file.ts'

const sizeBytes = 2 << 20
const statesPerSeed = 25
const base = newFile()
const baseBytes = noise(seeded(1), 3 << 19)
await base.write(baseBytes, 0)
const chain = (file: LayerFile): Layer[] => [
  { name: 'top.qcow2', format: 'qcow2', file },
  { name: 'base.raw', format: 'raw', file: base },
]

/** What a guest did: when it began in the log, where, and the bytes. */
interface Change {
  readonly position: number
  readonly offset: number
  readonly bytes: Uint8Array
}

/** A flush that was answered: the length of the log by then, and the disk's bytes. */
interface Flushed {
  readonly position: number
  readonly bytes: Uint8Array
  readonly sizeBytes: number
}

/** Random writes, discards, flushes and one growth, with what has to be kept of them. */
async function history(seed: number): Promise<{ file: RecordingFile; changes: Change[]; flushes: Flushed[] }> {
  const random = seeded(seed)
  const file = new RecordingFile()
  await createImage(file, { sizeBytes, backing: { name: 'base.raw', format: 'raw' } })
  await file.sync()
  const disk = await Disk.open(chain(file), { writable: true, cacheBytes: 1 })
  const model = new Uint8Array(sizeBytes * 2)
  model.set(baseBytes)
  const changes: Change[] = []
  const flushes: Flushed[] = []
  const flushed = (): number => flushes.push({ position: file.log.length, bytes: model.slice(), sizeBytes: disk.sizeBytes })
  flushed()
  for (let i = 0; i < 40; i++) {
    const offset = random(disk.sizeBytes)
    const length = Math.min(random(3) === 0 ? random(300_000) : random(9000), disk.sizeBytes - offset)
    const kind = random(6)
    const bytes = kind < 4 ? noise(random, length) : new Uint8Array(length)
    const position = file.log.length
    if (kind === 5) {
      await disk.flush()
      flushed()
      continue
    }
    changes.push({ position, offset, bytes })
    if (kind < 4) await disk.write(offset, bytes)
    else await disk.discard(offset, length)
    model.set(bytes, offset)
    if (i === 20) {
      await disk.grow(sizeBytes * 2)
      flushed()
    }
  }
  await disk.close()
  flushed()
  return { file, changes, flushes }
}

/** The first byte that is neither what was flushed nor what a later change put there, or -1. */
function firstWrong(bytes: Uint8Array, flushed: Uint8Array, since: readonly Change[]): number {
  const isRight = new Uint8Array(bytes.length)
  for (let at = 0; at < bytes.length; at++) if (bytes[at] === flushed[at]) isRight[at] = 1
  for (const { offset, bytes: put } of since) {
    for (let i = 0; i < put.length; i++) if (bytes[offset + i] === put[i]) isRight[offset + i] = 1
  }
  return isRight.indexOf(0)
}

describe('a disk that is written', () => {
  for (const seed of [1, 2, 3, 4]) {
    it(`leaks at most, and keeps flushed bytes, whatever a crash keeps of unsynced writes (seed ${seed})`, async () => {
      const { file, changes, flushes } = await history(seed)
      const random = seeded(seed + 100)
      for (let state = 0; state < statesPerSeed; state++) {
        const from = flushes[0]!.position
        const position = from + random(file.log.length - from + 1)
        const percent = [0, 20, 50, 80, 100][random(5)]!
        const image = await crashed(file.log, position, random(2) === 0 ? 512 : 4096, () => random(100) < percent)
        const before = flushes.findLast((flush) => flush.position <= position)!
        expect(await checkImage(image)).toMatchObject({ corruptions: 0, checkErrors: 0 })
        const disk = await Disk.open(chain(image))
        expect([sizeBytes, sizeBytes * 2]).toContain(disk.sizeBytes)
        expect(disk.sizeBytes).toBeGreaterThanOrEqual(before.sizeBytes)
        const bytes = new Uint8Array(disk.sizeBytes)
        await disk.read(0, bytes)
        const since = changes.filter((change) => change.position < position && change.position >= before.position)
        const wrong = firstWrong(bytes, before.bytes, since)
        expect(wrong, `state ${state}, at ${position} of ${file.log.length}`).toBe(-1)
      }
    })
  }

  it('has its old or its new L1 table after a crash at any moment of its growth', async () => {
    const file = new RecordingFile()
    await createImage(file, { sizeBytes, backing: { name: 'base.raw', format: 'raw' } })
    await file.sync()
    const disk = await Disk.open(chain(file), { writable: true })
    await disk.write(5, Uint8Array.of(1, 2, 3))
    await disk.flush()
    const from = file.log.length
    await disk.write(sizeBytes - 3, Uint8Array.of(4, 5, 6))
    await disk.grow(600 << 20)
    await disk.write((600 << 20) - 3, Uint8Array.of(7, 8, 9))
    await disk.close()
    const random = seeded(8)
    const sizes = new Set<number>()
    for (let position = from; position <= file.log.length; position++) {
      for (let state = 0; state < 12; state++) {
        const percent = [0, 50, 100][state % 3]!
        const image = await crashed(file.log, position, state % 2 === 0 ? 512 : 4096, () => random(100) < percent)
        expect(await checkImage(image)).toMatchObject({ corruptions: 0, checkErrors: 0 })
        const reopened = await Disk.open(chain(image))
        const bytes = new Uint8Array(5)
        await reopened.read(4, bytes)
        expect([...bytes]).toEqual([baseBytes[4], 1, 2, 3, baseBytes[8]])
        await reopened.read(reopened.sizeBytes - 5, bytes)
        const isOld = reopened.sizeBytes === sizeBytes
        expect(['0,0,0,0,0', isOld ? '0,0,4,5,6' : '0,0,7,8,9']).toContain(bytes.join())
        sizes.add(reopened.sizeBytes)
      }
    }
    expect([...sizes].sort((a, b) => a - b)).toEqual([sizeBytes, 600 << 20])
  })

  it('takes no more writes after a write or a sync failed, and goes on reading', async () => {
    for (const failing of ['write', 'sync'] as const) {
      const file = new RecordingFile()
      await createImage(file, { sizeBytes, backing: { name: 'base.raw', format: 'raw' } })
      const disk = await Disk.open(chain(file), { writable: true })
      await disk.write(0, Uint8Array.of(1, 2, 3))
      file.failing = failing
      await expect(failing === 'write' ? disk.write(1 << 20, Uint8Array.of(9)) : disk.flush()).rejects.toThrow('failed')
      file.failing = null
      const message = expect.stringMatching(`takes no more: the ${failing} failed`) as string
      await expect(disk.write(0, Uint8Array.of(4))).rejects.toMatchObject({ code: 'io', message })
      await expect(disk.flush()).rejects.toMatchObject({ code: 'io' })
      const bytes = new Uint8Array(4)
      await disk.read(0, bytes)
      expect([...bytes]).toEqual([1, 2, 3, baseBytes[3]])
    }
  })
})

describe('a disk on a file system that is full', () => {
  it('says so to the end, whatever is called after the write that failed', async () => {
    const file = new RecordingFile()
    await createImage(file, { sizeBytes })
    const full = new BoxLiteError('no_space', 'Cannot write: the file system is full', { remedy: 'Free some space.', facts: { errno: 'ENOSPC' } })
    const disk = await Disk.open([{ name: 'top.qcow2', format: 'qcow2', file }], { writable: true })
    file.write = () => Promise.reject(full)
    await expect(disk.write(0, Uint8Array.of(1))).rejects.toBe(full)
    const { code, remedy, facts } = full
    await expect(disk.close()).rejects.toMatchObject({ code, remedy, facts, message: expect.stringContaining(full.message) as string })
  })
})

describe('a new backing name', () => {
  it('is the old or the new one after a crash at any moment', async () => {
    const file = new RecordingFile()
    await createImage(file, { sizeBytes, backing: { name: 'base.raw', format: 'raw' } })
    await file.sync()
    const from = file.log.length
    await repointBacking(file, { name: `${'x'.repeat(600)}.qcow2`, format: 'qcow2' })
    await repointBacking(file, { name: 'b.raw', format: 'raw' })
    const seen = new Set<string>()
    const random = seeded(7)
    for (let position = from; position <= file.log.length; position++) {
      for (let state = 0; state < 20; state++) {
        const image = await crashed(file.log, position, 512, () => random(2) === 0)
        const { backing } = await readImageInfo(image)
        expect([`base.raw raw`, `${'x'.repeat(600)}.qcow2 qcow2`, 'b.raw raw']).toContain(`${backing!.name} ${backing!.format}`)
        seen.add(backing!.name)
      }
    }
    expect(seen.size).toBe(3)
  })
})
