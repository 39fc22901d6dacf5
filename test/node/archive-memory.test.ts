import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { count } from '../counts.ts'
import { Child } from './child.ts'

const MIB = 1024 * 1024
const LIMIT_BYTES = 128 * MIB
const dataMib = count(96, 3072)
const folder = mkdtempSync(join(tmpdir(), 'boxlite-memory-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The most memory that a process took for the work, in bytes. */
async function peakBytes(work: 'make' | 'export' | 'import', home: string): Promise<number> {
  const child = new Child('archive.mjs', work, join(folder, home), join(folder, 'big.tar'), String(dataMib))
  const line = await child.line()
  const errors = await child.end()
  if (line === null) throw new Error(errors)
  return Number(line)
}

describe(`an archive of a 10 GiB disk with ${dataMib} MiB of data`, () => {
  it('is written and read in less than 128 MiB of memory', async () => {
    expect(await peakBytes('make', 'home')).toBeGreaterThan(0)
    const exporting = await peakBytes('export', 'home')
    expect(statSync(join(folder, 'big.tar')).size).toBeGreaterThan(dataMib * MIB)
    const importing = await peakBytes('import', 'other')
    console.log(`memory: export ${Math.round(exporting / MIB)} MiB, import ${Math.round(importing / MIB)} MiB`)
    expect(exporting).toBeGreaterThan(0)
    expect(exporting).toBeLessThan(LIMIT_BYTES)
    expect(importing).toBeGreaterThan(0)
    expect(importing).toBeLessThan(LIMIT_BYTES)
  })
})
