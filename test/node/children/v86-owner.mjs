// Runs a machine of the v86 engine and says whose it is. With `kill` it ends it then, and has nothing more to do.
import { openNodeStore } from '../../../dist/hosts/node/home.js'
import { createV86Engine } from '../../../dist/hosts/node/v86/engine.js'

const { home, disk, boxId, rom, kill } = JSON.parse(process.argv[2])
const store = await openNodeStore(home)
const guest = { location: '', kernel: '', initrd: '', firmware: rom, commandLine: '' }
const prepared = await createV86Engine().prepare({ boxId, store, disk, cpus: 1, memoryMib: 128, guest, detach: false })
const machine = await prepared.launch()
console.log(JSON.stringify(machine.identity))
if (kill) await machine.kill()
await store.close()
