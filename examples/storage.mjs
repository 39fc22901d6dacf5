// The story of a disk, told by doing it: a real file system goes into a box, is snapshotted, wrecked and brought back;
// then a process is killed, three times, in the middle of taking snapshots.
//
// Run it with `npm run demo`. It works in a temporary folder, which is gone afterwards.

import { BoxLite } from 'boxlite'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const diskBytes = 64 * 2 ** 20
const chunkBytes = 2 ** 20
const rounds = 3
const bold = (text) => (process.stdout.isTTY ? `\u001b[1m${text}\u001b[22m` : text)
const say = (text = '') => console.log(text)
const chapter = (title) => say(`\n${bold(title)}`)

if (process.argv[2] === 'worker') await worker(process.argv[3])
else await story()

async function story() {
  const start = performance.now()
  const folder = await mkdtemp(join(tmpdir(), 'boxlite-demo-'))
  // An interrupted demo cleans up too.
  process.once('SIGINT', () => process.exit(130))
  try {
    const disk = await makeDisk(folder)
    await wreckAndRestore(folder, disk)
    await killAndRecover(folder)
    say(`\nThat was ${((performance.now() - start) / 1000).toFixed(1)} s. Next: README.md, or boxlite --help.`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A real ext4 file system where the tools are here (they are on every Debian), else plain bytes. */
async function makeDisk(folder) {
  chapter('1. A disk')
  const path = join(folder, 'disk.raw')
  const mkfs = findTool('mkfs.ext4')
  const debugfs = findTool('debugfs')
  if (mkfs === null || debugfs === null) {
    await writeFile(path, Buffer.alloc(diskBytes, 'not a file system, but every byte counts. '))
    say('   No mkfs.ext4 and debugfs here, so the disk is 64 MiB of plain bytes.')
    return { path, debugfs: null }
  }
  const files = join(folder, 'files')
  await mkdir(join(files, 'etc'), { recursive: true })
  await writeFile(join(files, 'etc', 'motd'), 'Welcome to the box.\n')
  await writeFile(join(files, 'thesis.txt'), 'Three years of work, and no other copy of it.\n')
  const file = await open(path, 'w')
  await file.truncate(diskBytes)
  await file.close()
  execFileSync(mkfs, ['-q', '-F', '-d', files, path])
  say('   Made with mkfs.ext4: a 64 MiB file system with two files in it.')
  return { path, debugfs }
}

async function wreckAndRestore(folder, { path, debugfs }) {
  const lite = await BoxLite.open({ homeDir: join(folder, 'home') })
  try {
    chapter('2. A box with that disk')
    const disk = { path, format: 'raw' }
    const box = await timed('box created: the disk was copied into an immutable layer', () => lite.create({ name: 'web', disk }))
    const before = await digest(box)
    say(`   sha256 of the disk  ${before}`)
    await showFiles(folder, box, debugfs)

    chapter('3. A snapshot')
    await timed("snapshot 'clean': one new, empty layer and one durable commit; no bytes copied", () => box.snapshot.create('clean'))

    chapter('4. A disaster')
    await wreck(box)
    say('   The first MiB is overwritten with garbage and half of the disk is discarded.')
    say(`   sha256 of the disk  ${await digest(box)}`)
    await showFiles(folder, box, debugfs)

    chapter('5. Back to the snapshot')
    await timed("restored 'clean', keeping the wreck as a snapshot of its own", () => box.snapshot.restore('clean', { keepCurrent: 'wrecked' }))
    const after = await digest(box)
    say(`   sha256 of the disk  ${after}`)
    await showFiles(folder, box, debugfs)
    if (after !== before) throw new Error('the restored disk is not the disk that was snapshotted')
    say('   Every byte is what it was.')
  } finally {
    await lite.close()
  }
}

async function killAndRecover(folder) {
  chapter('6. A process is killed in the middle of snapshots')
  const homeDir = join(folder, 'home')
  const lite = await BoxLite.open({ homeDir })
  await lite.create({ name: 'counter', diskSizeGb: 1 })
  await lite.close()
  const acknowledged = []
  for (let round = 1; round <= rounds; round++) {
    const before = acknowledged.length
    await workUntilKilled(homeDir, acknowledged)
    const count = acknowledged.length - before
    say(`   Round ${round}: it wrote a number, flushed, took a snapshot, again and again; SIGKILL after ${count} of them.`)
    await examine(homeDir, acknowledged)
  }

  chapter('7. Tidying up')
  const tidy = await BoxLite.open({ homeDir })
  try {
    const counter = await tidy.get('counter')
    for (const { name } of await counter.snapshot.list()) await counter.snapshot.remove(name)
    const before = await layerFiles(homeDir)
    const { deleted, merged } = await tidy.prune()
    const after = await layerFiles(homeDir)
    say(`   Its snapshots removed and the home pruned: ${before} layer files became ${after} (${merged} folded, ${deleted} deleted).`)
  } finally {
    await tidy.close()
  }
}

/** Starts a worker, notes every snapshot that it was promised, and kills it at a moment that it cannot know. */
async function workUntilKilled(homeDir, acknowledged) {
  const script = fileURLToPath(import.meta.url)
  const child = spawn(process.execPath, [script, 'worker', homeDir], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)))
  const enough = 5 + Math.floor(Math.random() * 10)
  let count = 0
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(line)
    // Somewhere inside the next snapshot, which takes a few milliseconds.
    if (++count === enough) setTimeout(() => child.kill('SIGKILL'), Math.random() * 15)
  }
  const signal = await ended
  if (signal !== 'SIGKILL') throw new Error('the worker ended by itself')
}

/** What the killed process is: number after number on the disk, a snapshot of each. A name is printed when its snapshot is promised. */
async function worker(homeDir) {
  const lite = await BoxLite.open({ homeDir })
  const box = await lite.get('counter')
  const sector = Buffer.alloc(512)
  for (let number = (await box.snapshot.list()).length; ; number++) {
    const disk = await box.disk()
    sector.writeUInt32LE(number)
    await disk.write(0, sector)
    await disk.close()
    await box.snapshot.create(`number ${number}`)
    process.stdout.write(`number ${number}\n`)
  }
}

/** Opens the home of the killed process and looks whether it kept its word. */
async function examine(homeDir, acknowledged) {
  const lite = await BoxLite.open({ homeDir })
  try {
    const box = await lite.get('counter')
    const names = new Set((await box.snapshot.list()).map(({ name }) => name))
    const lost = acknowledged.filter((name) => !names.has(name))
    let wrong = 0
    for (const name of names) if (`number ${await numberIn(await box.snapshot.disk(name))}` !== name) wrong++
    const more = names.size - acknowledged.length
    say(`   Reopened: ${acknowledged.length} snapshots were promised, ${lost.length} are lost, ${wrong} hold other bytes than they should.`)
    if (more > 0) {
      say('   One more was complete when the process died, before it could say so.')
      acknowledged.push(...[...names].filter((name) => !acknowledged.includes(name)))
    }
    const { clean, findings } = await lite.fsck({ repair: true })
    const leftovers = findings.length === 0 ? '' : `; ${findings.length} leftover file(s) of the interrupted snapshot were deleted`
    say(`   fsck: ${clean ? 'clean' : 'NOT CLEAN'}${leftovers}.`)
    if (lost.length > 0 || wrong > 0 || more > 1 || !clean) throw new Error('a promise was broken')
  } finally {
    await lite.close()
  }
}

async function numberIn(disk) {
  const sector = new Uint8Array(512)
  await disk.read(0, sector)
  await disk.close()
  return new DataView(sector.buffer).getUint32(0, true)
}

async function wreck(box) {
  const disk = await box.disk()
  await disk.write(0, Buffer.alloc(chunkBytes, 'garbage '))
  await disk.discard(diskBytes / 2, diskBytes / 2)
  await disk.close()
}

async function digest(box) {
  const hash = createHash('sha256')
  await eachChunk(box, async (chunk) => hash.update(chunk))
  return hash.digest('hex')
}

/** Lists the files inside the box's disk, without mounting anything: debugfs reads a copy. */
async function showFiles(folder, box, debugfs) {
  if (debugfs === null) return
  const copy = join(folder, 'copy.raw')
  const file = await open(copy, 'w')
  await eachChunk(box, (chunk, offset) => file.write(chunk, 0, chunk.length, offset))
  await file.close()
  const ask = (request) => spawnSync(debugfs, ['-R', request, copy], { encoding: 'utf8' })
  const listing = ask('ls -p /')
  await rm(copy, { force: true })
  const entries = listing.stdout.matchAll(/^\/\d+\/\d+\/\d+\/\d+\/([^/]+)\//gm)
  const names = [...entries].map(([, name]) => name).filter((name) => !/^\.\.?$/.test(name))
  if (names.length > 0) say(`   files inside        ${names.join('  ')}`)
  else say(`   files inside        none: ${listing.stderr.split('\n').find((line) => line.includes('magic')) ?? 'no file system'}`)
}

async function eachChunk(box, use) {
  const disk = await box.disk({ writable: false })
  try {
    const chunk = new Uint8Array(chunkBytes)
    for (let offset = 0; offset < disk.sizeBytes; offset += chunkBytes) {
      await disk.read(offset, chunk)
      await use(chunk, offset)
    }
  } finally {
    await disk.close()
  }
}

async function layerFiles(homeDir) {
  return (await readdir(join(homeDir, 'layers'))).length
}

async function timed(text, work) {
  const start = performance.now()
  const result = await work()
  say(`   ${text} (${(performance.now() - start).toFixed(1)} ms)`)
  return result
}

/** e2fsprogs lives in /sbin, which is not on everybody's PATH. */
function findTool(name) {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/sbin', '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/opt/e2fsprogs/sbin']
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null
}
