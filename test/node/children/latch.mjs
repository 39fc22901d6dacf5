// A process that tries a latch when it reads a line, says how it went, and then holds on until it is killed.
import { once } from 'node:events'

const [kind, home, directory, name] = process.argv.slice(2)
const dist = new URL('../../../dist/hosts/node/', import.meta.url)
const { createNamedLatches } = await import(new URL('named-latches.js', dist))
const { createDirectoryLatches } = await import(new URL('directory-latches.js', dist))
const latches = kind === 'directory' ? createDirectoryLatches(home, directory) : createNamedLatches(home)

console.log('ready')
await once(process.stdin, 'data')
console.log((await latches.take(name)) === null ? 'lost' : 'won')
process.stdin.resume()
