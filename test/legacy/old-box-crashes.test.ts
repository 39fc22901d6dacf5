// Our recovery on what the prior implementation leaves when it dies: its algorithm, transcribed in test/crash/, is cut at
// every effect, by a kill and by power cuts that lose any part of what was not synced (it syncs nothing). Then our recovery of
// each such home is cut in the same way, and run again.

import { describe, expect, it } from 'vitest'
import { Core } from '../../src/core/core.ts'
import type { OldFiles } from '../../src/legacy/old-files.ts'
import { recoverOldBox, type OldRecovery } from '../../src/legacy/recover-old-box.ts'
import { count } from '../counts.ts'
import { Content } from '../crash/content.ts'
import { CrashFileSystem } from '../crash/crash-fs.ts'
import { HashSet } from '../crash/hash.ts'
import { qcow2Image } from '../crash/image-builder.ts'
import { backingName, readOver, sameBytes, Violation, type GuestBytes } from '../crash/image-reader.ts'
import { visitImages } from '../crash/images.ts'
import { filling } from '../crash/run.ts'
import { BOX, DISK, MARKER, ROWS, seedCreate } from '../crash/seed-algorithm.ts'
import { Names, ROOT, World } from '../crash/world.ts'

const core = await Core.create()
const disk = filling(0)
const bounds = { variantsPerNode: 16, imagesPerPoint: count(600, 20_000), seed: 11 }

/** A home with one box whose disk was never snapshotted. */
async function makeHome(): Promise<World> {
  const world = new World(bounds)
  const files = new CrashFileSystem(world)
  for (const path of ['boxes', BOX, ROWS, `${BOX}/snapshots`, `${BOX}/disks`]) await files.makeDirectory(path)
  const file = await files.open(DISK, 'create')
  for (const { offset, bytes } of qcow2Image(disk, null)) await file.write(bytes, offset)
  await file.close()
  world.settle()
  return world
}

/** Every world that a crash during `work` may leave: after each effect as it is, and in every form that a power cut gives it. */
async function crashesOf(world: World, work: (files: CrashFileSystem) => Promise<unknown>): Promise<World[]> {
  const seen = new HashSet()
  const left: World[] = []
  world.onEffect = () => {
    visitImages(world, (low, high, _model, build) => {
      if (seen.add(low, high)) left.push(build())
    })
  }
  await work(new CrashFileSystem(world))
  world.onEffect = null
  return left
}

const recover = (files: OldFiles): Promise<OldRecovery> => recoverOldBox(core, files, 'b')

/** Every file of the home, by path. */
function filesOf(world: World): Map<string, Content> {
  const found = new Map<string, Content>()
  const visit = (node: number, path: string): void => {
    const state = world.node(node).now
    if (state instanceof Names) for (const [name, child] of state.entries) visit(child, path === '' ? name : `${path}/${name}`)
    else if (state instanceof Content) found.set(path, state)
  }
  visit(ROOT, '')
  return found
}

/** What a disk shows, or null where it cannot be read. */
function show(files: Map<string, Content>, path: string, depth = 0): GuestBytes | null {
  const content = files.get(path)
  if (content === undefined || depth > 4) return null
  try {
    const backing = backingName(content)
    const below = backing === null ? null : show(files, backing.replace('/home/of/the/test/', ''), depth + 1)
    return backing !== null && below === null ? null : readOver(content, below)
  } catch (error) {
    if (error instanceof Violation) return null
    throw error
  }
}

/** The disk files of the home that show what the disk showed. */
function copiesOf(files: Map<string, Content>): string[] {
  return [...files.keys()].filter((path) => {
    const bytes = path.endsWith('.qcow2') ? show(files, path) : null
    return bytes !== null && sameBytes(bytes, disk)
  })
}

/** What must hold after our recovery of a home. */
function judge(before: Map<string, Content>, world: World, { fate, attention }: OldRecovery): void {
  const after = filesOf(world)
  // No disk is gone, whatever it was: at most it has another name.
  const disks = (files: Map<string, Content>): Content[] => [...files].filter(([path]) => path.endsWith('.qcow2')).map(([, content]) => content)
  for (const content of disks(before)) expect(disks(after).some((other) => other.equals(content))).toBe(true)
  const live = show(after, DISK)
  if (copiesOf(before).length > 0) expect(copiesOf(after).length).toBeGreaterThan(0)
  // A matter that is settled has a disk; one that is not is said. (A live disk that is left alone is judged by its header.
  // Where the rest of that overlay was torn, the snapshot below it has everything, and whoever reads the overlay is told.)
  const isSettled = fate === 'restored' || ((fate === 'finished' || fate === 'not_made') && live !== null)
  if (isSettled && attention === null && copiesOf(before).length > 0) expect(live !== null && sameBytes(live, disk)).toBe(true)
  expect(after.has(MARKER)).toBe(false)
}

describe('homes that the prior implementation left in the middle of a snapshot', () => {
  it('lose nothing in our recovery, wherever that is cut and run again', async () => {
    const homes = await crashesOf(await makeHome(), (files) => seedCreate(files, 's'))
    const fates = new Map<string, number>()
    let states = 0
    for (const home of homes) {
      const before = filesOf(home)
      home.settle()
      const recovered = home.fork()
      const cut = await crashesOf(recovered, async (files) => {
        const recovery = await recover(files)
        fates.set(recovery.fate, (fates.get(recovery.fate) ?? 0) + 1)
        judge(before, files.world, recovery)
        const settled = filesOf(files.world)
        expect((await recover(files)).fate).toBe('none')
        expect(filesOf(files.world)).toEqual(settled)
      })
      states += 1 + cut.length
      for (const again of cut) {
        again.settle()
        judge(before, again, await recover(new CrashFileSystem(again)))
      }
    }
    const kinds = [...fates].map(([fate, number]) => `${fate} ${number}`).join(', ')
    console.log(`old homes: ${homes.length} crashed, ${states} states with those of our recovery; ${kinds}`)
    expect(homes.length).toBeGreaterThan(50)
    for (const fate of ['restored', 'finished', 'not_made', 'unrelated']) expect([...fates.keys()]).toContain(fate)
  })
})
