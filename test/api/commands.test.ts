// What `exec`, `shell` and `files` promise, in a box on each engine that Node has.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BoxLite, type EngineName } from '../../hosts/node/index.ts'
import { QemuEngine } from '../../hosts/node/qemu/engine.ts'
import { createV86Engine } from '../../hosts/node/v86/engine.ts'
import type { Box } from '../../src/box.ts'
import { SMALL } from './api-suite.ts'
import { execSuite, type Opened } from './exec-suite.ts'
import { filesSuite } from './files-suite.ts'
import { whyNoBox } from './why-no-box.ts'

/** A running box, in a home of its own. */
const opener = (engine: EngineName) => async (): Promise<Opened<Box>> => {
  const directory = await mkdtemp(join(tmpdir(), 'boxlite-commands-'))
  const lite = await BoxLite.open({ homeDir: join(directory, 'home'), engine })
  const box = await lite.create(SMALL)
  return {
    subject: box,
    async close() {
      await box.remove({ force: true })
      await lite.close()
      await rm(directory, { recursive: true })
    },
  }
}

for (const engine of [new QemuEngine(), createV86Engine()]) {
  const why = await whyNoBox(engine)
  execSuite(engine.name, opener(engine.name), why)
  filesSuite(engine.name, opener(engine.name), why)
}
