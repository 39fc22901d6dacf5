import { describe, expect, it } from 'vitest'
import { checkImage } from '../../../src/disk/check.ts'
import { Disk } from '../../../src/disk/disk.ts'
import { mergeLayers } from '../../../src/disk/merge.ts'
import { CLUSTER_BYTES, MIB, overlay, qcow2, raw, readAll, same } from './layers.ts'
import { noise, seeded } from './random.ts'
import { newFile } from './recording-file.ts'

describe('a merge', () => {
  it('shows what the two layers showed, with zeros where the lower one was short', async () => {
    const base = raw('base.raw', newFile())
    await base.file.write(noise(seeded(3), 3 * MIB), 0)
    const lower = await overlay('lower.qcow2', MIB + 512, base)
    const upper = await overlay('upper.qcow2', 4 * MIB, lower)
    const random = seeded(9)
    for (const layers of [[lower, base], [upper, lower, base]]) {
      const disk = await Disk.open(layers, { writable: true })
      for (let i = 0; i < 12; i++) {
        const offset = random(disk.sizeBytes - 40_000)
        if (i % 4 === 3) await disk.discard(offset, 2 * CLUSTER_BYTES < disk.sizeBytes - offset ? 2 * CLUSTER_BYTES : 100)
        else await disk.write(offset, noise(random, random(40_000)))
      }
      await disk.close()
    }
    const before = await readAll([upper, lower, base])
    const target = newFile()
    await mergeLayers({ upper, lower, below: [base], target, backing: { name: 'base.raw', format: 'raw' } })
    expect(same(await readAll([qcow2('merged.qcow2', target), base]), before)).toBe(true)
    expect(await checkImage(target)).toMatchObject({ corruptions: 0, leaks: 0 })
    const alone = newFile()
    await mergeLayers({ upper: qcow2('merged.qcow2', target), lower: base, below: [], target: alone, backing: null })
    expect(same(await readAll([qcow2('alone.qcow2', alone)]), before)).toBe(true)
    await expect(mergeLayers({ upper, lower, below: [base], target: newFile(), backing: null })).rejects.toMatchObject({ code: 'invalid_argument' })
  })
})
