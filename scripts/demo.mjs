// `npm run demo`: set up, then the story of examples/storage.mjs. Installs no system tool.
import { run } from './run.mjs'
import { setUp } from './set-up.mjs'

await setUp()
process.exitCode = await run(process.execPath, ['examples/storage.mjs'])
