// What a QEMU of this machine sees of the file system inside bubblewrap, where that works.

import { stat } from 'node:fs/promises'
import type { MachineSpec } from '../../../src/engine.ts'
import { fileCall } from '../file-call.ts'
import type { DiskView } from './disk-view.ts'
import type { Places } from './run-directory.ts'
import type { Survey } from './survey.ts'
import type { Launch } from './waiting-process.ts'

/** Whether bubblewrap works, and QEMU would see inside it what this user sees. */
export async function canBeEnclosed({ bubblewrap }: Survey, { layers }: Places): Promise<boolean> {
  // Inside, root has no power over the files of others.
  return bubblewrap !== null && (await fileCall('look at', layers, stat(layers))).uid === process.getuid?.()
}

/** `view`: the layers to see; null: those of all boxes. Null where there is no bubblewrap. */
export function enclosureOf(
  { program, bubblewrap }: Survey,
  { guest, detach }: MachineSpec,
  { layers, run }: Places,
  view: DiskView | null,
): Launch['enclosure'] {
  if (bubblewrap === null) return null
  const readOnly = [guest.kernel, guest.initrd, guest.firmware].filter((path) => path !== '')
  const common = { bubblewrap, program, detach }
  if (view === null) return { ...common, readOnly, writable: [layers, run], directory: layers }
  return { ...common, readOnly: [...readOnly, view.frozen], writable: [run], directory: run }
}
