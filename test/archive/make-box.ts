// Boxes for the tests of archives.

import type { BoxRecord } from '../../src/operation/record.ts'
import { KIB, MIB, type TestHome } from './test-home.ts'

/** A box with a history that branches, data of several sizes, zeroed and discarded ranges, and a secret. */
export async function makeBranchedBox(home: TestHome): Promise<BoxRecord> {
  let box = await home.create({
    name: 'web',
    config: { cpus: 2, image: 'base', env: { TOKEN: 'secret-value' }, labels: { team: 'a', app: 'b' }, volumes: [{ hostPath: '/home/me' }] },
    sizeBytes: 3 * MIB + 5 * 512,
  })
  await home.write(box, async (disk) => {
    await disk.write(0, Buffer.alloc(300 * KIB, 'first '))
    await disk.write(3 * MIB + 100, Buffer.from('at the very end'))
  })
  box = await home.snapshot(box.id, 'one', 'the first')
  await home.write(box, async (disk) => {
    await disk.writeZeroes(64 * KIB, 128 * KIB)
    await disk.write(MIB + 7, Buffer.from('two'))
  })
  box = await home.snapshot(box.id, 'two')
  await home.write(box, (disk) => disk.write(2 * MIB, Buffer.alloc(64 * KIB, 'gone')))
  box = await home.snapshot(box.id, 'three')
  box = await home.restore(box.id, 'one')
  await home.write(box, (disk) => disk.discard(0, 64 * KIB))
  box = await home.snapshot(box.id, 'branch')
  await home.write(box, (disk) => disk.write(5, Buffer.from('live')))
  return home.removeSnapshot(box.id, 'two')
}

/** A small box: one snapshot and a little data above it. */
export async function makeSmallBox(home: TestHome): Promise<BoxRecord> {
  let box = await home.create({ name: 'small', sizeBytes: 130 * KIB })
  await home.write(box, async (disk) => {
    await disk.write(1000, Buffer.from('below'))
    await disk.write(70 * KIB, Buffer.from('discarded'))
  })
  box = await home.snapshot(box.id, 'one')
  await home.write(box, async (disk) => {
    await disk.write(0, Buffer.from('above'))
    await disk.discard(64 * KIB, 64 * KIB)
  })
  return box
}
