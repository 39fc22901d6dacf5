// One command in a fresh box, which is gone afterwards.

import type { BoxLite, OpenOptions } from './boxlite.ts'
import type { CreateOptions } from './create-box.ts'
import type { ExecOptions, ExecResult } from './exec/exec-options.ts'

/** Of the home, of the box, and of its one command. */
export type RunOptions = Pick<OpenOptions, 'assets'> &
  Pick<CreateOptions, 'image' | 'cpus' | 'memoryMib' | 'diskSizeGb' | 'hostname'> &
  Pick<ExecOptions, 'env' | 'cwd' | 'user' | 'stdin' | 'timeoutMs' | 'signal' | 'maxOutputBytes'>

/** The image of a box of which nobody says more. */
export const DEFAULT_IMAGE = 'base'

/** The part of the options that is for opening the home. */
export function openOptions({ assets }: Pick<OpenOptions, 'assets'>): OpenOptions {
  return assets === undefined ? {} : { assets }
}

/** A line is run by the guest's shell, a list as a program and its arguments. */
export async function runIn(lite: BoxLite, command: string | readonly string[], options: RunOptions = {}): Promise<ExecResult> {
  const { assets: _, image = DEFAULT_IMAGE, cpus, memoryMib, diskSizeGb, hostname, ...exec } = options
  const [program = '', ...args] = typeof command === 'string' ? ['/bin/sh', '-c', command] : command
  const box = await lite.create({
    image,
    autoRemove: true,
    ...(cpus !== undefined && { cpus }),
    ...(memoryMib !== undefined && { memoryMib }),
    ...(diskSizeGb !== undefined && { diskSizeGb }),
    ...(hostname !== undefined && { hostname }),
    ...(exec.signal !== undefined && { signal: exec.signal }),
  })
  try {
    return await box.exec(program, args, exec)
  } finally {
    await box.remove({ force: true })
  }
}
