// The package in a page: the public API over IndexedDB, Web Locks, Web Workers and the browser's random numbers.

import type { BoxLite as BoxLiteOn, OpenOptions } from '../../src/boxlite.ts'
import { CodeBox as CodeBoxOn, type CodeBoxOptions } from '../../src/code-box.ts'
import type { ExecResult } from '../../src/exec/exec-options.ts'
import { runOnce, type RunOptions } from '../../src/run.ts'
import { openTabHome } from './tab-home.ts'

export * from '../../src/index.ts'

/** Boxes in a home of this origin. */
export type BoxLite = BoxLiteOn

export const BoxLite = {
  /** Opens the home, or makes it, and recovers every box that nobody else has. */
  open: (options: OpenOptions = {}): Promise<BoxLite> => openTabHome(options),
} as const

/** Runs a command in a fresh box, which is gone afterwards: a line by the guest's shell, a list as it is. */
export function run(command: string | readonly string[], options?: RunOptions): Promise<ExecResult> {
  return runOnce(BoxLite.open, command, options)
}

/** A box to run Python in: made when it is first used, gone when it is stopped. */
export class CodeBox extends CodeBoxOn {
  constructor(options?: CodeBoxOptions) {
    super(BoxLite.open, options)
  }
}
