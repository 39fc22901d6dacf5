// Runs bench/child.ts and hands over what it measured of itself.

import { fileURLToPath } from 'node:url'
import type { Scratch } from './scratch.ts'

export interface ChildReport {
  readonly answer?: string
  readonly tookMs: number
  /** Resident memory when the work began: Node and the modules. */
  readonly startBytes: number
  /** The most resident memory the process ever had. */
  readonly peakBytes: number
}

const child = fileURLToPath(new URL('./child.js', import.meta.url))

export async function runChild(scratch: Scratch, ...args: string[]): Promise<ChildReport> {
  return JSON.parse(await scratch.run(process.execPath, child, ...args)) as ChildReport
}
