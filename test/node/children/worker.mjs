// A process that works on boxes until it is killed. Each line says what it is about to do ('>'), has done ('<') or was
// refused ('!'): `> write 3 <sha256>`, `< write`, `! busy`. What has been said to be done must never be lost.
import { createHash, randomBytes, randomInt } from 'node:crypto'
import { writeSync } from 'node:fs'

const [homeDir, own, shared, prefix] = process.argv.slice(2)
const { BoxLite } = await import(new URL('../../../dist/hosts/node/index.js', import.meta.url))

const BLOCK_BYTES = 64 * 1024
const lite = await BoxLite.open({ homeDir })
let names = 0

// The line is with the parent before the next thing happens: a pipe keeps it when this process dies.
const say = (...words) => writeSync(1, `${words.join(' ')}\n`)

/** Does one thing and says so. A refusal because someone else is at it is part of life; anything else ends the test. */
async function act(words, work) {
  say('>', ...words)
  try {
    await work()
    say('<', ...words)
  } catch (error) {
    if (error.code !== 'busy') throw error
    say('!', error.code)
  }
}

async function write(box, blocks) {
  const disk = await box.disk()
  try {
    for (let i = 0; i < blocks; i++) {
      const block = randomInt(disk.sizeBytes / BLOCK_BYTES)
      const bytes = randomBytes(BLOCK_BYTES)
      const hash = createHash('sha256').update(bytes).digest('hex')
      say('>', 'write', box.name, block, hash)
      await disk.write(block * BLOCK_BYTES, bytes)
      await disk.flush()
      say('<', 'write', box.name, block, hash)
    }
  } finally {
    await disk.close()
  }
}

const any = (list) => list[randomInt(list.length)]

async function snapshot(box) {
  const name = `${prefix}-${names++}`
  await act(['create', box.name, name], () => box.snapshot.create(name))
}

// Of the box that two work on, each touches what it made itself, in this round or an earlier one.
const snapshotsOf = async (box) => (await box.snapshot.list()).filter(({ name }) => box.name === own || name.startsWith(`${own}-`))
// Without it every round would be longer than the one before: everything is read again after each.
const isCrowded = async (box) => (await snapshotsOf(box)).length > 4

async function removeOne(box) {
  const mine = await snapshotsOf(box)
  if (mine.length === 0) return
  const { name } = any(mine)
  await act(['remove', box.name, name], () => box.snapshot.remove(name))
}

async function restore(box) {
  const snapshots = await box.snapshot.list()
  if (snapshots.length === 0) return
  const { name } = any(snapshots)
  await act(['restore', box.name, name], () => box.snapshot.restore(name))
}

async function clone(box) {
  const snapshots = await box.snapshot.list()
  const from = snapshots.length > 0 && randomInt(2) === 0 ? any(snapshots).name : null
  const name = `${prefix}-clone-${names++}`
  await act(['clone', box.name, name, from ?? ''], () => box.clone(from === null ? { name } : { name, snapshot: from }))
}

const clones = async () => (await lite.list()).filter(({ name }) => name?.startsWith(`${own}-`))

async function drop() {
  const present = await clones()
  if (present.length === 0) return
  const { name } = any(present)
  await act(['drop', name], () => lite.remove(name))
}

const box = await lite.get(own)
const common = await lite.get(shared)
say('ready')
for (;;) {
  const dice = randomInt(20)
  const crowded = await isCrowded(box)
  if (dice < 6) await tryWrite()
  else if (dice < 10 && !crowded) await snapshot(box)
  else if (dice < 12 || crowded) await removeOne(box)
  else if (dice < 14) await restore(box)
  else if (dice < 15 && (await clones()).length < 3) await clone(box)
  else if (dice < 16) await drop()
  else if (dice < 17) await act(['prune'], () => lite.prune())
  else if (dice < 19 && !(await isCrowded(common))) await snapshot(common)
  else await removeOne(common)
}

async function tryWrite() {
  try {
    await write(box, 1 + randomInt(4))
  } catch (error) {
    if (error.code !== 'busy') throw error
  }
}
