// The story of a machine, told by doing it: a Linux box starts, runs commands, is snapshotted while it runs, wrecked and
// brought back; then it goes on under the other engine.
//
// Run it with `npm run demo`. It works in a temporary folder, which is gone afterwards.

import { BoxLite, isBoxLiteError } from 'boxlite'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const bold = (text) => (process.stdout.isTTY ? `\u001b[1m${text}\u001b[22m` : text)
const say = (text = '') => console.log(text)
const chapter = (title) => say(`\n${bold(title)}`)

const start = performance.now()
const homeDir = await mkdtemp(join(tmpdir(), 'boxlite-demo-'))
// An interrupted demo cleans up too: machines end with this process.
process.once('SIGINT', () => process.exit(130))
try {
  const engine = await live()
  await otherEngine(engine)
  say(`\nThat was ${((performance.now() - start) / 1000).toFixed(1)} s.`)
} finally {
  await rm(homeDir, { recursive: true, force: true })
}

/** A box is made, used, snapshotted while it runs, wrecked and restored. Resolves with the name of the engine that ran it. */
async function live() {
  chapter('1. A Linux machine')
  const lite = await BoxLite.open({ homeDir })
  try {
    const { name: engine, accelerator, refused } = lite.engine
    say(`   Engine: ${engine} with ${accelerator}`)
    for (const better of refused) say(`   Not with ${better.accelerator ?? better.engine}: ${better.reason}`)
    const box = await lite.create({ name: 'web', image: 'base' })
    await timed('started: kernel, root file system, agent', () => box.start())
    await show(box, 'uname', '-a')
    await show(box, 'sh', '-c', 'echo "no other copy of this" > /root/thesis.txt; ls /root; df -h / | tail -1')

    chapter('2. A snapshot of it, running')
    const server = box.exec('sh', ['-c', 'n=0; while sleep 0.1; do n=$((n + 1)); echo $n > /root/count; done'])
    const { consistency } = await timed("snapshot 'clean'", () => box.snapshot.create('clean'))
    say(`   Its file systems were ${consistency}; the program inside went on counting.`)

    chapter('3. A disaster')
    await show(box, 'sh', '-c', 'rm -rf /etc /root /bin/ls; ls / ; cat /root/thesis.txt')

    chapter('4. Back to the snapshot')
    server.kill('SIGKILL')
    await timed("restored 'clean' and started again", () => box.snapshot.restore('clean', { restart: true }))
    await expect(box, 'no other copy of this', 'cat', '/root/thesis.txt')
    await timed('stopped', () => box.stop())
    return engine
  } finally {
    await lite.close()
  }
}

/** The same box, disk and snapshots included, under the engine that a browser has too; or with QEMU where that one was first. */
async function otherEngine(first) {
  const engine = first === 'v86' ? 'qemu' : 'v86'
  chapter(`5. The same box under ${engine === 'v86' ? 'v86, the emulator that also runs in a browser tab' : 'QEMU'}`)
  const lite = await BoxLite.open({ homeDir, engine })
  try {
    const box = await lite.get('web')
    await timed('started', () => box.start())
    await expect(box, 'no other copy of this', 'cat', '/root/thesis.txt')
    const snapshots = await box.snapshot.list()
    say(`   Its snapshots came along: ${snapshots.map(({ name }) => name).join(', ')}`)
    await box.stop()
  } catch (error) {
    if (!isBoxLiteError(error, 'engine_unavailable')) throw error
    say(`   Not here: ${error.message}. ${error.remedy}`)
  } finally {
    await lite.close()
  }
}

/** Runs a command and shows what it says, as a terminal would. */
async function show(box, command, ...args) {
  const { stdout, stderr, exitCode } = await box.exec(command, args)
  say(`   $ ${command} ${args.map((word) => (/[\s;]/.test(word) ? `'${word}'` : word)).join(' ')}`)
  for (const line of `${stdout}${stderr}`.trimEnd().split('\n')) say(`     ${line}`)
  if (exitCode !== 0) say(`     (exit code ${exitCode})`)
  return stdout
}

async function expect(box, wanted, command, ...args) {
  const said = await show(box, command, ...args)
  if (said.trimEnd() !== wanted) throw new Error(`the box said '${said.trimEnd()}', not '${wanted}'`)
}

async function timed(text, work) {
  const begun = performance.now()
  const result = await work()
  say(`   ${text} (${(performance.now() - begun).toFixed(0)} ms)`)
  return result
}
