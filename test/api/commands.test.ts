// What `exec`, `shell` and `files` promise, in a box on each engine that Node has.
import type { EngineName } from '../../hosts/node/index.ts'
import { QemuEngine } from '../../hosts/node/qemu/engine.ts'
import { createV86Engine } from '../../hosts/node/v86/engine.ts'
import type { Box } from '../../src/box.ts'
import { SMALL } from './api-suite.ts'
import { execSuite, type Opened } from './exec-suite.ts'
import { filesSuite } from './files-suite.ts'
import { makeNodeHome } from './node-home.ts'
import { whyNoBox } from './why-no-box.ts'

/** A running box, in a home of its own. */
const opener = (engine: EngineName) => async (): Promise<Opened<Box>> => {
  const home = await makeNodeHome(engine)
  const lite = await home.open()
  const box = await lite.create(SMALL)
  return {
    subject: box,
    async close() {
      await box.remove({ force: true })
      await lite.close()
      await home.remove()
    },
  }
}

for (const engine of [new QemuEngine(), createV86Engine()]) {
  const why = await whyNoBox(engine)
  execSuite(engine.name, opener(engine.name), why)
  filesSuite(engine.name, opener(engine.name), why)
}
