// Finds the base that an archive names by digest among the images of a home.

import type { Core } from '../core/core.ts'
import { BoxLiteError } from '../error.ts'
import type { Store } from '../host.ts'
import { readImageRecord } from '../operation/read-record.ts'
import { digestOfLayer } from './export.ts'
import type { LayerChains } from './layer-chain.ts'
import type { Manifest } from './manifest.ts'
import type { ArchiveMeter } from './progress.ts'
import type { Sha256 } from './sha256.ts'

/** An image, and its layer that an archive's first layer is. */
export interface FoundBase {
  readonly image: string
  readonly layer: string
}

/** What bases are read with. */
export interface BaseReading {
  readonly chains: LayerChains
  readonly sha256: Sha256
  readonly progress: ArchiveMeter
}

const SUFFIX = '.json'

/**
 * The image whose base has the content that the manifest's first layer had; `not_found` where there is none. Every image of
 * that size is read until one fits: a name or a size alone is no proof. A damaged image record is `corrupt`. The home is shared
 * meanwhile, so that nothing is collected that is being read; `busy` while someone is alone in it.
 */
export async function findBase(core: Core, store: Store, manifest: Manifest, reading: BaseReading): Promise<FoundBase> {
  const shared = await store.lock({ kind: 'home', mode: 'shared' })
  if (shared === null) {
    throw new BoxLiteError('busy', 'the home is in use by another process or tab', { remedy: 'Try again when the other process or tab is done.' })
  }
  try {
    return await findAmongImages(core, store, manifest, reading)
  } finally {
    await shared.release()
  }
}

async function findAmongImages(core: Core, store: Store, manifest: Manifest, { chains, sha256, progress }: BaseReading): Promise<FoundBase> {
  const [wanted] = manifest.layers
  for (const name of await store.list('images')) {
    if (!/^[0-9a-f]{64}\.json$/.test(name)) continue
    const image = name.slice(0, -SUFFIX.length)
    const bytes = await store.readRecord('images', image)
    if (bytes === null) continue
    const { layer } = readImageRecord(core, image, bytes)
    const { virtualSizeBytes, below } = await chains.facts(layer)
    if (below !== null || virtualSizeBytes !== wanted?.virtualSizeBytes) continue
    const digest = await digestOfLayer(chains, { top: layer, depth: 1, parent: null, virtualSizeBytes }, sha256, progress)
    if (digest === wanted.sha256) return { image, layer }
  }
  throw new BoxLiteError('not_found', 'the base of the archive is not among the images of this home', {
    remedy: 'Import the image that the box was made from, or an archive that holds its base.',
    facts: { sha256: wanted?.sha256 },
  })
}
