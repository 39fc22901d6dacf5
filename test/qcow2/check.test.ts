// A check counts as `qemu-img check` counts, on whole and on damaged images.

import { readFile, writeFile } from 'node:fs/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkImage, isSound } from '../../src/disk/check.ts'
import { isBoxLiteError } from '../../src/error.ts'
import { count } from '../counts.ts'
import { makeImage, recipes } from './images.ts'
import { damage, imageMap } from './damage.ts'
import { qemuCheck, Workplace } from './qemu.ts'

const place = await Workplace.create()

async function ownCheck(name: string): Promise<Record<string, unknown> | string> {
  try {
    return { ...(await checkImage(await place.open(name))) }
  } catch (error) {
    if (isBoxLiteError(error)) return `${error.code}: ${error.message}`
    throw error
  }
}

describe('an image that qemu-img made', () => {
  for (const recipe of recipes) {
    test(`is sound, and its clusters are counted as qemu-img counts them: ${recipe.name}`, async () => {
      const name = await makeImage(place, recipe)
      const { exitCode, ...reference } = (await qemuCheck(place.path(name)))!
      const file = await place.open(name)
      const report = await checkImage(file)
      await file.close()
      expect(exitCode).toBe(0)
      expect(report).toMatchObject(reference)
      expect(report.findings).toEqual([])
      expect(isSound(report)).toBe(true)
    })
  }
})

describe('a damaged image', () => {
  const runs = count(10, 400)
  const damaged = recipes.filter((recipe) => recipe.sizeBytes > 0 && recipe.name !== 'empty')
  console.log(`damaged images checked against qemu-img: ${damaged.length * runs}`)
  for (const recipe of damaged) {
    test(`has the corruptions and leaks that qemu-img counts: ${recipe.name}`, async () => {
      const whole = new Uint8Array(await readFile(place.path(await makeImage(place, recipe))))
      const map = imageMap(whole)
      let compared = 0
      await fc.assert(
        fc.asyncProperty(damage(map), async (change) => {
          const bytes = change.apply(whole)
          await writeFile(place.path('damaged.qcow2'), bytes)
          const reference = await qemuCheck(place.path('damaged.qcow2'))
          const own = await ownCheck('damaged.qcow2')
          await place.closeAll()
          // What only one of the two is willing to check is compared nowhere; the refusals have tests of their own.
          if (reference === null || typeof own === 'string') return
          const { exitCode: _, ...numbers } = reference
          compared++
          expect(own, change.text).toMatchObject(numbers)
        }),
        { seed: 7, numRuns: runs, endOnFailure: true },
      )
      expect(compared).toBeGreaterThan(runs / 2)
    })
  }
})
