// Finds the base that an archive names by digest among the images of a home.

import { BoxLiteError } from '../error.ts'
import type { Store } from '../host.ts'
import type { ImageRecord } from '../operation/record.ts'
import { digestOfLayer } from './export.ts'
import type { LayerChains } from './layer-chain.ts'
import type { Manifest } from './manifest.ts'
import type { Progress } from './progress.ts'
import type { Sha256 } from './sha256.ts'

/** An image, and its layer that an archive's first layer is. */
export interface FoundBase {
  readonly image: string
  readonly layer: string
}

const SUFFIX = '.json'

/**
 * The image whose base has the content that the manifest's first layer had; `not_found` where there is none. Every image of
 * that size is read until one fits: a name or a size alone is no proof.
 */
export async function findBase(store: Store, chains: LayerChains, manifest: Manifest, sha256: Sha256, progress: Progress): Promise<FoundBase> {
  const [wanted] = manifest.layers
  for (const name of await store.list('images')) {
    if (!name.endsWith(SUFFIX)) continue
    const image = name.slice(0, -SUFFIX.length)
    const bytes = await store.readRecord('images', image)
    if (bytes === null) continue
    const { layer } = JSON.parse(new TextDecoder().decode(bytes)) as ImageRecord
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
