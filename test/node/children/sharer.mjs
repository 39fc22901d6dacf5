// A process that shares a home's lock ('share'), stops sharing ('leave') and says how it went, line by line, until it is killed.
import { createInterface } from 'node:readline'

const [kind, home, directory, slots] = process.argv.slice(2)
const dist = new URL('../../../dist/', import.meta.url)
const { createNamedLatches } = await import(new URL('hosts/node/named-latches.js', dist))
const { createDirectoryLatches } = await import(new URL('hosts/node/directory-latches.js', dist))
const { LatchLocks } = await import(new URL('src/store/latch-locks.js', dist))
const locks = new LatchLocks(kind === 'directory' ? createDirectoryLatches(home, directory) : createNamedLatches(home), 0, Number(slots))

console.log('ready')
let held = null
for await (const line of createInterface(process.stdin)) {
  if (line === 'share') {
    held = await locks.take({ kind: 'home', mode: 'shared' })
    console.log(held === null ? 'busy' : 'shared')
  } else {
    await held.release()
    console.log('left')
  }
}
