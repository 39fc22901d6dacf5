// Data that lies in a row in the file, and apart for the guest: between compressed clusters, and up to a file's cut end.
import { randomBytes } from 'node:crypto'
import { truncate, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { nodeCodec } from '../../hosts/node/codec.ts'
import { Disk } from '../../src/disk/disk.ts'
import { qemuImg, Workplace } from './qemu.ts'

const place = await Workplace.create()
const CLUSTER_BYTES = 65536
const CLUSTERS = 64

/** All bytes of an image. */
async function contentOf(name: string): Promise<Buffer> {
  const file = await place.open(name)
  const disk = await Disk.open([{ name, format: 'qcow2', file }], { codec: nodeCodec })
  const bytes = Buffer.alloc(disk.sizeBytes)
  await disk.read(0, bytes)
  await disk.close()
  await file.close()
  return bytes
}

test('clusters in a row in the file are read as the guest has them, compressed, zero and missing ones between', async () => {
  const source = Buffer.concat(
    Array.from({ length: CLUSTERS }, (_, i) => {
      if (i % 3 === 0) return randomBytes(CLUSTER_BYTES)
      return i % 3 === 1 ? Buffer.alloc(CLUSTER_BYTES, `cluster ${i} `) : Buffer.alloc(CLUSTER_BYTES)
    }),
  )
  await writeFile(place.path('source.raw'), source)
  for (const [name, options] of [['mixed.qcow2', ['-c']], ['sparse.qcow2', []]] as const) {
    await qemuImg('convert', ...options, '-f', 'raw', '-O', 'qcow2', place.path('source.raw'), place.path(name))
    expect((await contentOf(name)).equals(source), name).toBe(true)
  }
})

test('a file whose last cluster is cut off reads as zeros there', async () => {
  const file = await place.open('sparse.qcow2')
  const lengthBytes = await file.size()
  await file.close()
  for (const cut of [1, 1000, 4096, CLUSTER_BYTES - 1]) {
    await truncate(place.path('sparse.qcow2'), lengthBytes - cut)
    await qemuImg('convert', '-f', 'qcow2', '-O', 'raw', place.path('sparse.qcow2'), place.path('cut.raw'))
    const raw = await place.open('cut.raw')
    const expected = Buffer.alloc(CLUSTERS * CLUSTER_BYTES)
    await raw.read(expected, 0)
    await raw.close()
    expect((await contentOf('sparse.qcow2')).equals(expected), `${cut} bytes less`).toBe(true)
  }
})
