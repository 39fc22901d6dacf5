// Every command there is, in the order in which help shows them.

import { boxAdopt } from './box/adopt.ts'
import { boxClone } from './box/clone.ts'
import { boxCreate } from './box/create.ts'
import { boxExport } from './box/export.ts'
import { homeFsck } from './box/fsck.ts'
import { boxImport } from './box/import.ts'
import { boxShow } from './box/info.ts'
import { boxList } from './box/ls.ts'
import { homePrune } from './box/prune.ts'
import { boxRemove } from './box/rm.ts'
import { snapshotCommands } from './box/snapshot.ts'
import type { Command } from './command.ts'
import { diskCheck } from './disk/check.ts'
import { diskCompare } from './disk/compare.ts'
import { diskConvert } from './disk/convert.ts'
import { diskCreate } from './disk/create.ts'
import { diskInfo } from './disk/info.ts'
import { diskMap } from './disk/map.ts'
import { diskMerge } from './disk/merge.ts'
import { diskRead } from './disk/read.ts'
import { diskRepoint } from './disk/repoint.ts'
import { diskResize } from './disk/resize.ts'
import { diskWrite } from './disk/write.ts'
import { boxCopy } from './machine/cp.ts'
import { machineDoctor } from './machine/doctor.ts'
import { boxExec } from './machine/exec.ts'
import { imageCommands } from './machine/images.ts'
import { boxLogs } from './machine/logs.ts'
import { boxRun } from './machine/run.ts'
import { boxShell } from './machine/shell.ts'
import { boxStart } from './machine/start.ts'
import { boxStats } from './machine/stats.ts'
import { boxStop } from './machine/stop.ts'

export interface CommandGroup {
  /** The words before the command's own: `disk`, or '' for the program. */
  readonly path: string
  readonly title: string
  readonly notes: readonly string[]
}

export const groups: readonly CommandGroup[] = [
  {
    path: '',
    title: 'boxlite: Linux machines in boxes, with their own disks and snapshots.',
    notes: ['BOXLITE_HOME names the home (default: ~/.boxlite/store). BOXLITE_DEBUG=1 adds a stack trace to an error.'],
  },
  { path: 'snapshot', title: 'Snapshots of a box: its disk, named at a moment.', notes: [] },
  { path: 'images', title: 'Images: what the disks of boxes start as.', notes: [] },
  {
    path: 'disk',
    title: 'Disk images on their own: what qemu-img does, wherever Node runs.',
    notes: ["Sizes are bytes, or have a unit that is a power of 1024: 512, 64K, 1.5G, 2T. '-' is standard input or output."],
  },
]

export const commands: readonly Command[] = [
  boxRun,
  boxCreate,
  boxExec,
  boxShell,
  boxStart,
  boxStop,
  boxCopy,
  boxLogs,
  boxStats,
  boxList,
  boxShow,
  boxRemove,
  boxClone,
  boxExport,
  boxImport,
  boxAdopt,
  ...snapshotCommands,
  ...imageCommands,
  machineDoctor,
  homePrune,
  homeFsck,
  diskCreate,
  diskInfo,
  diskCheck,
  diskMap,
  diskRead,
  diskWrite,
  diskConvert,
  diskCompare,
  diskResize,
  diskMerge,
  diskRepoint,
]
