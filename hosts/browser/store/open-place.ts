// The layers of a home, for the worker of a machine: it writes in the name of the page that holds the box, and when the box is
// taken from that page, it writes no more.

import type { OpenLayer } from '../../v86/live-disk.ts'
import { Database } from './database.ts'
import { LayerFiles } from './layer-files.ts'
import { readPlace } from './place.ts'
import { TabLocks } from './tab-locks.ts'

/** `place` is what `BrowserStore.placeOf` gave. What is opened ends with the worker. */
export async function openPlace(place: string): Promise<OpenLayer> {
  const { database: name, homeId, fence } = readPlace(place)
  const database = new Database(name, homeId)
  const files = new LayerFiles(database, new TabLocks(database))
  return (layer, mode) => files.open(layer, mode, [fence])
}
