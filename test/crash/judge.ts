// The judge: whether a disk shows what must be, by readers of its own. Numbers are those of the
// invariants in docs/reliability.md.

import { Content, type Page } from './content.ts'
import { directoryOf, readChain, readRecord, sameBytes, Violation, type GuestBytes, type RecordSeen } from './image-reader.ts'
import type { Machine } from './machines.ts'
import { showsLive, type Alternatives, type BoxTruth, type Expectation } from './truth.ts'
import { Names, ROOT, type World } from './world.ts'

/** What was found of a box that is as it may be. */
export interface BoxSeen {
  readonly record: RecordSeen
  readonly truth: BoxTruth
  /** The live disk as it is, to go on from. */
  readonly pages: readonly (Page | null)[]
}

export interface Seen {
  readonly boxes: ReadonlyMap<string, BoxSeen>
  readonly images: ReadonlyMap<string, GuestBytes>
  /** What has to stay beside the home. */
  readonly beside: readonly Content[]
  /** Every layer that something reaches. */
  readonly reached: ReadonlySet<string>
}

/** Checks invariants 1 to 6 on a disk; throws a `Violation`. */
export function judge(world: World, expected: Expectation): Seen {
  const layers = directoryOf(world, 'layers')
  const reached = new Set<string>()
  const boxes = new Map<string, BoxSeen>()
  const records = recordsIn(world, 'boxes')
  for (const [id, content] of records) {
    const alternatives = expected.boxes.get(id)
    if (alternatives === undefined) throw new Violation(2, `there is a box ${id} that nobody made, or that was removed`)
    boxes.set(id, judgeBox(world, layers, id, content, alternatives, reached))
  }
  for (const [id, alternatives] of expected.boxes) {
    if (!records.has(id) && !alternatives.includes(null)) throw new Violation(4, `box ${id} is gone`)
  }
  judgeNames(boxes)
  const { beside } = expected
  judgeBeside(world, beside)
  return { boxes, images: judgeImages(world, layers, expected, reached), beside, reached }
}

const HOME: ReadonlySet<string> = new Set(['boxes', 'images', 'layers', 'states'])

/** Whatever has to stay beside the home is there, under whatever name. */
function judgeBeside(world: World, beside: readonly Content[]): void {
  if (beside.length === 0) return
  const found: Content[] = []
  const walk = (node: number): void => {
    const state = world.node(node).now
    if (state instanceof Names) for (const child of state.entries.values()) walk(child)
    else if (state instanceof Content) found.push(state)
  }
  for (const [name, node] of world.names(ROOT).entries) if (!HOME.has(name)) walk(node)
  for (const content of new Set(beside)) {
    const wanted = beside.filter((other) => other === content).length
    if (found.filter((other) => other.equals(content)).length < wanted) throw new Violation(6, 'a file beside the home is gone, or has other bytes')
  }
}

/** After recovery and collection: nothing temporary, nothing pending, nothing that is not reached. */
export function judgeTidy(world: World, seen: Seen): void {
  for (const directory of ['boxes', 'images'] as const) {
    for (const name of directoryOf(world, directory).entries.keys()) {
      if (!name.endsWith('.json')) throw new Violation(8, `after recovery there still is ${directory}/${name}`)
    }
  }
  for (const name of directoryOf(world, 'layers').entries.keys()) {
    if (!seen.reached.has(name)) throw new Violation(8, `after recovery there still is layers/${name}, which nothing reaches`)
  }
  for (const [id, { record }] of seen.boxes) {
    if (record.pending !== null) throw new Violation(8, `after recovery box ${id} is still pending`)
  }
}

/** Every machine that lives is the one that its box's record names, runs, and writes into the live layer; no record names a dead one. */
export function judgeMachines(seen: Seen, machines: readonly Machine[]): void {
  for (const machine of machines) {
    const record = seen.boxes.get(machine.boxId)?.record
    const named = (record?.machine ?? null) as { nonce: string } | null
    if (named?.nonce !== machine.record.nonce) throw new Violation(7, `a machine of box ${machine.boxId} lives that its record does not name`)
    if (machine.layer !== record!.live) throw new Violation(5, `the machine of box ${machine.boxId} writes into ${machine.layer}`)
    const asleep = machine.paused ? 'paused' : machine.frozen ? 'frozen' : null
    if (asleep !== null) throw new Violation(7, `the machine of box ${machine.boxId} is left ${asleep}`)
  }
  for (const [id, { record }] of seen.boxes) {
    if (record.machine === null || machines.some((machine) => machine.boxId === id)) continue
    throw new Violation(7, `box ${id} names a machine that is dead`)
  }
}

function recordsIn(world: World, directory: string): Map<string, Content> {
  const records = new Map<string, Content>()
  for (const [name, node] of directoryOf(world, directory).entries) {
    const state = world.node(node).now
    if (name.endsWith('.json') && state instanceof Content) records.set(name.slice(0, -5), state)
    else if (state instanceof Names) throw new Violation(1, `${directory}/${name} is a directory`)
  }
  return records
}

function judgeBox(world: World, layers: Names, id: string, content: Content, alternatives: Alternatives, reached: Set<string>): BoxSeen {
  const record = readRecord(content, id)
  if (record.id !== id) throw new Violation(1, `the record of box ${id} is that of ${record.id}`)
  const live = readChain(world, layers, record.live, reached)
  const snapshots = record.snapshots.map((snapshot) => ({ ...snapshot, bytes: readChain(world, layers, snapshot.layer, reached) }))
  let why = (): Violation => new Violation(2, `there is a box ${id} that was removed`)
  for (const truth of alternatives) {
    if (truth === null) continue
    const problem = compare(truth, record, live, snapshots)
    if (problem === null) return { record, truth, pages: live.pages }
    why = problem
  }
  throw why()
}

function compare(
  truth: BoxTruth,
  record: RecordSeen,
  live: ReturnType<typeof readChain>,
  snapshots: readonly { id: string; name: string; parent: string | null; bytes: ReturnType<typeof readChain> }[],
): (() => Violation) | null {
  const where = `box ${record.id}`
  for (const [id, expected] of truth.snapshots) {
    const found = snapshots.find((snapshot) => snapshot.id === id)
    if (found === undefined) return () => new Violation(3, `${where}: snapshot '${expected.name}' is not listed`)
    if (found.name !== expected.name) return () => new Violation(3, `${where}: snapshot '${expected.name}' is called '${found.name}'`)
    const { name, bytes } = expected
    if (sameBytes(found.bytes, bytes)) continue
    return () => new Violation(5, `${where}: the bytes of snapshot '${name}' changed: ${differences(found.bytes, bytes)}`)
  }
  const extra = snapshots.find((snapshot) => !truth.snapshots.has(snapshot.id))
  if (extra !== undefined) return () => new Violation(4, `${where}: snapshot '${extra.name}' is listed, which was not made, or was removed`)
  const names = new Set(snapshots.map((snapshot) => snapshot.name))
  if (names.size !== snapshots.length) return () => new Violation(3, `${where}: two snapshots have one name`)
  const orphan = snapshots.find(({ parent }) => parent !== null && !truth.snapshots.has(parent))
  if (orphan !== undefined) return () => new Violation(3, `${where}: the parent of snapshot '${orphan.name}' is not listed`)
  if (record.name !== truth.name) return () => new Violation(2, `${where} is called ${record.name}`)
  if (!showsLive(truth, live)) return () => new Violation(2, `${where}: its live bytes are neither those before nor those after`)
  return null
}

function judgeNames(boxes: ReadonlyMap<string, BoxSeen>): void {
  const names = new Set<string>()
  for (const [id, { record }] of boxes) {
    if (record.name === null) continue
    if (names.has(record.name)) throw new Violation(2, `box ${id} has a name that another box has: ${record.name}`)
    names.add(record.name)
  }
}

function judgeImages(world: World, layers: Names, expected: Expectation, reached: Set<string>): Map<string, GuestBytes> {
  const seen = new Map<string, GuestBytes>()
  for (const [id, content] of recordsIn(world, 'images')) {
    const alternatives = expected.images.get(id)
    if (alternatives === undefined) throw new Violation(2, `there is an image ${id} that nobody added, or that was removed`)
    const record = readRecord(content, id) as unknown as { layer: string }
    const bytes = readChain(world, layers, record.layer, reached)
    if (!alternatives.some((alternative) => alternative !== null && sameBytes(alternative, bytes))) {
      throw new Violation(5, `the bytes of image ${id} changed`)
    }
    seen.set(id, bytes)
  }
  for (const [id, alternatives] of expected.images) {
    if (!seen.has(id) && !alternatives.includes(null)) throw new Violation(4, `image ${id} is gone`)
  }
  return seen
}

/** The pages in which two disks differ, by the first word of each. */
function differences(found: GuestBytes, expected: GuestBytes): string {
  const word = (page: Page | null | undefined): string => (page === null || page === undefined ? 'zeros' : (page.words[0]! >>> 0).toString(16))
  const pages = expected.pages.map((page, i) => (page === found.pages[i] ? '' : ` page ${i} is ${word(found.pages[i])}, not ${word(page)}`))
  return pages.join('').trim()
}
