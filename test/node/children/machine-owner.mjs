// Starts a machine of the QEMU engine with the disk guest, says who it is, and waits to be killed.
// Parameters: a JSON of { home, disk, boxId, rom, cacheFile, detach, until: 'prepared' | 'running' }
import { openNodeStore } from '../../../dist/hosts/node/home.js'
import { QemuEngine } from '../../../dist/hosts/node/qemu/engine.js'

const { home, disk, boxId, rom, cacheFile, detach, until } = JSON.parse(process.argv[2])

function edit(args) {
  const list = [...args]
  for (const option of ['-kernel', '-initrd', '-append']) list.splice(list.indexOf(option), 2)
  return [...list, '-bios', rom]
}

const store = await openNodeStore(home)
const engine = new QemuEngine({ cacheFile, accelerator: 'tcg', edit })
const guest = { location: '', kernel: '', initrd: '', firmware: rom, commandLine: '' }
const prepared = await engine.prepare({ boxId, store, disk, cpus: 1, memoryMib: 64, guest, detach })
if (until === 'running') await prepared.launch()
console.log(JSON.stringify(prepared.identity))
setInterval(() => undefined, 60_000)
