// `npm run demo`: set up, then two stories: examples/storage.mjs, which needs no machine, and examples/machine.mjs.
// QEMU and the guest are made ready in the background while the first one is told. Nothing here installs a browser.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { isGuestBuilt } from './guest.mjs'
import { elapsed, root, run } from './run.mjs'
import { setUp } from './set-up.mjs'

const tenLines = `import { BoxLite } from 'boxlite'

const lite = await BoxLite.open()
const box = await lite.create({ image: 'base' })
try {
  console.log((await box.exec('uname', ['-a'])).stdout)
  await box.snapshot.create('clean')
  await box.exec('rm', ['-rf', '/etc'])
  await box.snapshot.restore('clean', { restart: true })
  console.log((await box.exec('ls', ['/etc'])).stdout)
} finally {
  await box.remove({ force: true })
}
await lite.close()
`

await setUp()
const machines = prepareMachines()
process.exitCode = await tell()

async function tell() {
  const told = await run(process.execPath, ['examples/storage.mjs'])
  if (told !== 0) return told
  const ready = await machines.finish()
  if (ready !== 0 || !isGuestBuilt()) {
    console.error('demo: there is no guest on this machine, so the story ends here; what was said above tells why')
    return 1
  }
  const ran = await run(process.execPath, ['examples/machine.mjs'])
  if (ran !== 0) return ran
  console.log('\nWhat this machine can do (boxlite doctor):\n')
  const examined = await run(process.execPath, ['dist/hosts/node/cli/main.js', 'doctor'])
  console.log(`\nTen lines to begin with; save them here as hello.mjs and type: node hello.mjs\n\n${tenLines}`)
  return examined
}

/** Starts the set-up of machines; what it says is kept until `finish`, which waits for its end. */
function prepareMachines() {
  const start = performance.now()
  const child = spawn(process.execPath, ['scripts/set-up.mjs', '--machines'], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  const kept = []
  let say = (line) => kept.push(line)
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', (line) => say(line))
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code ?? 1))
  })
  // An interrupted demo leaves no build behind; what is built already is kept for the next one.
  process.once('exit', () => child.kill())
  return {
    async finish() {
      const waiting = child.exitCode === null
      if (waiting) console.log(`\nWaiting for the guest, whose build began ${elapsed(start)} ago:`)
      if (waiting || child.exitCode !== 0) for (const line of kept) console.log(`  ${line}`)
      say = (line) => console.log(`  ${line}`)
      return ended
    },
  }
}
