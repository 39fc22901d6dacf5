// `npm run demo`: set up, then two stories: examples/storage.mjs, which needs no machine, and examples/machine.mjs.
// QEMU and the guest are made ready in the background while the first one is told. Nothing here installs a browser.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { isGuestBuilt } from './guest.mjs'
import { elapsed, root, run } from './run.mjs'
import { setUp } from './set-up.mjs'

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
  const file = 'examples/node-quickstart/quickstart.mjs'
  console.log(`\nTen lines to begin with; type: node ${file}\n\n${readFileSync(root + file, 'utf8')}`)
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
