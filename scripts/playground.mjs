// `npm run playground`: builds the page of examples/playground and serves it on this machine. `-- --dev` has Vite serve the sources
// instead, and follow them as they change; `-- --port=N` names the port.
import { parseArgs } from 'node:util'
import { guestFolder, isGuestBuilt } from './guest.mjs'
import { root } from './run.mjs'
import { setUp } from './set-up.mjs'

const { values } = parseArgs({ options: { dev: { type: 'boolean' }, port: { type: 'string' } } })

await setUp({ guest: process.env['BOXLITE_GUEST'] === undefined })
if (process.env['BOXLITE_GUEST'] === undefined) {
  if (!isGuestBuilt()) {
    console.error('playground: there is no guest on this machine, so no box could start; what was said above tells why')
    process.exit(1)
  }
  process.env['BOXLITE_GUEST'] = guestFolder()
}
// Only now: it may just have been installed.
const { build, createServer, preview } = await import('vite')
const configFile = `${root}examples/playground/vite.config.ts`
const port = values.port === undefined ? {} : { port: Number(values.port), strictPort: true }
const server = values.dev === true ? await develop() : await show()
server.printUrls()

async function develop() {
  const server = await createServer({ configFile, server: port })
  return server.listen()
}

async function show() {
  await build({ configFile, logLevel: 'warn' })
  return preview({ configFile, preview: port })
}
