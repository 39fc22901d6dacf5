// Removes a box with its snapshots, and what its machines left in the home beside records and layers.

import type { HomeAccess, RunOptions } from '../home-access.ts'

/** `force` also removes one whose record is damaged. */
export async function removeBox(home: HomeAccess, boxId: string, force: boolean, options: RunOptions = {}): Promise<void> {
  await home.run({ kind: 'box.remove', boxId, force }, options)
  // The box is gone, whatever comes of this; what stays goes with prune, which says why it cannot.
  await home.host.machineFiles?.remove(home.store, boxId).catch(() => undefined)
}
