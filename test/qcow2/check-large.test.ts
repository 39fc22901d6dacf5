// Checks of files with more clusters than one walk counts, and of claims that cost nothing to make.

import { truncate } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { checkImage } from '../../src/disk/check.ts'
import { MemoryFile } from '../../src/store/memory-file.ts'
import { PlainImage } from '../core/qcow2/plain-image.ts'
import { qemuCheck, qemuImg, qemuIo, Workplace } from './qemu.ts'

const place = await Workplace.create()
/** `CHECK_WINDOW_CLUSTERS` of core/limits.ts. */
const WINDOW_CLUSTERS = 1 << 24

describe('a file with more clusters than one walk counts', () => {
  test('is checked in several walks, and counted as qemu-img counts it', async () => {
    const path = place.path('large.qcow2')
    await qemuImg('create', '-q', '-f', 'qcow2', '-o', 'cluster_size=512', path, '1M')
    await qemuIo(path, 'qcow2', ['write -P 1 0 4096'])
    const file = await place.open('large.qcow2', 'write')
    await truncate(path, WINDOW_CLUSTERS * 512 * 2 + 512 * 100)
    const header = new Uint8Array(112)
    await file.read(header, 0)
    const entry = new Uint8Array(8)
    await file.read(entry, Number(new DataView(header.buffer).getBigUint64(40)))
    const l2Offset = Number(new DataView(entry.buffer).getBigUint64(0) & 0x00ff_ffff_ffff_fe00n)
    // Data clusters moved to where no refcount says they are: the second walk's, the third's, the last cluster.
    for (const [index, cluster] of [WINDOW_CLUSTERS - 1, WINDOW_CLUSTERS, WINDOW_CLUSTERS * 2 - 1, WINDOW_CLUSTERS * 2 + 99].entries()) {
      new DataView(entry.buffer).setBigUint64(0, BigInt(cluster * 512) | (1n << 63n))
      await file.write(entry, l2Offset + index * 8)
    }
    const { exitCode, ...reference } = (await qemuCheck(path))!
    expect(exitCode).toBe(2)
    const seen: number[] = []
    expect(await checkImage(file, { onProgress: (done) => seen.push(done) })).toMatchObject(reference)
    expect(reference).toMatchObject({ corruptions: 8, leaks: 4 })
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  })

  test('is refused with a limit where it has more than 2^31', async () => {
    const plain = await PlainImage.create()
    const pages = new Map([[0, new Uint8Array(65536)]])
    pages.get(0)!.set(plain.bytes.subarray(0, 65536))
    const file = new MemoryFile({ pages, lengthBytes: 2 ** 31 * plain.clusterBytes + 1 }, true)
    await expect(checkImage(file)).rejects.toMatchObject({ code: 'limit' })
  })
})

describe('a small file', () => {
  test('whose tables are read over and over is refused before it costs more than its size allows', async () => {
    const plain = await PlainImage.create()
    // The largest L1 table there may be, a hole but for its entries, each of which is the same L2 table.
    const entries = 4_194_304
    const tableAt = 65536
    const pages = new Map<number, Uint8Array>()
    pages.set(0, new Uint8Array(65536))
    pages.get(0)!.set(plain.bytes.subarray(0, 65536))
    const page = new Uint8Array(65536)
    for (let at = 0; at < page.length; at += 8) new DataView(page.buffer).setBigUint64(at, BigInt(plain.at('l2')))
    for (let at = 0; at < entries * 8; at += 65536) pages.set((tableAt + at) / 65536, page)
    const view = new DataView(pages.get(0)!.buffer)
    view.setUint32(36, entries)
    view.setBigUint64(40, BigInt(tableAt))
    const file = new MemoryFile({ pages, lengthBytes: tableAt + entries * 8 }, false)
    await expect(checkImage(file)).rejects.toMatchObject({ code: 'limit' })
  })
})
