// Giving space back: what nothing reaches is deleted, and layers that nothing names are folded into the one above.

import type { Layer } from './disk/disk.ts'
import { mergeLayers } from './disk/merge.ts'
import { checkAborted } from './aborted.ts'
import { isBoxLiteError } from './error.ts'
import type { HomeAccess } from './home-access.ts'
import type { LayerFile } from './host.ts'
import { dropLeftExports, isLeftExport } from './machine/left-exports.ts'
import { listBoxes } from './name-index.ts'
import type { Collect, Finding, Outcome } from './operation/operation.ts'
import type { Fold, HeldLock } from './perform.ts'
import type { CallOptions } from './progress.ts'
import { layerFormat } from './store/names.ts'

export interface PruneReport {
  /** Layers, states and temporary files that were deleted. */
  readonly deleted: number
  /** Layers that were folded into the one above. */
  readonly merged: number
  /** Whether everything could be looked at; where not, nothing was deleted. */
  readonly complete: boolean
  readonly findings: readonly Finding[]
}

/** How far giving space back is: `collect` deletes what nothing reaches, `merge` folds layers. How much there is shows as it goes. */
export type PruneProgress =
  | { readonly stage: 'collect'; readonly deletedFiles: number }
  | { readonly stage: 'merge'; readonly mergedLayers: number }

/** `signal` ends it between two files or within one; what was given back by then stays so. */
export type PruneOptions = CallOptions<PruneProgress>

const FOLDS_AT_ONCE = 1000

/** Alone in the home; `busy` while others work in it. Folding waits for boxes that someone has, and says so in the findings. */
export async function pruneHome(home: HomeAccess, { signal, onProgress }: PruneOptions): Promise<PruneReport> {
  checkAborted(signal)
  const lock = await home.lockHome('exclusive')
  const held = [{ scope: { kind: 'home', mode: 'exclusive' }, held: lock }] as const
  const collect = async (deletedFiles: number): Promise<Outcome<Collect>> => {
    onProgress?.({ stage: 'collect', deletedFiles })
    const outcome = await home.run({ kind: 'collect', dryRun: false }, { held, signal })
    checkAborted(signal)
    return outcome
  }
  try {
    await dropAllLeftExports(home, held)
    const first = await collect(0)
    if (!first.complete) return { deleted: first.deleted, merged: 0, complete: false, findings: first.findings }
    await removeLeftMachineFiles(home)
    const findings: Finding[] = []
    let merged = 0
    for (let folded = FOLDS_AT_ONCE; folded === FOLDS_AT_ONCE; merged += folded) {
      let done = merged
      const fold = async (layers: Fold, target: LayerFile): Promise<void> => {
        onProgress?.({ stage: 'merge', mergedLayers: done++ })
        checkAborted(signal)
        await foldLayers(home, layers, target, signal)
      }
      const outcome = await home.run({ kind: 'merge', temporaryId: home.host.newId(), limit: FOLDS_AT_ONCE }, { held, bulk: { fold } })
      checkAborted(signal)
      folded = outcome.merged
      findings.push(...outcome.findings)
    }
    // A layer that was folded into another is garbage now.
    const last = merged === 0 ? first : await collect(first.deleted)
    const deleted = first.deleted + (merged === 0 ? 0 : last.deleted)
    // What stays is found again each time, and told once.
    const gone = merged === 0 ? [] : first.findings.filter(({ kind }) => kind === 'garbage')
    return { deleted, merged, complete: last.complete, findings: [...gone, ...findings, ...last.findings] }
  } finally {
    await lock.release()
  }
}

/** Alone in the home: no export is under way. */
async function dropAllLeftExports(home: HomeAccess, held: readonly HeldLock[]): Promise<void> {
  for (const id of await listBoxes(home.store)) {
    const reading = await home.look(id)
    if (reading.kind !== 'box' || !reading.record.snapshots.some(isLeftExport)) continue
    try {
      await dropLeftExports(home, reading.record, { held })
    } catch (error) {
      // Whoever has the box does it when it ends, or the next prune.
      if (!isBoxLiteError(error, 'busy')) throw error
    }
  }
}

/** Alone in the home: no machine is being made. */
async function removeLeftMachineFiles(home: HomeAccess): Promise<void> {
  const { host: { machineFiles }, store } = home
  for (const id of (await machineFiles?.list(store)) ?? []) {
    const reading = await home.look(id)
    if (reading.kind === 'absent') await machineFiles!.remove(store, id)
    if (reading.kind === 'box' && reading.record.machine === null) await machineFiles!.tidy(store, id)
  }
}

async function foldLayers(home: HomeAccess, { upper, lower, below }: Fold, target: LayerFile, signal?: AbortSignal): Promise<void> {
  const layers: Layer[] = []
  try {
    for (const name of [upper, lower, ...below]) {
      layers.push({ name, format: layerFormat(name), file: await home.store.openLayer(name, 'read') })
    }
    const [top, next, ...rest] = layers as [Layer, Layer, ...Layer[]]
    const first = rest[0]
    await mergeLayers({
      upper: top,
      lower: next,
      below: rest,
      target,
      backing: first === undefined ? null : { name: first.name, format: first.format },
      codec: home.host.codec,
      signal,
    })
  } finally {
    for (const { file } of layers) await file.close()
  }
}
