// All temporary files of a run are in one directory, which goes when the run ends. One that was killed leaves its directory to
// the next: the name says which process made it.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { processExists } from '../hosts/node/process-exists.ts'

/** Vitest calls it before its workers, which inherit where temporary files belong, and calls what it returns at the end. */
export default function setup(): () => void {
  const above = tmpdir()
  // Each project calls it. The first call's directory serves all: the path of a socket has no room for one within another.
  if (basename(above).startsWith(`boxlite-${process.pid}-`)) return () => undefined
  for (const name of readdirSync(above)) {
    const owner = /^boxlite-([0-9]+)-/.exec(name)?.[1]
    if (owner !== undefined && !processExists(Number(owner))) rmSync(join(above, name), { recursive: true, force: true })
  }
  const scratch = mkdtempSync(join(above, `boxlite-${process.pid}-`))
  const before = process.env['TMPDIR']
  process.env['TMPDIR'] = scratch
  return () => {
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
    rmSync(scratch, { recursive: true, force: true })
  }
}
