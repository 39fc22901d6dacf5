// The homes that runs start from, made by the shipped operations, and the operations that are cut in
// them. Everything is deterministic: the same ids, times and bytes each time, so that equal states of
// different runs are equal and are counted once.

import type { Core } from '../../src/core/core.ts'
import type { Operation } from '../../src/operation/operation.ts'
import type { MachineRecord } from '../../src/operation/record.ts'
import { openHome } from '../../src/store/home.ts'
import { CrashFileSystem } from './crash-fs.ts'
import { directoryOf, readRecord } from './image-reader.ts'
import type { Machines } from './machines.ts'
import { Run } from './run.ts'
import { adoption, makeOldHome, OLD_KINDS, type OldKind } from './old-homes.ts'
import { Content } from './content.ts'
import { Expectation, type Task } from './truth.ts'
import { Link, Names, ROOT, World, type Bounds } from './world.ts'

export const id = (n: number): string => n.toString(16).padStart(32, '0')
export const IMAGE = 'd'.repeat(64)
/** An image that no box stands on. */
const SPARE = 'c'.repeat(64)
export const BOX_A = id(0xa)
export const BOX_B = id(0xb)
const NOW_MS = 1_790_000_000_000

/** A home to fork runs from. Everything in it is durable. */
export interface Home {
  readonly name: string
  readonly world: World
  readonly base: Expectation
  readonly machines: Machines
}

export function runIn(home: Home, bounds: Bounds): Run {
  const world = home.world.fork(bounds)
  return new Run(world, home.base, home.machines.copy(world))
}

/** Homes of ours alone: every operation is run in each. */
export const HOME_KINDS = ['rich', 'plain', 'running', 'detached', 'silent', 'linked'] as const
export type HomeKind = (typeof HOME_KINDS)[number] | OldKind

/**
 * `plain`: an image and box A on it, and an image that nothing stands on. `rich`: A with snapshots and data in each of its
 * layers, an unnamed layer between them (to be merged), B cloned from a snapshot of A, and layers that nothing reaches.
 * `linked`: `rich`, with links out of the home planted wherever a name is free. The next: `rich`, and A runs: a machine that dies
 * with its owner and has no guest agent; one that outlives it (`detached`); one that does, and answers nothing (`silent`). Those
 * of old-homes.ts: an image and box A on it, beside an old home.
 */
export async function makeHome(core: Core, kind: HomeKind, bounds: Bounds): Promise<Home> {
  const world = new World(bounds)
  world.tracking = false
  await openHome(new CrashFileSystem(world), 'first')
  const run = new Run(world, Expectation.EMPTY)
  const process = run.process(core)
  const perform = (operation: Operation): Promise<unknown> => run.perform(process, operation)
  await perform(imageAdd(IMAGE, 'debian:13', 1))
  await perform(boxCreate(BOX_A, 'a', id(2)))
  writePages(run, BOX_A, 2)
  const isOld = (OLD_KINDS as readonly string[]).includes(kind)
  if (kind === 'plain') await perform(imageAdd(SPARE, 'spare:1', 13))
  if (kind !== 'plain' && !isOld) {
    await perform(snapshotCreate('s1', id(3), id(4)))
    writePages(run, BOX_A, 1)
    await perform(snapshotCreate('gone', id(5), id(6)))
    writePages(run, BOX_A, 2)
    await perform(snapshotCreate('s2', id(7), id(8)))
    await perform({ kind: 'snapshot.remove', boxId: BOX_A, snapshot: 'gone' })
    await perform(clone('s1', BOX_B, 'b', id(9), id(10)))
    writePages(run, BOX_B, 1)
    await perform(boxCreate(id(0xc), 'c', id(11)))
    await perform({ kind: 'box.remove', boxId: id(0xc), force: false })
  }
  if (kind === 'running' || kind === 'detached' || kind === 'silent') await startMachine(run, process, kind)
  const beside = isOld ? await makeOldHome(world, kind as OldKind) : kind === 'linked' ? plantLinks(world) : []
  world.settle()
  world.tracking = true
  return { name: kind, world, base: run.expected.withBeside(beside), machines: run.machines }
}

/**
 * Links to a file and to a directory beside the home: as a layer and as a machine that nothing reaches, as temporary files, and
 * under the name that the first new layer of an operation will want. Returns what lies there.
 */
function plantLinks(world: World): Content[] {
  const precious = Content.of(new TextEncoder().encode('what is beside the home'))
  const file = world.add(precious)
  const directory = world.add(Names.EMPTY.with('file', world.add(precious)))
  world.rename(ROOT, (names) => names.with('file', file).with('directory', directory))
  const plant = (place: string, name: string, target: string): void => {
    const link = world.add(new Link(`../${target}`))
    world.rename(world.names(ROOT).entries.get(place)!, (names) => names.with(name, link))
  }
  plant('layers', `${id(0xe1)}.qcow2`, 'file')
  plant('layers', `${id(0xe2)}.tmp`, 'file')
  plant('layers', `${id(0x1001)}.qcow2`, 'file')
  plant('boxes', `${BOX_A}.p99-0.tmp`, 'file')
  plant('images', `${IMAGE}.p99-0.tmp`, 'directory')
  for (const target of ['file', 'directory']) plant('states', id(target.length), target)
  return [precious, precious]
}

async function startMachine(run: Run, process: ReturnType<Run['process']>, kind: HomeKind): Promise<void> {
  const machine: MachineRecord = { pid: 7, startTime: '1', bootId: 'boot', nonce: 'n1', detached: kind !== 'running' }
  await run.perform(process, { kind: 'box.start', boxId: BOX_A, machine })
  run.machines.launch(BOX_A, machine, liveLayer(run, BOX_A), kind === 'silent' ? 'silent' : kind === 'running' ? 'agentless' : 'answers')
}

export function liveLayer(run: Run, boxId: string): string {
  const node = directoryOf(run.world, 'boxes').entries.get(`${boxId}.json`)!
  return readRecord(run.world.content(node), boxId).live
}

/** Pages written by the guest of a box that nothing else uses, and flushed. */
function writePages(run: Run, boxId: string, count: number): void {
  const nonce = `writer-${boxId}`
  run.machines.launch(boxId, { pid: 1, startTime: '', bootId: '', nonce, detached: false }, liveLayer(run, boxId))
  for (let i = 0; i < count; i++) run.machines.issue(nonce)
  run.machines.flush(nonce, run)
  run.machines.end(nonce)
}

function boxCreate(boxId: string, name: string, layerId: string): Operation {
  const disk = { layers: [], image: IMAGE, layerId, base: 'image', sizeBytes: null, snapshots: [], liveParent: null }
  return { kind: 'box.create', boxId, name, config: {}, ...disk }
}

function snapshotCreate(name: string, snapshotId: string, layerId: string, boxId = BOX_A): Operation {
  return { kind: 'snapshot.create', boxId, name, description: '', snapshotId, layerId, nowMs: NOW_MS }
}

function clone(snapshot: string | null, cloneId: string, name: string, cloneLayerId: string, layerId: string): Operation {
  return { kind: 'clone', boxId: BOX_A, snapshot, cloneId, name, config: null, cloneLayerId, layerId }
}

function boxImport(boxId: string, name: string, first: number): Operation {
  const [base, top] = [`${id(first)}.raw`, `${id(first + 1)}.qcow2`]
  const snapshot = { id: id(first + 2), name: 'imported', description: '', layer: base, createdAt: NOW_MS, virtualSizeBytes: '131072' }
  const layers = [
    { name: base, parent: null },
    { name: top, parent: base },
  ]
  const snapshots = [{ ...snapshot, parent: null, consistency: 'stopped' as const }]
  const disk = { layers, image: null, layerId: id(first + 3), base: top, sizeBytes: null, snapshots, liveParent: snapshot.id }
  return { kind: 'box.create', boxId, name, config: {}, ...disk }
}

function imageAdd(imageId: string, reference: string, layer: number): Operation {
  return { kind: 'image.add', imageId, reference, layers: [{ name: `${id(layer)}.raw`, parent: null }], nowMs: NOW_MS }
}

/** An operation by name; `first` is the first of 16 ids of its own, `tag` ends the names that it gives. */
export type Template = (first: number, tag: string) => Operation

export const TEMPLATES: Readonly<Record<string, Template>> = {
  create: (first, tag) => boxCreate(id(first), `new${tag}`, id(first + 1)),
  import: (first, tag) => boxImport(id(first), `imported${tag}`, first + 1),
  snapshot: (first, tag) => snapshotCreate(`t${tag}`, id(first), id(first + 1)),
  'snapshot b': (first, tag) => snapshotCreate(`t${tag}`, id(first), id(first + 1), BOX_B),
  restore: (first) => ({ kind: 'snapshot.restore', boxId: BOX_A, snapshot: 's1', layerId: id(first), keepCurrent: null, nowMs: NOW_MS }),
  'restore and keep': (first, tag) => {
    const keepCurrent = { name: `kept${tag}`, snapshotId: id(first + 1) }
    return { kind: 'snapshot.restore', boxId: BOX_A, snapshot: 's2', layerId: id(first), keepCurrent, nowMs: NOW_MS }
  },
  'remove s1': () => ({ kind: 'snapshot.remove', boxId: BOX_A, snapshot: 's1' }),
  'remove s2': () => ({ kind: 'snapshot.remove', boxId: BOX_A, snapshot: 's2' }),
  'clone live': (first, tag) => clone(null, id(first), `copy${tag}`, id(first + 1), id(first + 2)),
  'clone s2': (first, tag) => clone('s2', id(first), `copy${tag}`, id(first + 1), id(first + 2)),
  'delete a': () => ({ kind: 'box.remove', boxId: BOX_A, force: true }),
  'delete b': () => ({ kind: 'box.remove', boxId: BOX_B, force: false }),
  start: (first) => ({
    kind: 'box.start',
    boxId: BOX_A,
    machine: { pid: 9, startTime: '2', bootId: 'boot', nonce: `m${first}`, detached: false },
  }),
  stop: () => ({ kind: 'box.stop', boxId: BOX_A }),
  collect: () => ({ kind: 'collect', dryRun: false }),
  merge: (first) => ({ kind: 'merge', temporaryId: id(first), limit: 4 }),
  'add image': (first) => imageAdd('e'.repeat(64), 'alpine:3', first),
  'remove image': () => ({ kind: 'image.remove', imageId: IMAGE }),
  'remove spare image': () => ({ kind: 'image.remove', imageId: SPARE }),
}

/** Everything that is cut, by name: the operations, and what is done in homes of its own. */
export const TASKS: Readonly<Record<string, (first: number, tag: string) => Task>> = { ...TEMPLATES, adopt: (first) => adoption(first, id) }
