// The disk that `disk read`, `write` and `map` work on: an image file, or with --box that of a box.

import { withBox } from '../box/with-box.ts'
import { homeOption } from '../box/options.ts'
import { parseFormat } from '../disk-chain.ts'
import { withDiskFile, type CommandDisk } from '../open-disk.ts'
import { withInputFile } from '../spool.ts'
import type { Terminal } from '../terminal.ts'
import { usageError } from '../usage-error.ts'

export const diskOptions = {
  box: { type: 'string', value: 'BOX', help: 'the disk of a stopped box in place of FILE' },
  ...homeOption,
} as const

interface Choice {
  readonly command: string
  readonly file: string | undefined
  readonly mode: 'read' | 'write'
  readonly options: {
    readonly box: string | undefined
    readonly home: string | undefined
    readonly snapshot?: string | undefined
    readonly format: string | undefined
    readonly 'backing-format': string | undefined
  }
}

/** Opens the disk that the command line names, runs `use` and closes it. */
export async function withChosenDisk<T>(terminal: Terminal, choice: Choice, use: (disk: CommandDisk) => Promise<T>): Promise<T> {
  const { command, file, mode, options } = choice
  const { box: name, home, snapshot } = options
  const format = parseFormat(options.format, '--format', command)
  const backingFormat = parseFormat(options['backing-format'], '--backing-format', command)
  if (name === undefined) {
    if (file === undefined) throw usageError('FILE is missing', command, 'Name an image file, or a box with --box.')
    if (home !== undefined || snapshot !== undefined) throw usageError(`--${home === undefined ? 'snapshot' : 'home'} needs --box`, command)
    // An image that is written is changed in its place; a stream has none.
    if (mode === 'write') return await withDiskFile(file, { format, backingFormat, mode }, use)
    return await withInputFile(terminal, file, (named) => withDiskFile(named, { format, backingFormat, mode }, use))
  }
  if (file !== undefined) throw usageError(`'${file}' and --box are two disks`, command, 'Name one of them.')
  if (format !== null || backingFormat !== null) {
    throw usageError('a box knows the format of its disk', command, 'Leave --format and --backing-format out.')
  }
  return await withBox(terminal, { home }, name, async (box) => {
    const disk = snapshot === undefined ? await box.disk({ writable: mode === 'write' }) : await box.snapshot.disk(snapshot)
    try {
      return await use(disk)
    } finally {
      await disk.close()
    }
  })
}
