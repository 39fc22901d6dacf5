// What is left of a console whose machine has ended.

import type { Store } from '../../../src/host.ts'
import { earlierConsole } from './console-file.ts'
import { placesOf } from './run-directory.ts'

/** The console of a box's last machine under QEMU; null where there was none. */
export async function lastQemuConsole(store: Store, boxId: string): Promise<Uint8Array | null> {
  const { run } = await placesOf(store, boxId)
  return earlierConsole(run)
}
