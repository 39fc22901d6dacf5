// The checker checks itself: the prior implementation's algorithm must fail it, in each of the ways in
// which it is known to lose data, and for each of them the checker has to find an example.

import { describe, expect, it } from 'vitest'
import { fileError } from '../../src/store/file-error.ts'
import { Content } from './content.ts'
import { CrashFileSystem, type Hook } from './crash-fs.ts'
import { patternPage } from './guest.ts'
import { HashSet } from './hash.ts'
import { qcow2Image } from './image-builder.ts'
import { backingName, readOver, sameBytes, Violation, type GuestBytes } from './image-reader.ts'
import { visitImages } from './images.ts'
import { filling } from './run.ts'
import { BOX, DISK, MARKER, ROWS, seedCreate, seedRecover, seedRestore } from './seed-algorithm.ts'
import { Names, ROOT, World } from './world.ts'

const bounds = { variantsPerNode: 32, imagesPerPoint: 600, seed: 7 }
const disk = filling(0)

function home(): World {
  const world = new World(bounds)
  const boxes = directory(world, ROOT, 'boxes')
  const box = directory(world, boxes, 'b')
  directory(world, ROOT, ROWS)
  directory(world, box, 'snapshots')
  const disks = directory(world, box, 'disks')
  let content = Content.EMPTY
  for (const { offset, bytes } of qcow2Image(disk, null)) {
    content = content.write(offset, bytes).resize(Math.max(content.length, offset + bytes.length))
  }
  const node = world.add(content)
  world.rename(disks, (names) => names.with('disk.qcow2', node))
  world.settle()
  return world
}

function directory(world: World, parent: number, name: string): number {
  const node = world.add(Names.EMPTY)
  world.rename(parent, (names) => names.with(name, node))
  return node
}

function contentAt(world: World, path: string): Content {
  return world.content(nodeAt(world, path))
}

function nodeAt(world: World, path: string): number {
  let node = ROOT
  for (const part of path.split('/')) {
    const child = world.names(node).entries.get(part)
    if (child === undefined) throw new Violation(1, `${path} is gone`)
    node = child
  }
  return node
}

function bytesAt(world: World, path: string, depth = 0): GuestBytes {
  if (depth > 4) throw new Violation(1, `${path} backs on itself`)
  const content = contentAt(world, path)
  const backing = backingName(content)
  return readOver(content, backing === null ? null : bytesAt(world, backing.replace('/home/of/the/test/', ''), depth + 1))
}

/** What must hold: the box has its disk, and each snapshot that the table lists has its bytes. */
function judgeSeed(world: World, live: GuestBytes = disk): void {
  if (!sameBytes(bytesAt(world, DISK), live)) throw new Violation(2, 'the live bytes changed')
  for (const name of namesAt(world, ROWS)) {
    if (!sameBytes(bytesAt(world, `${BOX}/snapshots/${name}/disk.qcow2`), disk)) throw new Violation(5, `the bytes of snapshot '${name}' changed`)
  }
}

function namesAt(world: World, path: string): string[] {
  return [...world.names(nodeAt(world, path)).entries.keys()]
}

/** Cuts `work` at every effect, as a kill and as a power cut, recovers as the seed does, and lists what then is wrong. */
async function violations(world: World, work: (files: CrashFileSystem) => Promise<void>, retry?: (files: CrashFileSystem) => Promise<void>) {
  const seen = new HashSet()
  const killed: World[] = []
  const images: World[] = []
  world.onEffect = () => {
    killed.push(world.fork())
    visitImages(world, (low, high, _model, build) => {
      if (seen.add(low, high)) images.push(build())
    })
  }
  await work(new CrashFileSystem(world))
  const wrong = { kill: new Map<string, number>(), power: new Map<string, number>(), killed: killed.length, images: images.length }
  for (const [model, worlds] of [['kill', killed], ['power', images]] as const) {
    for (const left of worlds) {
      left.tracking = false
      const files = new CrashFileSystem(left)
      await seedRecover(files)
      const before = problem(left)
      await retry?.(files).catch(() => undefined)
      const message = before ?? (retry === undefined ? null : problem(left, 'after the retry: '))
      if (message !== null) wrong[model].set(message, (wrong[model].get(message) ?? 0) + 1)
    }
  }
  return wrong
}

function problem(world: World, when = ''): string | null {
  try {
    judgeSeed(world)
    return null
  } catch (error) {
    if (error instanceof Violation) return when + error.message
    throw error
  }
}

/** The home as it stands when create has come to a call and never returns from it. */
async function stoppedAt(world: World, matches: (name: string, path: string) => boolean): Promise<World> {
  await new Promise<void>((resolve, reject) => {
    const stop: Hook = (call, act) => {
      if (!matches(call.name, call.path)) return act()
      resolve()
      return new Promise(() => undefined)
    }
    seedCreate(new CrashFileSystem(world, stop), 's').then(() => reject(new Error('create was not stopped')), reject)
  })
  return world
}

/** Fails the first call that `matches`, before it takes place. */
function failing(matches: (name: string, path: string) => boolean, errno: string): Hook {
  let failed = false
  return (call, act) => {
    if (failed || !matches(call.name, call.path)) return act()
    failed = true
    throw fileError(errno, call.name, call.path)
  }
}

describe('the algorithm of the prior implementation fails the crash checker', () => {
  it('strands the live disk when power goes: nothing that it does is synced (prior art 4, 5, 6)', async () => {
    const { power } = await violations(home(), (files) => seedCreate(files, 's'))
    expect([...power.keys()]).toContain(`${DISK} is gone`)
    expect([...power.keys()].some((message) => /^no qcow2 header|^cut off/.test(message))).toBe(true)
  })

  it('leaves a torn child after a plain kill, because it is written in place (prior art 4)', async () => {
    const { kill } = await violations(home(), (files) => seedCreate(files, 's'))
    expect([...kill.keys()].some((message) => /^no qcow2 header|^cut off/.test(message))).toBe(true)
  })

  it('turns the disk into its own backing when the user tries again (prior art 2)', async () => {
    const { kill } = await violations(home(), (files) => seedCreate(files, 's'), (files) => seedCreate(files, 's'))
    expect([...kill.keys()].some((message) => message.startsWith('after the retry: ') && message.includes('backs on itself'))).toBe(true)
  })

  it('has no disk between the two steps of a restore (prior art 3)', async () => {
    const world = home()
    await seedCreate(new CrashFileSystem(world), 's')
    world.settle()
    const { kill } = await violations(world, (files) => seedRestore(files, 's'))
    expect([...kill.keys()]).toContain(`${DISK} is gone`)
  })

  it('deletes the only copy when its recovery cannot rename (prior art 1)', async () => {
    const moved = await stoppedAt(home(), (name, path) => name === 'create' && path === DISK)
    for (const errno of ['EXDEV', 'EACCES', 'EROFS', 'EIO']) {
      const left = moved.fork()
      await seedRecover(new CrashFileSystem(left, failing((name, path) => name === 'rename' && path.endsWith(DISK), errno)))
      expect(problem(left)).toBe(`${DISK} is gone`)
      expect(namesAt(left, `${BOX}/snapshots`)).toEqual([])
    }
  })

  it('leaves a box without a disk, and no journal, when the device is full once (prior art 7)', async () => {
    const world = home()
    const full = failing((name, path) => name === 'create' && path === DISK, 'ENOSPC')
    await expect(seedCreate(new CrashFileSystem(world, full), 's')).rejects.toThrow('full')
    await seedRecover(new CrashFileSystem(world))
    expect(problem(world)).toBe(`${DISK} is gone`)
  })

  it('takes a disk that it cannot look at for one that is gone, and loses all that was written since (prior art 8)', async () => {
    const world = await stoppedAt(home(), (name, path) => name === 'unlink' && path === MARKER)
    const node = nodeAt(world, DISK)
    world.write(node, world.content(node).length, patternPage(5))
    const child = contentAt(world, DISK)
    await seedRecover(new CrashFileSystem(world, failing((name, path) => name === 'kind' && path === DISK, 'EACCES')))
    expect(contentAt(world, DISK).equals(child)).toBe(false)
    expect(namesAt(world, `${BOX}/snapshots`)).toEqual([])
  })

  it('lets a running machine write on into the snapshot (prior art 9)', async () => {
    const world = home()
    const open = nodeAt(world, DISK)
    await seedCreate(new CrashFileSystem(world), 's', { quiesce: () => undefined, thaw: () => undefined })
    world.write(open, 5 * 65536, patternPage(6))
    expect(problem(world)).toMatch(/^the live bytes changed|^the bytes of snapshot 's' changed/)
  })

  it('deletes whatever lies in the directory that a marker names, when both disks are missing (prior art 12)', async () => {
    const world = await stoppedAt(home(), (name, path) => name === 'create' && path === DISK)
    const snapshots = nodeAt(world, `${BOX}/snapshots/s`)
    const other = world.add(Content.of(patternPage(9)))
    world.rename(snapshots, (names) => names.without('disk.qcow2').with('notes', other))
    await seedRecover(new CrashFileSystem(world))
    expect(namesAt(world, `${BOX}/snapshots`)).toEqual([])
  })
})
