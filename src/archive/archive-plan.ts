// Which layers an archive holds, and which layers of the home each stands for.
//
// An archived layer is what lies between two places of the box's chains that matter: its snapshots, its live disk, and where
// chains part. Layers in between are taken together with the one above, so a box makes the same archive before and after its
// chains are merged. An order that depends on nothing but the record makes the archive repeatable.

import type { Disk } from '../disk/disk.ts'
import { BoxLiteError } from '../error.ts'
import type { BoxRecord, SnapshotRecord } from '../operation/record.ts'
import { checkChainLength, type Chains, type LayerFacts } from './layer-chain.ts'
import type { LayerSpan } from './layer-runs.ts'
import type { ArchivedSnapshot, Manifest } from './manifest.ts'

/** A layer to archive. */
export interface PlannedLayer {
  /** Name of the home's layer at its top. */
  readonly top: string
  /** How many layers of the home it stands for. */
  readonly depth: number
  /** Its parent's place in the list. */
  readonly parent: number | null
  readonly virtualSizeBytes: number
}

/** What an archive of a box holds. */
export interface ArchivePlan {
  readonly layers: readonly PlannedLayer[]
  readonly snapshots: readonly ArchivedSnapshot[]
  readonly live: Manifest['live']
}

/** What a plan needs to know of a box; layers by the names that `Chains` knows. */
export type PlannedBox = Pick<BoxRecord, 'live' | 'liveParent' | 'snapshots'>

export interface PlanOptions {
  /** The one snapshot to archive; null: the box with all of them. */
  readonly only: SnapshotRecord | null
  /** Whether the layer at the bottom is kept apart, to be left out. */
  readonly baseApart: boolean
}

/** The plan for a box, or for one of its snapshots. */
export async function planArchive(chains: Chains, box: PlannedBox, { only, baseApart }: PlanOptions): Promise<ArchivePlan> {
  const chosen = only === null ? box.snapshots : [only]
  const tops = [...chosen.map((snapshot) => snapshot.layer), only === null ? box.live : only.layer]
  const planning: Planning = { apart: await layersApart(chains, tops, baseApart), places: new Map(), layers: [] }
  for (const top of tops) await planChain(chains, top, planning)
  const placeOf = (layer: string): number => planning.places.get(layer) as number
  const numberOf = new Map(chosen.map(({ id }, index) => [id, index]))
  const parentOf = (id: string | null): number | null => (id === null ? null : (numberOf.get(id) ?? null))
  return {
    layers: planning.layers,
    snapshots: chosen.map(({ name, description, createdAt, consistency, layer, parent }) => ({
      name,
      description,
      createdAt,
      consistency,
      layer: placeOf(layer),
      parent: parentOf(parent),
    })),
    live: only === null ? { layer: placeOf(box.live), parent: parentOf(box.liveParent) } : { layer: placeOf(only.layer), parent: 0 },
  }
}

/** The layers that are not taken together with the one above. */
async function layersApart(chains: Chains, tops: readonly string[], baseApart: boolean): Promise<ReadonlySet<string>> {
  const apart = new Set(tops)
  const above = new Map<string, string>()
  const seen = new Set<string>()
  for (const top of tops) {
    let child: string | null = null
    for (let name: string | null = top; name !== null; ) {
      // Where chains part, both stand on it.
      if (child !== null && (above.get(name) ?? child) !== child) apart.add(name)
      if (child !== null) above.set(name, child)
      // What lies below was looked at on the way down from another top.
      if (seen.has(name)) break
      seen.add(name)
      const { virtualSizeBytes, below }: LayerFacts = await chains.facts(name)
      // A layer that is shorter than the one below hides the rest of it from all above.
      const isShorter = below !== null && virtualSizeBytes < (await chains.facts(below)).virtualSizeBytes
      if (isShorter || (below === null && baseApart)) apart.add(name)
      child = name
      name = below
    }
  }
  return apart
}

interface Planning {
  readonly apart: ReadonlySet<string>
  readonly places: Map<string, number>
  readonly layers: PlannedLayer[]
}

/** Plans the layers from `top` down to one that is planned, or to the bottom. */
async function planChain(chains: Chains, top: string, { apart, places, layers }: Planning): Promise<void> {
  const fresh: string[] = []
  let lower: string | null = top
  for (; lower !== null && !places.has(lower); lower = (await chains.facts(lower)).below) {
    checkChainLength(top, fresh.length)
    fresh.push(lower)
  }
  let parent: number | null = lower === null ? null : (places.get(lower) as number)
  let depth = 0
  for (const name of fresh.toReversed()) {
    depth += 1
    if (!apart.has(name)) continue
    places.set(name, layers.length)
    layers.push({ top: name, depth, parent, virtualSizeBytes: (await chains.facts(name)).virtualSizeBytes })
    parent = layers.length - 1
    depth = 0
  }
}

/** The part of an open chain that a planned layer stands for. */
export async function spanOf(chains: Chains, { top, depth, parent }: PlannedLayer, disk: Disk): Promise<LayerSpan> {
  const lowest = (await chains.names(top, depth)).at(-1) as string
  const { format } = await chains.facts(lowest)
  return { disk, depth, bottom: parent === null, rawDepth: format === 'raw' ? depth - 1 : null }
}

/** The snapshot of a box with this id or, failing that, this name; `not_found` where there is none. */
export function findSnapshot(box: BoxRecord, wanted: string): SnapshotRecord {
  const found = box.snapshots.find(({ id }) => id === wanted) ?? box.snapshots.find(({ name }) => name === wanted)
  if (found === undefined) throw new BoxLiteError('not_found', `snapshot '${wanted}' not found for box '${box.id}'`, { facts: { boxId: box.id } })
  return found
}
