// The console of a box as those read it who do not own its machine, of whichever engine: from the file that its listeners keep.

import { setTimeout as pause } from 'node:timers/promises'
import { deferred } from '../../../src/deferred.ts'
import type { Store } from '../../../src/host.ts'
import { readConsoleFile, type ConsoleMark } from './console-file.ts'
import { keepConsole } from './keep-console.ts'
import { placesOf } from './run-directory.ts'

const LOOK_EVERY_MS = 200

/**
 * What is kept of the console of a box's machine, or of its last one, oldest first; then what it says until `isOver`. While it is
 * followed it is listened to, so that something is kept where nobody else is there.
 */
export async function* readKeptConsole(store: Store, boxId: string, isOver: () => Promise<boolean>): AsyncGenerator<Uint8Array> {
  const { run } = await placesOf(store, boxId)
  let over = await isOver()
  const left = deferred<void>()
  if (!over) await keepConsole(run, left.promise)
  try {
    let mark: ConsoleMark | null = null
    for (let isLast = over; ; isLast = over) {
      const read = await readConsoleFile(run, mark)
      mark = read.mark
      if (read.bytes.length > 0) yield read.bytes
      if (isLast) return
      // Once more after its end: its last words may be written down a little later.
      await pause(LOOK_EVERY_MS)
      over = await isOver()
    }
  } finally {
    left.resolve()
  }
}
