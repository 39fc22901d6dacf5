// The disk defects of prior implementations, one test each: what they did, and that ours does not.

import { writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { nodeCodec } from '../../hosts/node/codec.ts'
import { checkImage } from '../../src/disk/check.ts'
import { convertToImage } from '../../src/disk/convert.ts'
import { createImage } from '../../src/disk/create.ts'
import { Disk, type Extent, type Layer } from '../../src/disk/disk.ts'
import { readImageInfo } from '../../src/disk/info.ts'
import { repointBacking } from '../../src/disk/repoint.ts'
import type { DiskSource } from '../../src/disk/source.ts'
import { MemoryFile } from '../../src/store/memory-file.ts'
import { PlainImage } from '../core/qcow2/plain-image.ts'
import { qemuCheck, qemuImg, qemuIo, Workplace } from './qemu.ts'

const place = await Workplace.create()

async function chainOf(...names: string[]): Promise<Disk> {
  const layers: Layer[] = []
  for (const name of names) layers.push({ name, format: name.endsWith('.raw') ? 'raw' : 'qcow2', file: await place.open(name) })
  return await Disk.open(layers, { codec: nodeCodec })
}

/** Flattens a chain into an image of our own, and lets qemu-img compare it with the chain. */
async function flattensLikeQemu(names: readonly string[]): Promise<void> {
  const flat = `${names[0]}.flat.qcow2`
  await convertToImage(await chainOf(...names), await place.open(flat, 'create'))
  expect(await qemuCheck(place.path(flat))).toMatchObject({ exitCode: 0, leaks: 0 })
  await qemuImg('compare', '-f', 'qcow2', '-F', 'qcow2', place.path(names[0]!), place.path(flat))
}

async function overlay(name: string, backing: string, options: string, commands: readonly string[], ...size: string[]): Promise<void> {
  await qemuImg('create', '-q', '-f', 'qcow2', '-o', options, '-b', backing, '-F', 'qcow2', place.path(name), ...size)
  await qemuIo(place.path(name), 'qcow2', commands)
}

describe('flattening a chain', () => {
  test('keeps zeroed clusters zero (a flattener that ignored the zero flag showed the old data of the backing file)', async () => {
    await qemuImg('create', '-q', '-f', 'qcow2', place.path('zero-base.qcow2'), '1M')
    await qemuIo(place.path('zero-base.qcow2'), 'qcow2', ['write -P 0x5a 0 1M'])
    const zeroes = ['write -z 65536 65536', 'write -P 1 131072 65536', 'write -z -u 131072 65536']
    await overlay('zero-top.qcow2', 'zero-base.qcow2', 'cluster_size=65536', zeroes)
    const disk = await chainOf('zero-top.qcow2', 'zero-base.qcow2')
    const bytes = new Uint8Array(131072)
    await disk.read(65536, bytes)
    expect(bytes.every((byte) => byte === 0)).toBe(true)
    await flattensLikeQemu(['zero-top.qcow2', 'zero-base.qcow2'])
  })

  test('reads layers of different cluster sizes, extended L2 and compressed clusters each by its own rules', async () => {
    await qemuImg('create', '-q', '-f', 'qcow2', '-o', 'cluster_size=2M', place.path('mixed-2.qcow2'), '8M')
    await qemuIo(place.path('mixed-2.qcow2'), 'qcow2', ['write -P 0x11 0 2M', 'write -c -P 0x12 2M 2M', 'write -P 0x13 4M 4M'])
    await overlay('mixed-1.qcow2', 'mixed-2.qcow2', 'cluster_size=512', ['write -P 0x21 1000000 30000', 'write -c -P 0x22 3000320 512'])
    await overlay('mixed-0.qcow2', 'mixed-1.qcow2', 'extended_l2=on,cluster_size=65536', ['write -P 0x31 2048 2048', 'write -z 4194304 4096'])
    await flattensLikeQemu(['mixed-0.qcow2', 'mixed-1.qcow2', 'mixed-2.qcow2'])
  })

  test('sets COPIED wherever a refcount is 1 (without it every export failed `qemu-img check` with exit code 2)', async () => {
    await qemuImg('create', '-q', '-f', 'qcow2', place.path('copied.qcow2'), '8M')
    await qemuIo(place.path('copied.qcow2'), 'qcow2', ['write -P 1 0 3M', 'write -P 2 7M 100k'])
    await flattensLikeQemu(['copied.qcow2'])
  })

  test('writes as many refcount blocks and L2 tables as the file needs (one of each was all there ever was)', async () => {
    const sizeBytes = 3 * 2 ** 30
    const pages = new Map<number, Uint8Array>()
    const file = new MemoryFile({ pages, lengthBytes: 0 }, true)
    const write = file.write.bind(file)
    // The tables are written by themselves, data in pieces of more than a cluster; the data itself is not kept.
    file.write = (source, offset) => write(source.length > 65536 ? source.subarray(0, 1) : source, offset)
    const source: DiskSource = {
      sizeBytes,
      async read(_, target) {
        for (let at = 0; at < target.length; at += 65536) target[at] = 1
      },
      async *extents(): AsyncIterable<Extent> {
        yield { offset: 0, length: sizeBytes, kind: 'data', depth: 0, hostOffset: 0 }
      },
    }
    await convertToImage(source, file)
    expect(await checkImage(file)).toMatchObject({ corruptions: 0, leaks: 0, overlooked: 0, allocatedClusters: sizeBytes / 65536 })
    await writeFile(place.path('tables.qcow2'), '')
    const copy = await place.open('tables.qcow2', 'write')
    await copy.truncate(await file.size())
    for (const [page, bytes] of pages) await copy.write(bytes, page * bytes.length)
    expect(await qemuCheck(place.path('tables.qcow2'))).toMatchObject({ exitCode: 0, leaks: 0 })
  })
})

describe('a chain', () => {
  test('that comes back to itself is refused at open (qemu-io and qemu-img check hang on it, the flattener looped)', async () => {
    const layer = (name: string, file: Layer['file']): Layer => ({ name, format: 'qcow2', file })
    const a = (await PlainImage.create({ backing: 'b.qcow2' })).file()
    const b = (await PlainImage.create({ backing: 'a.qcow2' })).file()
    await expect(Disk.open([layer('a.qcow2', a), layer('b.qcow2', b), layer('a.qcow2', a)])).rejects.toMatchObject({ code: 'corrupt' })
  })

  test('reads zeros past a shorter backing file, also after the overlay and then the backing file grow', async () => {
    await qemuImg('create', '-q', '-f', 'qcow2', place.path('short.qcow2'), '1M')
    await qemuIo(place.path('short.qcow2'), 'qcow2', ['write -P 0xaa 0 1M'])
    const top = await place.open('grown.qcow2', 'create')
    await createImage(top, { sizeBytes: 1 << 20, backing: { name: 'short.qcow2', format: 'qcow2' } })
    const layers = async (): Promise<Layer[]> => [
      { name: 'grown.qcow2', format: 'qcow2', file: top },
      { name: 'short.qcow2', format: 'qcow2', file: await place.open('short.qcow2') },
    ]
    // The backing file is longer than the overlay by the time the overlay grows.
    await qemuImg('resize', '-q', '-f', 'qcow2', place.path('short.qcow2'), '2M')
    await qemuIo(place.path('short.qcow2'), 'qcow2', ['write -P 0xbb 1M 1M'])
    const disk = await Disk.open(await layers(), { writable: true })
    await disk.grow(3 << 20)
    await disk.close()
    await qemuImg('resize', '-q', '-f', 'qcow2', place.path('short.qcow2'), '3M')
    await qemuIo(place.path('short.qcow2'), 'qcow2', ['write -P 0xcc 2M 512'])
    const again = await Disk.open(await layers())
    const bytes = new Uint8Array(2 << 20)
    await again.read(1 << 20, bytes.subarray(0, 1 << 20))
    expect(bytes.subarray(0, 1 << 20).every((byte) => byte === 0)).toBe(true)
    expect(await qemuCheck(place.path('grown.qcow2'))).toMatchObject({ exitCode: 0 })
  })
})

describe('a backing file name', () => {
  test('of 4 GiB is refused before anything of its length is allocated or read', async () => {
    const plain = await PlainImage.create({ backing: 'base.qcow2' })
    plain.u32(16, 0xffff_ffff)
    const file = plain.file()
    const read = file.read.bind(file)
    let mostBytes = 0
    file.read = (target, offset) => {
      mostBytes = Math.max(mostBytes, target.length)
      return read(target, offset)
    }
    await expect(readImageInfo(file)).rejects.toMatchObject({ code: 'corrupt', facts: { field: 'backing_file_size' } })
    expect(mostBytes).toBeLessThanOrEqual(65536)
  })

  test('is replaced with everything else in the header kept, for QEMU as well (it was written over what lay there)', async () => {
    await qemuImg('create', '-q', '-f', 'qcow2', place.path('old-base.qcow2'), '1M')
    await overlay('named.qcow2', 'old-base.qcow2', 'cluster_size=65536,lazy_refcounts=on', ['write -P 7 0 65536'])
    const file = await place.open('named.qcow2', 'write')
    const name = `${'n'.repeat(200)}.qcow2`
    await repointBacking(file, { name, format: 'qcow2' })
    const info = JSON.parse(await qemuImg('info', '-U', '--output=json', '-f', 'qcow2', place.path('named.qcow2'))) as Record<string, unknown>
    expect(info).toMatchObject({
      'backing-filename': name,
      'backing-filename-format': 'qcow2',
      'virtual-size': 1 << 20,
      'format-specific': { data: { 'lazy-refcounts': true } },
    })
    expect(await readImageInfo(file)).toMatchObject({ backing: { name, format: 'qcow2' }, lazyRefcounts: true })
  })

  test('that has no room in cluster 0, is too long or leaves the directory is refused, and nothing is changed', async () => {
    await qemuImg('create', '-q', '-f', 'qcow2', place.path('tight-base.qcow2'), '1M')
    await overlay('tight.qcow2', 'tight-base.qcow2', 'cluster_size=512', [])
    const file = await place.open('tight.qcow2', 'write')
    const before = new Uint8Array(512)
    await file.read(before, 0)
    for (const name of ['x'.repeat(480), 'x'.repeat(1024), '/etc/passwd', '../x', 'json:{}', '']) {
      const code = expect.stringMatching(/^(invalid_argument|limit)$/) as string
      await expect(repointBacking(file, { name, format: 'qcow2' })).rejects.toMatchObject({ code })
      const after = new Uint8Array(512)
      await file.read(after, 0)
      expect(after).toEqual(before)
    }
  })
})

describe('looking at an image', () => {
  test('opens nothing that it names (an external data file was opened, and with it any file of the host)', async () => {
    const plain = await PlainImage.create()
    plain.u64(72, 4n)
    plain.extension(112, 0x44415441, new TextEncoder().encode('/etc/passwd'))
    await expect(readImageInfo(plain.file())).rejects.toMatchObject({ code: 'unsupported', facts: { field: 'data_file' } })
    const named = await PlainImage.create({ backing: '/etc/passwd' })
    expect((await readImageInfo(named.file())).backing).toEqual({ name: '/etc/passwd', kind: 'absolute', format: 'qcow2' })
  })
})
