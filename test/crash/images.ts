// Every disk that a power cut may leave of a world: one variant of each node, in all combinations
// while they are few enough, else the telling ones and seeded samples. Images are told apart by a hash
// before they are built, because most of them were seen at the effect before.

import { Content } from './content.ts'
import { mix, Random } from './hash.ts'
import { Names, ROOT, settled, Tear, World, type Node, type NodeState, type Variant } from './world.ts'

/** The persistence model that an image needs. */
export type Model = 'kill' | 'ordered' | 'subset' | 'length' | 'torn 4096' | 'torn 512'
export const MODELS: readonly Model[] = ['kill', 'ordered', 'subset', 'length', 'torn 4096', 'torn 512']

/** Called with each image's hash and model; `build` makes the world that is mounted after the crash. */
export type VisitImage = (low: number, high: number, model: Model, build: () => World) => void

type Choice = ReadonlyMap<number, Variant>

/** Visits what a power cut now may leave. An image may be visited more than once. */
export function visitImages(world: World, visit: VisitImage): void {
  visitChoice(world, new Map(), 'ordered', visit)
  for (const nodes of world.ordered) visitChoice(world, newest(nodes), 'ordered', visit)
  const loose = [...world.nodes].filter(([, node]) => node.variants.length > 1)
  let product = 1
  for (const [, node] of loose) product *= node.variants.length
  if (product <= world.bounds.imagesPerPoint) visitAll(world, loose, visit)
  else visitSamples(world, loose, visit)
}

/** The hash of the disk as programs see it now. */
export function visibleHash(world: World): { low: number; high: number } {
  return hashImage(world, new Map())
}

function visitAll(world: World, loose: [number, Node][], visit: VisitImage): void {
  const choice = new Map<number, Variant>()
  const choose = (at: number): void => {
    if (at === loose.length) return visitChoice(world, choice, 'subset', visit)
    const [id, node] = loose[at]!
    for (const variant of node.variants) {
      choice.set(id, variant)
      choose(at + 1)
    }
  }
  choose(0)
}

/** Each node alone in each of its states among the newest of all others, then seeded samples of the product. */
function visitSamples(world: World, loose: [number, Node][], visit: VisitImage): void {
  for (const [id, node] of loose) for (const variant of node.variants) visitChoice(world, new Map([[id, variant]]), 'subset', visit)
  const hash = visibleHash(world)
  const random = new Random(mix(hash.low, world.bounds.seed))
  for (let i = 0; i < world.bounds.imagesPerPoint; i++) {
    visitChoice(world, new Map(loose.map(([id, node]) => [id, random.pick(node.variants)])), 'subset', visit)
  }
}

function newest(nodes: ReadonlyMap<number, Node>): Choice {
  return new Map([...nodes].map(([id, node]) => [id, { state: node.now, tear: Tear.NONE }]))
}

function visitChoice(world: World, choice: Choice, least: Model, visit: VisitImage): void {
  const hash = hashImage(world, choice)
  visit(hash.low, hash.high, modelOf(choice, least), () => buildImage(world, choice))
}

function modelOf(choice: Choice, least: Model): Model {
  let tear: Tear = Tear.NONE
  for (const variant of choice.values()) if (variant.tear > tear) tear = variant.tear
  return tear === Tear.NONE ? least : tear === Tear.LENGTH ? 'length' : tear === Tear.TORN_4096 ? 'torn 4096' : 'torn 512'
}

function stateOf(world: World, choice: Choice, id: number): NodeState {
  return choice.get(id)?.state ?? world.nodes.get(id)!.now
}

function hashImage(world: World, choice: Choice): { low: number; high: number } {
  const sum = { low: 0, high: 0 }
  hashDirectory(world, choice, ROOT, 0x51ab, 0x7e2f, sum)
  return sum
}

function hashDirectory(world: World, choice: Choice, id: number, low: number, high: number, sum: { low: number; high: number }): void {
  for (const entry of (stateOf(world, choice, id) as Names).hashed) {
    const child = entry.node
    const pathLow = mix(low, entry.low)
    const pathHigh = mix(high, entry.high)
    const state = stateOf(world, choice, child)
    if (state instanceof Names) {
      sum.low = (sum.low + mix(pathLow, 1)) | 0
      sum.high = (sum.high + mix(pathHigh, 1)) | 0
      hashDirectory(world, choice, child, pathLow, pathHigh, sum)
    } else {
      const seen = state instanceof Content ? state.clip() : state
      sum.low = (sum.low + mix(pathLow, seen.low)) | 0
      sum.high = (sum.high + mix(pathHigh, seen.high)) | 0
    }
  }
}

function buildImage(world: World, choice: Choice): World {
  const nodes = new Map<number, Node>()
  const copy = (id: number): void => {
    const state = stateOf(world, choice, id)
    if (state instanceof Names) {
      nodes.set(id, settled(state))
      for (const child of state.entries.values()) copy(child)
    } else nodes.set(id, settled(state instanceof Content ? state.clip() : state))
  }
  copy(ROOT)
  const image = new World(world.bounds, nodes)
  image.tracking = world.tracking
  return image
}
