// A process that works on boxes until it is killed.
import { randomInt } from 'node:crypto'
import { writeSync } from 'node:fs'
import { work } from '../../kill/work.mjs'

const [homeDir, own, shared, prefix] = process.argv.slice(2)
const { BoxLite } = await import(new URL('../../../dist/hosts/node/index.js', import.meta.url))

// The line is with the parent before the next thing happens: a pipe keeps it when this process dies.
const say = (...words) => void writeSync(1, `${words.join(' ')}\n`)
await work({ lite: await BoxLite.open({ homeDir }), own, shared, prefix, below: randomInt, say })
