// The disk of a running machine: what a switch to a new layer changes, and what a failed one leaves.
import { beforeEach, describe, expect, it } from 'vitest'
import { LiveDisk } from '../../hosts/v86/live-disk.ts'
import { portableCodec } from '../../src/disk/codec.ts'
import { createImage } from '../../src/disk/create.ts'
import { BoxLiteError } from '../../src/error.ts'
import type { LayerFile } from '../../src/host.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { errorCode } from '../error-code.ts'

const SIZE = 2 ** 20
const [base, first, second] = ['0', '1', '2'].map((digit) => `${digit.repeat(32)}.qcow2`) as [string, string, string]

describe('the disk of a running machine', () => {
  let store: MemoryStore
  let opened: string[]
  let fail: string | null

  beforeEach(async () => {
    store = new MemoryStore()
    opened = []
    fail = null
    for (const [name, below] of [[base, null], [first, base], [second, first]] as const) {
      const file = await store.createLayer(name)
      await createImage(file, { sizeBytes: SIZE, ...(below !== null && { backing: { name: below, format: 'qcow2' as const } }) })
      await file.close()
    }
  })

  /** Opens layers and keeps account of those that are open, and how; a call named by `fail` fails. */
  const open = async (name: string, mode: 'read' | 'write'): Promise<LayerFile> => {
    if (fail === `open ${name} ${mode}`) throw new BoxLiteError('io', 'the disk is gone')
    const file = await store.openLayer(name, mode)
    const what = `${name[0]} ${mode}`
    opened.push(what)
    return {
      read: (target, offset) => file.read(target, offset),
      write: (source, offset) => file.write(source, offset),
      truncate: (length) => file.truncate(length),
      size: () => file.size(),
      sync: async () => {
        if (fail === `sync ${name}`) throw new BoxLiteError('io', 'the disk is gone')
        await file.sync()
      },
      async close() {
        opened.splice(opened.indexOf(what), 1)
        await file.close()
      },
    }
  }
  const read = async (disk: LiveDisk, offset: number): Promise<number> => {
    const bytes = new Uint8Array(1)
    await disk.read(offset, bytes)
    return bytes[0]!
  }
  const bytesOf = async (name: string): Promise<Uint8Array> => {
    const file = await store.openLayer(name, 'read')
    const bytes = new Uint8Array(await file.size())
    await file.read(bytes, 0)
    await file.close()
    return bytes
  }

  it('goes on in the new layer, and has the old one for reading only', async () => {
    const disk = await LiveDisk.open([first, base], open, portableCodec)
    expect(opened.toSorted()).toEqual(['0 read', '1 write'])
    await disk.write(0, Uint8Array.of(1))
    await disk.switchTo(second)
    expect(disk.top).toBe(second)
    expect(opened.toSorted()).toEqual(['0 read', '1 read', '2 write'])
    const frozen = await bytesOf(first)
    await disk.write(4096, Uint8Array.of(2))
    await disk.flush()
    expect([await read(disk, 0), await read(disk, 4096)]).toEqual([1, 2])
    expect(await bytesOf(first)).toEqual(frozen)
    await disk.close()
    expect(opened).toEqual([])
  })

  it('does nothing for the layer that is on top', async () => {
    const disk = await LiveDisk.open([first, base], open, portableCodec)
    await disk.switchTo(first)
    expect(opened.toSorted()).toEqual(['0 read', '1 write'])
    await disk.close()
  })

  it.each([`open ${second} write`, `open ${first} read`, `sync ${first}`])('is as it was when this fails: %s', async (what) => {
    const disk = await LiveDisk.open([first, base], open, portableCodec)
    await disk.write(0, Uint8Array.of(1))
    fail = what
    expect(await errorCode(disk.switchTo(second))).toBe('io')
    fail = null
    expect(disk.top).toBe(first)
    expect(opened.toSorted()).toEqual(['0 read', '1 write'])
    expect(await read(disk, 0)).toBe(1)
    // A disk whose sync failed takes nothing more; any other does.
    expect(await errorCode(disk.write(1, Uint8Array.of(2)))).toBe(what.startsWith('sync') ? 'io' : null)
    expect(await errorCode(disk.close())).toBe(what.startsWith('sync') ? 'io' : null)
    expect(opened).toEqual([])
  })

  it('is not switched to a layer that does not stand on its top', async () => {
    const disk = await LiveDisk.open([second, first, base], open, portableCodec)
    const stray = `${'3'.repeat(32)}.qcow2`
    const file = await store.createLayer(stray)
    await createImage(file, { sizeBytes: SIZE, backing: { name: base, format: 'qcow2' } })
    await file.close()
    expect(await errorCode(disk.switchTo(stray))).toBe('invalid_argument')
    expect(disk.top).toBe(second)
    expect(opened).toHaveLength(3)
    await disk.close()
  })

  it('leaves no file open when it cannot be opened', async () => {
    expect(await errorCode(LiveDisk.open([first, second], open, portableCodec))).toBe('invalid_argument')
    expect(await errorCode(LiveDisk.open([first, `${'4'.repeat(32)}.qcow2`], open, portableCodec))).toBe('not_found')
    expect(opened).toEqual([])
  })
})
