import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BoxLite, type EngineName } from '../../hosts/node/index.ts'
import type { TestHome } from './api-suite.ts'

/** A home in a directory of its own. */
export async function makeNodeHome(engine: EngineName): Promise<TestHome> {
  const directory = await mkdtemp(join(tmpdir(), `boxlite-${engine}-`))
  return {
    open: () => BoxLite.open({ homeDir: join(directory, 'home'), engine }),
    remove: () => rm(directory, { recursive: true }),
  }
}
