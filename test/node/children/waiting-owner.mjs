// Owns a process that the kernel does not end with it, says whose, and waits to be killed.
import { WaitingProcess } from '../../../dist/hosts/node/qemu/waiting-process.js'

const launch = { program: '/bin/sleep', args: ['600'], directory: '/', detach: false, setpriv: null, enclosure: null, addressSpaceBytes: 2 ** 30 }
const one = await WaitingProcess.start(launch)
one.letGo()
console.log(JSON.stringify(one.identity))
