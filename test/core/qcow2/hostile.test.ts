// Hostile images, one defect each: every one is refused by open, by a read, or by the strict check of imports,
// with an error that names the field. Never a trap, never a loop.

import { describe, expect, test } from 'vitest'
import type { BoxHost } from '../../../src/box-host.ts'
import { checkImage, isSound } from '../../../src/disk/check.ts'
import { portableCodec } from '../../../src/disk/codec.ts'
import { openDiskSource, type OpenSource } from '../../../src/disk-source.ts'
import { Disk } from '../../../src/disk/disk.ts'
import { isBoxLiteError } from '../../../src/error.ts'
import type { LayerFile } from '../../../src/host.ts'
import { MemoryFile } from '../../../src/store/memory-file.ts'
import { extensionDefects, headerDefects } from './header-defects.ts'
import { PlainImage, PLACE } from './plain-image.ts'
import { entryDefects, refcountDefects, snapshotDefects } from './table-defects.ts'

async function attempt(work: () => Promise<string>): Promise<string> {
  try {
    return await work()
  } catch (error) {
    if (!isBoxLiteError(error)) throw error
    return `${error.code} ${String(error.facts['field'] ?? error.message)}`
  }
}

async function importInto(source: OpenSource, layer: LayerFile): Promise<string> {
  await source.fill(layer, {})
  return 'imported'
}

/** What becomes of an image: at open, when it is read, in the check, and when it is imported. */
export async function fate(image: PlainImage): Promise<{ open: string; read: string; check: string; imported: string }> {
  const file = image.file()
  let disk: Disk | undefined
  const open = await attempt(async () => {
    disk = await Disk.open([{ name: 'hostile.qcow2', format: 'qcow2', file }])
    return 'opened'
  })
  const read = await attempt(async () => {
    if (disk === undefined) return 'not opened'
    // Entries are validated when they are used: every cluster by itself, so that one refusal does not hide another.
    const bytes = new Uint8Array(image.clusterBytes)
    for (let offset = 0; offset < Math.min(disk.sizeBytes, image.clusterBytes * 8); offset += image.clusterBytes) await disk.read(offset, bytes)
    return 'read'
  })
  const check = await attempt(async () => {
    const report = await checkImage(file)
    return isSound(report) ? (report.leaks > 0 ? 'leaks' : 'sound') : report.findings.join('; ')
  })
  const imported = await attempt(async () => {
    const source = await openDiskSource({ codec: portableCodec } as BoxHost, { file, format: 'qcow2' })
    return await importInto(source, new MemoryFile({ pages: new Map(), lengthBytes: 0 }, true))
  })
  return { open, read, check, imported }
}

describe('the image that the hostile ones are made of', () => {
  for (const options of [{}, { version: 2 }, { extendedL2: true }] as const) {
    test(`is sound: ${JSON.stringify(options)}`, async () => {
      const image = await PlainImage.create(options)
      expect(await fate(image)).toEqual({ open: 'opened', read: 'read', check: 'sound', imported: 'imported' })
      const disk = await Disk.open([{ name: 'plain.qcow2', format: 'qcow2', file: image.file() }])
      const bytes = new Uint8Array(image.clusterBytes)
      for (const [index, value] of [0xaa, 0xbb, 0, 0xcc, 0xdd, 0].entries()) {
        await disk.read(index * image.clusterBytes, bytes)
        expect(bytes.every((byte) => byte === value), `cluster ${index}`).toBe(true)
      }
    })
  }
})

const defects = { ...headerDefects, ...extensionDefects, ...entryDefects, ...refcountDefects, ...snapshotDefects }

describe('an image is refused for', () => {
  for (const [name, { make, options, open, read, check, imported }] of Object.entries(defects)) {
    test(`${name}`, async () => {
      const image = await PlainImage.create(options)
      make(image)
      const outcome = await fate(image)
      expect(outcome.imported).not.toBe('imported')
      if (open !== undefined) expect(outcome).toEqual({ open, read: 'not opened', check: open, imported: open })
      else expect(outcome.open).toBe('opened')
      if (read !== undefined) expect(outcome.read).toBe(read)
      if (check !== undefined) expect(outcome.check).toMatch(check)
      if (imported !== undefined) expect(outcome.imported).toBe(imported)
    })
  }

  test('being cut at any byte of its header or tables', async () => {
    const whole = await PlainImage.create()
    for (const length of [0, 3, 4, 20, 71, 72, 103, 104, 111, 112, 119, 4096, 8192, 0x3000, 0x3001, 0x8000]) {
      const image = await PlainImage.create()
      image.bytes = whole.bytes.slice(0, length)
      const { open, check } = await fate(image)
      expect(open, `cut at ${length}`).toMatch(/^corrupt /)
      expect(check).toBe(open)
    }
  })

  const names: Readonly<Record<string, string>> = {
    '/etc/passwd': 'unsupported backing_file_name',
    '/dev/sda': 'unsupported backing_file_name',
    '../other.qcow2': 'unsupported backing_file_name',
    'a/../../other.qcow2': 'unsupported backing_file_name',
    'json:{"driver":"file","filename":"/etc/passwd"}': 'unsupported backing_file_name',
    'file:/etc/passwd': 'unsupported backing_file_name',
    'nbd://127.0.0.1/x': 'unsupported backing_file_name',
    'fat:rw:/': 'unsupported backing_file_name',
    'ssh://host/x': 'unsupported backing_file_name',
    'C:\\disk.qcow2': 'unsupported backing_file_name',
    'a\\b.qcow2': 'unsupported backing_file_name',
    '/etc/pass\0wd': 'corrupt backing_file_name',
    'a\nb.qcow2': 'corrupt backing_file_name',
    'a\u009bb': 'corrupt backing_file_name',
    '': 'corrupt backing_file_name',
  }
  for (const [name, expected] of Object.entries(names)) {
    test(`the backing name ${JSON.stringify(name)}, even when that file is at hand`, async () => {
      const image = await PlainImage.create({ backing: name })
      const base = await PlainImage.create()
      const layers = [
        { name: 'hostile.qcow2', format: 'qcow2', file: image.file() },
        { name, format: 'qcow2', file: base.file() },
      ] as const
      expect(await attempt(async () => String((await Disk.open(layers)).sizeBytes))).toBe(expected)
      expect((await fate(image)).imported).toMatch(/^(unsupported|corrupt) backing_file/)
    })
  }

  test('a backing name that is longer than 1023 bytes, leaves cluster 0, or lies on the header or an extension', async () => {
    const places = [[512, 1024], [4090, 10], [4096, 10], [1 << 20, 10], [40, 10], [111, 10], [120, 10], [512, 0xffff_ffff]] as const
    for (const [offset, length] of places) {
      const image = await PlainImage.create({ backing: 'base.qcow2' })
      image.u64(8, BigInt(offset))
      image.u32(16, length)
      expect((await fate(image)).open, `${length} bytes at ${offset}`).toMatch(/^corrupt (backing_file_|extension)/)
    }
  })

  test('a backing name that is not UTF-8', async () => {
    const image = await PlainImage.create({ backing: 'base.qcow2' })
    image.bytes.set([0xc3, 0x28], 512)
    expect((await fate(image)).open).toBe('corrupt backing_file_name')
  })

  test('a backing file without a stated format: it is never probed', async () => {
    const image = await PlainImage.create({ backing: 'base.qcow2' })
    image.u32(112, 0)
    const base = await PlainImage.create()
    const layers = [
      { name: 'hostile.qcow2', format: 'qcow2', file: image.file() },
      { name: 'base.qcow2', format: 'qcow2', file: base.file() },
    ] as const
    expect(await attempt(async () => String((await Disk.open(layers)).sizeBytes))).toBe('unsupported backing_format')
  })

  test('a chain that comes back to itself, by name or by file', async () => {
    const first = (await PlainImage.create({ backing: 'b.qcow2' })).file()
    const second = (await PlainImage.create({ backing: 'a.qcow2' })).file()
    const layer = (name: string, file: typeof first) => ({ name, format: 'qcow2', file }) as const
    const byName = [layer('a.qcow2', first), layer('b.qcow2', second), layer('a.qcow2', (await PlainImage.create()).file())]
    const byFile = [layer('c.qcow2', first), layer('b.qcow2', second), layer('a.qcow2', first)]
    const selfish = (await PlainImage.create({ backing: 'self.qcow2' })).file()
    const byItself = [layer('self.qcow2', selfish), layer('self.qcow2', selfish)]
    for (const layers of [byName, byFile, byItself]) {
      expect(await attempt(async () => String((await Disk.open(layers)).sizeBytes))).toBe('corrupt layers')
    }
  })
})

describe('an image is read and imported in spite of', () => {
  const harmless: Readonly<Record<string, (image: PlainImage) => void>> = {
    'unknown compatible features': (image) => image.u64(80, 1n << 63n),
    'unknown autoclear features': (image) => image.u64(88, 1n << 62n),
    'lazy refcounts': (image) => image.u64(80, 1n),
    'an unknown extension': (image) => void image.extension(112, 0x12345678, new Uint8Array(100)),
    'bitmaps that are not valid any more': (image) => void image.extension(112, 0x23852875, new Uint8Array(24)),
    'a leaked cluster': (image) => {
      const bytes = new Uint8Array(image.bytes.length + image.clusterBytes)
      bytes.set(image.bytes)
      image.bytes = bytes
      image.refcount(PLACE.end, 1)
    },
    'zeros behind its last cluster': (image) => {
      const bytes = new Uint8Array(image.bytes.length + 1000)
      bytes.set(image.bytes)
      image.bytes = bytes
    },
  }
  for (const [name, make] of Object.entries(harmless)) {
    test(`${name}`, async () => {
      const image = await PlainImage.create()
      make(image)
      expect(await fate(image)).toMatchObject({ open: 'opened', read: 'read', imported: 'imported' })
    })
  }
})
