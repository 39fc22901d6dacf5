// The operation that makes a box of layers and snapshots that come from elsewhere.

import type { BoxCreate } from '../operation/operation.ts'
import type { FoundBase } from './find-base.ts'
import type { ArchivedLayer, Manifest } from './manifest.ts'

/** A box to be made; layers and snapshots name each other by their places. */
export interface NewBox extends Pick<Manifest, 'name' | 'config' | 'snapshots' | 'live'> {
  readonly layers: readonly Pick<ArchivedLayer, 'parent' | 'virtualSizeBytes'>[]
}

/** The operation for `box`, everything in it under new ids. With `base`, the first layer is that one and is not brought in. */
export function newBoxOperation(box: NewBox, base: FoundBase | null, newId: () => string): BoxCreate {
  const names = box.layers.map((_, index) => (index === 0 && base !== null ? base.layer : `${newId()}.qcow2`))
  const ids = box.snapshots.map(() => newId())
  const at = (list: readonly string[], place: number | null): string | null => (place === null ? null : (list[place] as string))
  return {
    kind: 'box.create',
    boxId: newId(),
    name: box.name,
    config: box.config,
    layers: box.layers.map(({ parent }, index) => ({ name: names[index] as string, parent: at(names, parent) })).slice(base === null ? 0 : 1),
    image: base?.image ?? null,
    layerId: newId(),
    base: at(names, box.live.layer),
    sizeBytes: null,
    snapshots: box.snapshots.map(({ name, description, createdAt, consistency, layer, parent }, index) => ({
      id: ids[index] as string,
      name,
      description,
      layer: names[layer] as string,
      createdAt,
      virtualSizeBytes: String(box.layers[layer]?.virtualSizeBytes),
      parent: at(ids, parent),
      consistency,
    })),
    liveParent: at(ids, box.live.parent),
  }
}
