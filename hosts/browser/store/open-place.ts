// The layers of a home, for the worker of a machine: it writes in the name of the page that holds the box, and when the box is
// taken from that page, it writes no more.

import type { OpenLayer } from '../../v86/live-disk.ts'
import { Database } from './database.ts'
import { LayerFiles } from './layer-files.ts'
import { readPlace } from './place.ts'
import { TabLocks } from './tab-locks.ts'

export async function openPlace(place: string): Promise<OpenLayer> {
  const { database: name, fence } = readPlace(place)
  const database = new Database(name)
  const files = new LayerFiles(database, new TabLocks(database))
  return (layer, mode) => files.open(layer, mode, fence === null ? [] : [fence])
}
