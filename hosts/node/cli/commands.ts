// Every command there is, in the order in which help shows them.

import type { Command } from './command.ts'
import { diskCheck } from './disk/check.ts'
import { diskCreate } from './disk/create.ts'
import { diskInfo } from './disk/info.ts'

export interface CommandGroup {
  /** The words before the command's own: `disk`, or '' for the program. */
  readonly path: string
  readonly title: string
  readonly notes: readonly string[]
}

export const groups: readonly CommandGroup[] = [
  {
    path: '',
    title: 'boxlite: boxes with their own disks and snapshots.',
    notes: ['BOXLITE_HOME names the home (default: ~/.boxlite/store). BOXLITE_DEBUG=1 adds a stack trace to an error.'],
  },
  {
    path: 'disk',
    title: 'Disk images on their own: what qemu-img does, wherever Node runs.',
    notes: ["Sizes are bytes, or have a unit that is a power of 1024: 512, 64K, 1.5G, 2T. '-' is standard input or output."],
  },
]

export const commands: readonly Command[] = [diskCreate, diskInfo, diskCheck]
