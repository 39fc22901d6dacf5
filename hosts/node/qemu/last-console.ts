// What is left of a console whose machine has ended.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isBoxLiteError } from '../../../src/error.ts'
import type { Store } from '../../../src/host.ts'
import { fileCall } from '../file-call.ts'
import { CONSOLE_FILE } from './console-file.ts'
import { placesOf } from './run-directory.ts'

/** The console of a box's last machine under QEMU; null where there was none. */
export async function lastQemuConsole(store: Store, boxId: string): Promise<Uint8Array | null> {
  const { run } = await placesOf(store, boxId)
  const path = join(run, CONSOLE_FILE)
  try {
    return await fileCall('read', path, readFile(path))
  } catch (error) {
    if (isBoxLiteError(error, 'not_found')) return null
    throw error
  }
}
