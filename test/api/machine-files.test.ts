// What machines leave in a home beside records and layers: it is there as long as its box, and no longer.
import { existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BoxLite, type Box } from '../../hosts/node/index.ts'

let directory: string
let lite: BoxLite
let box: Box
let layer: string

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'boxlite-machine-files-'))
  writeFileSync(join(directory, 'disk.raw'), Buffer.alloc(65_536))
  lite = await BoxLite.open({ homeDir: join(directory, 'home'), engine: 'none' })
  box = await lite.create({ disk: { path: join(directory, 'disk.raw') } })
  // The overlay over the imported disk is merged here already: one layer is left, which no later prune takes away.
  await lite.prune()
  const layers = readdirSync(join(lite.location, 'layers'))
  expect(layers).toHaveLength(1)
  layer = layers[0]!
})
afterEach(async () => {
  await lite.close()
  rmSync(directory, { recursive: true })
})

const run = (id: string): string => join(lite.location, 'run', id)

/** As a machine leaves it whose owner was killed: what its console said, a socket, its view of its disk. */
function leave(id: string): void {
  mkdirSync(join(run(id), 'frozen'), { recursive: true })
  for (const name of ['console.log', 'console.log.1', 'qmp.sock']) writeFileSync(join(run(id), name), 'said')
  linkSync(join(lite.location, 'layers', layer), join(run(id), layer))
  linkSync(join(lite.location, 'layers', layer), join(run(id), 'frozen', layer))
}

describe('what machines leave', () => {
  it('goes with its box', async () => {
    leave(box.id)
    await box.remove()
    expect(existsSync(run(box.id))).toBe(false)
  })

  it('of boxes that are gone goes with prune; of a box that is there what its console said stays, and holds no space', async () => {
    const gone = 'f'.repeat(32)
    leave(gone)
    leave(box.id)
    mkdirSync(join(lite.location, 'run/of somebody else'))
    expect(statSync(join(lite.location, 'layers', layer)).nlink).toBe(5)
    await lite.prune()
    expect(readdirSync(join(lite.location, 'run')).sort()).toEqual([box.id, 'of somebody else'].sort())
    expect(readdirSync(run(box.id)).sort()).toEqual(['console.log', 'console.log.1'])
    expect(statSync(join(lite.location, 'layers', layer)).nlink).toBe(1)
  })

  it('that cannot be removed keeps no box from going', async () => {
    rmSync(join(lite.location, 'run'), { recursive: true, force: true })
    writeFileSync(join(lite.location, 'run'), 'a file')
    await box.remove()
    expect(await lite.list()).toEqual([])
  })
})
