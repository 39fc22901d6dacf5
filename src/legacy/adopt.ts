// Adopts a box of a home of the prior implementation: settles what was interrupted there, then copies its disk and snapshots
// into a new box of this home. The marker's recovery aside, nothing in the old home is changed.

import { planArchive, type PlannedBox, type PlannedLayer, spanOf } from '../archive/archive-plan.ts'
import { LayerChains } from '../archive/layer-chain.ts'
import { copyLayer } from '../archive/layer-copy.ts'
import { newBoxOperation } from '../archive/new-box.ts'
import { type ArchiveOptions, ArchiveMeter } from '../archive/progress.ts'
import { Core } from '../core/core.ts'
import type { Codec } from '../disk/codec.ts'
import { BoxLiteError } from '../error.ts'
import type { LayerFile } from '../host.ts'
import { checkName } from '../name.ts'
import type { NewLayer } from '../operation/operation.ts'
import type { BoxRecord, SnapshotRecord } from '../operation/record.ts'
import { perform, type PerformHost } from '../perform.ts'
import { OldChains } from './old-chains.ts'
import type { OldFiles } from './old-files.ts'
import { recoverOldBox, type OldRecovery } from './recover-old-box.ts'

/** A home of the prior implementation. */
export interface OldHome {
  readonly files: OldFiles
  /** What says that a machine of the box may be alive, in words; null when nothing does. */
  evidenceOfMachine(boxId: string): Promise<string | null>
}

export interface AdoptOptions extends ArchiveOptions {
  /** Gives new ids: 32 random lower-case hex digits each. */
  readonly newId: () => string
  /** When the box is made, in milliseconds since 1970: the `createdAt` of its configuration. */
  readonly nowMs: number
  readonly codec?: Codec
}

/** The box that was made, and what had to be settled before. */
export interface Adoption {
  readonly record: BoxRecord
  readonly recovery: OldRecovery
}

/**
 * Makes a box, named by its old id, of box `boxId` of an old home. `busy` while a machine of it may be alive, `not_found` where
 * there is no such box, `invalid_state` where it needs a person's attention first, `already_exists` when it was adopted before.
 * Snapshots keep their names; when they were taken is when their disks were last written.
 */
export async function adoptBox(host: PerformHost, home: OldHome, boxId: string, options: AdoptOptions): Promise<Adoption> {
  const core = await Core.create()
  // Before it becomes part of a path.
  checkName(core, 'Box', boxId)
  const evidence = await home.evidenceOfMachine(boxId)
  if (evidence !== null) {
    throw new BoxLiteError('busy', `box '${boxId}' of the old home may be running: ${evidence}`, {
      remedy: 'Stop the box with the program that started it, then try again.',
      facts: { boxId, evidence },
    })
  }
  const recovery = await recoverOldBox(core, home.files, boxId)
  const live = `boxes/${boxId}/disks/disk.qcow2`
  if (recovery.attention !== null && recovery.fate !== 'unrelated') {
    throw new BoxLiteError('invalid_state', recovery.attention, { facts: { boxId, fate: recovery.fate } })
  }
  for (const [path, kind] of [[`boxes/${boxId}/disks`, 'directory'], [live, 'file']] as const) {
    if ((await home.files.kind(path)) === kind) continue
    throw new BoxLiteError('invalid_state', `box '${boxId}' of the old home has no disk`, { facts: { boxId, path } })
  }
  const chains = new OldChains(home.files, boxId, options.codec)
  const snapshots = await listSnapshots(home.files, chains, boxId)
  const liveParent = await parentOf(chains, live, snapshots)
  const record = await copyBox(core, host, { chains, boxId, options, box: { live, liveParent, snapshots } })
  return { record, recovery }
}

/** The snapshots of a box, parents first. Their ids, here, are their names, and their layers paths. */
async function listSnapshots(files: OldFiles, chains: OldChains, boxId: string): Promise<SnapshotRecord[]> {
  const folder = `boxes/${boxId}/snapshots`
  if ((await files.kind(folder)) !== 'directory') return []
  const found: { snapshot: SnapshotRecord; depth: number }[] = []
  for (const name of (await files.list(folder)).toSorted()) {
    const layer = `${folder}/${name}/disk.qcow2`
    if ((await files.kind(`${folder}/${name}`)) !== 'directory' || (await files.kind(layer)) !== 'file') continue
    const { virtualSizeBytes } = await chains.facts(layer)
    const createdAt = Math.floor((await files.modifiedMs?.(layer)) ?? 0)
    const depth = (await chains.names(layer)).length
    const facts = { description: '', state: null, createdAt, virtualSizeBytes: String(virtualSizeBytes), consistency: 'crash' } as const
    found.push({ snapshot: { id: name, name, layer, parent: null, ...facts }, depth })
  }
  const ordered = found.toSorted((a, b) => a.depth - b.depth || a.snapshot.createdAt - b.snapshot.createdAt).map(({ snapshot }) => snapshot)
  const snapshots: SnapshotRecord[] = []
  for (const snapshot of ordered) snapshots.push({ ...snapshot, parent: await parentOf(chains, snapshot.layer, ordered) })
  return snapshots
}

/** The snapshot that a disk stands on, right below or further down. */
async function parentOf(chains: OldChains, path: string, snapshots: readonly SnapshotRecord[]): Promise<string | null> {
  const below = (await chains.names(path)).slice(1)
  const nearest = below.find((name) => snapshots.some(({ layer }) => layer === name))
  return snapshots.find(({ layer }) => layer === nearest)?.id ?? null
}

interface Copying {
  readonly chains: OldChains
  readonly boxId: string
  readonly box: PlannedBox
  readonly options: AdoptOptions
}

async function copyBox(core: Core, host: PerformHost, { chains, boxId, box, options }: Copying): Promise<BoxRecord> {
  const plan = await planArchive(chains, box, { only: null, baseApart: false })
  const operation = newBoxOperation({ ...plan, name: boxId, config: { createdAt: options.nowMs } }, null, options.newId)
  const progress = new ArchiveMeter(options)
  progress.begin('adopt', null)
  const targets = new LayerChains(host.store, options.codec)
  const fill = async (index: number, layer: NewLayer, file: LayerFile): Promise<void> => {
    const planned = plan.layers[index] as PlannedLayer
    const source = await chains.open(planned.top)
    try {
      const span = await spanOf(chains, planned, source.disk)
      await targets.fillNew(layer, file, planned.virtualSizeBytes, (target) => copyLayer(span, target, progress))
    } finally {
      await source.close()
    }
  }
  return (await perform(core, operation, { ...host, signal: options.signal, bulk: { ...host.bulk, fill } })).record
}
