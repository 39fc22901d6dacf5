// Which layers an archive holds, and which layers of the home each stands for.
//
// An archived layer is what lies between two named places of a chain: snapshots, the live disk, and the base at the bottom.
// Layers between them that nothing names are taken together with the one above, so a box makes the same archive before and
// after its chains are merged. An order that depends on nothing but the record makes the archive repeatable.

import type { Disk } from '../disk/disk.ts'
import { BoxLiteError } from '../error.ts'
import type { BoxRecord, SnapshotRecord } from '../operation/record.ts'
import type { Chains } from './layer-chain.ts'
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

/** The plan for a box, or for `only` one of its snapshots. */
export async function planArchive(chains: Chains, box: PlannedBox, only: SnapshotRecord | null): Promise<ArchivePlan> {
  const chosen = only === null ? box.snapshots : [only]
  const tops = [...chosen.map((snapshot) => snapshot.layer), only === null ? box.live : only.layer]
  const named = new Set(tops)
  const places = new Map<string, number>()
  const layers: PlannedLayer[] = []
  for (const top of tops) await planChain(chains, top, { named, places, layers })
  const placeOf = (layer: string): number => places.get(layer) as number
  const numberOf = new Map(chosen.map(({ id }, index) => [id, index]))
  const parentOf = (id: string | null): number | null => (id === null ? null : (numberOf.get(id) ?? null))
  return {
    layers,
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

interface Planning {
  readonly named: ReadonlySet<string>
  readonly places: Map<string, number>
  readonly layers: PlannedLayer[]
}

async function planChain(chains: Chains, top: string, { named, places, layers }: Planning): Promise<void> {
  const names = (await chains.names(top)).toReversed()
  let parent: number | null = null
  let depth = 0
  for (const [index, name] of names.entries()) {
    const { virtualSizeBytes } = await chains.facts(name)
    depth += 1
    const below = index === 0 ? null : await chains.facts(names[index - 1] as string)
    // A layer that is shorter than the one below hides the rest of it from all above, so it has to stay one of its own.
    const shorter = below !== null && virtualSizeBytes < below.virtualSizeBytes
    if (index > 0 && !named.has(name) && !shorter) continue
    const known = places.get(name)
    if (known === undefined) {
      places.set(name, layers.length)
      layers.push({ top: name, depth, parent, virtualSizeBytes })
    }
    parent = known ?? layers.length - 1
    depth = 0
  }
}

/** The part of an open chain that a planned layer stands for. */
export async function spanOf(chains: Chains, layer: PlannedLayer, disk: Disk): Promise<LayerSpan> {
  const { format } = await chains.facts(layer.top)
  return { disk, depth: layer.depth, bottom: layer.parent === null, raw: format === 'raw' }
}

/** The snapshot of a box with this id or, failing that, this name; `not_found` where there is none. */
export function findSnapshot(box: BoxRecord, wanted: string): SnapshotRecord {
  const found = box.snapshots.find(({ id }) => id === wanted) ?? box.snapshots.find(({ name }) => name === wanted)
  if (found === undefined) throw new BoxLiteError('not_found', `snapshot '${wanted}' not found for box '${box.id}'`, { facts: { boxId: box.id } })
  return found
}
