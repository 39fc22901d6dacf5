// One command in a fresh box, which is gone afterwards.

import type { BoxLite, OpenOptions } from './boxlite.ts'
import type { CreateOptions, CreateProgress } from './create-box.ts'
import type { ExecOptions, ExecResult } from './exec/exec-options.ts'
import type { StartProgress } from './machine/launch.ts'
import { pick } from './pick.ts'
import type { CallOptions, OpenProgress } from './progress.ts'

/** How far it is until the command runs. */
export type RunProgress = OpenProgress | CreateProgress | StartProgress

/** Of the home, of the box, and of its one command. */
export interface RunOptions
  extends
    Pick<OpenOptions, 'homeDir' | 'engine' | 'assets'>,
    Pick<CreateOptions, 'image' | 'cpus' | 'memoryMib' | 'diskSizeGb' | 'hostname'>,
    Pick<ExecOptions, 'env' | 'cwd' | 'user' | 'stdin' | 'timeoutMs' | 'maxOutputBytes'>,
    CallOptions<RunProgress> {}

/** The image of a box of which nobody says more. */
export const DEFAULT_IMAGE = 'base'

/** A line is run by the guest's shell, a list as a program and its arguments. `signal` ends it at any moment; the box goes all the same. */
export async function runOnce(
  open: (options: OpenOptions) => Promise<BoxLite>,
  command: string | readonly string[],
  options: RunOptions = {},
): Promise<ExecResult> {
  const [program = '', ...args] = typeof command === 'string' ? ['/bin/sh', '-c', command] : command
  const watched = pick(options, ['signal', 'onProgress'])
  const lite = await open({ ...pick(options, ['homeDir', 'engine', 'assets']), ...watched })
  try {
    const settings = pick(options, ['image', 'cpus', 'memoryMib', 'diskSizeGb', 'hostname'])
    const box = await lite.create({ image: DEFAULT_IMAGE, ...settings, autoRemove: true, ...watched })
    try {
      await box.start(watched)
      return await box.exec(program, args, pick(options, ['env', 'cwd', 'user', 'stdin', 'timeoutMs', 'signal', 'maxOutputBytes']))
    } finally {
      await box.remove({ force: true })
    }
  } finally {
    await lite.close()
  }
}
