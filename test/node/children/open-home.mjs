// A process with a home open: makes a snapshot of a box for each line it reads, of that name, until it is killed.
import { createInterface } from 'node:readline'
import { BoxLite } from '../../../dist/hosts/node/index.js'

const [homeDir, boxName] = process.argv.slice(2)
const lite = await BoxLite.open({ homeDir })
const box = await lite.get(boxName)
console.log('ready')
for await (const name of createInterface(process.stdin)) {
  await box.snapshot.create(name)
  console.log(`made ${name}`)
}
