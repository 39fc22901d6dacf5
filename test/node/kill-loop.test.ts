// Real processes on the real file system, killed at any moment: what they had said to be done is there, exactly.
import { createHash, randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BoxLite, type Box, type BoxDisk } from '../../hosts/node/index.ts'
import { count } from '../counts.ts'
import { Child } from './child.ts'

const BLOCK_BYTES = 64 * 1024
const BLOCKS = 16
const ROUNDS = count(100, 1000)

/** What a disk holds: the SHA-256 of each block. */
type Content = readonly string[]

interface BoxModel {
  live: Content
  readonly snapshots: Map<string, Content>
}

/** What must be there, by what the children said. Content that an unfinished call left open is read and adopted. */
class Model {
  readonly boxes = new Map<string, BoxModel>()
  acknowledged = 0

  box(name: string): BoxModel {
    const box = this.boxes.get(name)
    if (box === undefined) throw new Error(`a child worked on a box that is not there: ${name}`)
    return box
  }

  /** Takes a line that says what is done. */
  done([verb, name, ...rest]: readonly string[]): void {
    this.acknowledged++
    if (verb === 'prune') return
    if (verb === 'drop') {
      this.boxes.delete(name!)
      return
    }
    const box = this.box(name!)
    if (verb === 'write') box.live = box.live.with(Number(rest[0]), rest[1]!)
    else if (verb === 'create') box.snapshots.set(rest[0]!, box.live)
    else if (verb === 'remove') box.snapshots.delete(rest[0]!)
    else if (verb === 'restore') box.live = box.snapshots.get(rest[0]!)!
    else if (verb === 'clone') this.boxes.set(rest[0]!, { live: rest[1] ? box.snapshots.get(rest[1])! : box.live, snapshots: new Map() })
    else throw new Error(`a child said '${verb}'`)
  }

  /** Makes up its mind about what a child was killed in the middle of: both outcomes are right, a third is not. */
  async settle(lite: BoxLite, [verb, name, ...rest]: readonly string[]): Promise<void> {
    if (verb === 'prune') return
    const real = await lite.get(verb === 'clone' ? rest[0]! : name!)
    if (verb === 'drop' || verb === 'clone') {
      if ((verb === 'drop') === (real === null)) this.done([verb, name!, ...rest])
      return
    }
    const listed = (await real!.snapshot.get(rest[0]!)) !== null
    if (verb === 'create' && listed) this.done([verb, name!, ...rest])
    if (verb === 'remove' && !listed) this.done([verb, name!, ...rest])
    if (verb === 'write') {
      // A block that was being written may hold anything of the two; the others are not touched.
      const box = this.box(name!)
      const block = Number(rest[0])
      box.live = box.live.with(block, (await liveOf(real!))[block]!)
    }
    if (verb === 'restore') {
      const content = await liveOf(real!)
      const wanted = this.box(name!).snapshots.get(rest[0]!)!
      if (content.join() === wanted.join()) this.done([verb, name!, ...rest])
    }
  }
}

async function contentOf(disk: BoxDisk): Promise<Content> {
  const bytes = new Uint8Array(disk.sizeBytes)
  await disk.read(0, bytes)
  await disk.close()
  return Array.from({ length: disk.sizeBytes / BLOCK_BYTES }, (_, i) =>
    createHash('sha256')
      .update(bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES))
      .digest('hex'),
  )
}

async function liveOf(box: Box): Promise<Content> {
  return contentOf(await box.disk({ writable: false }))
}

/** Lets a child work until it has said `lines` lines and a moment more, then kills it. Answers all it said. */
async function workUntilKilled(child: Child, lines: number): Promise<readonly string[]> {
  const said: string[] = []
  while (said.length < lines) {
    const line = await child.line()
    if (line === null) throw new Error(`a child ended by itself: ${await child.end()}`)
    said.push(line)
  }
  for (let turns = randomInt(200); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve))
  await child.kill()
  for (let line = await child.line(); line !== null; line = await child.line()) said.push(line)
  return said
}

/** Applies what a child said; answers what it was in the middle of. */
function replay(model: Model, said: readonly string[]): readonly string[] | null {
  let under: readonly string[] | null = null
  for (const line of said) {
    const [mark, ...words] = line.split(' ')
    if (mark === '>') under = words
    if (mark === '<') model.done(words)
    if (mark === '<' || mark === '!') under = null
  }
  return under
}

async function verify(lite: BoxLite, model: Model): Promise<void> {
  expect((await lite.list()).map(({ name }) => name)).toEqual([...model.boxes.keys()].sort())
  for (const [name, { live, snapshots }] of model.boxes) {
    const box = (await lite.get(name))!
    expect(await liveOf(box), `the disk of ${name}`).toEqual(live)
    expect((await box.snapshot.list()).map((snapshot) => snapshot.name).sort()).toEqual([...snapshots.keys()].sort())
    for (const [snapshot, content] of snapshots) {
      expect(await contentOf(await box.snapshot.disk(snapshot)), `snapshot ${snapshot} of ${name}`).toEqual(content)
    }
  }
}

describe('a process that is killed at any moment', () => {
  let directory: string
  let homeDir: string
  const model = new Model()
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'boxlite-kill-'))
    homeDir = join(directory, 'home')
    const lite = await BoxLite.open({ homeDir })
    for (const name of ['left', 'right', 'common']) {
      const box = await lite.create({ name, diskSizeGb: (BLOCKS * BLOCK_BYTES) / 2 ** 30 })
      model.boxes.set(name, { live: await liveOf(box), snapshots: new Map() })
    }
    await lite.close()
  })
  afterAll(() => rm(directory, { recursive: true }))

  it(
    `loses nothing that it had said to be done (${ROUNDS} rounds)`,
    async () => {
      for (let round = 0; round < ROUNDS; round++) {
        // Every other round two of them at once, each on a box of its own and both on a third.
        const workers = round % 2 === 0 ? ['left'] : ['left', 'right']
        const children = workers.map((own) => new Child('worker.mjs', homeDir, own, 'common', `${own}-${round}`))
        const said = await Promise.all(children.map((child) => workUntilKilled(child, 1 + randomInt(40))))
        // Lines about boxes of one's own are in order; those about the third one are about snapshots of other names.
        const unfinished = said.map((lines) => replay(model, lines))
        const lite = await BoxLite.open({ homeDir })
        try {
          for (const words of unfinished) if (words !== null) await model.settle(lite, words)
          const report = await lite.fsck()
          expect(report.findings.filter(({ severity }) => severity === 'damage' || severity === 'unfinished')).toEqual([])
          await verify(lite, model)
          if (round % 10 === 9) {
            await lite.prune()
            expect((await lite.fsck()).findings.filter(({ severity }) => severity !== 'note')).toEqual([])
            await verify(lite, model)
          }
        } finally {
          await lite.close()
        }
      }
      console.log(`kill loop: ${ROUNDS} rounds, ${model.acknowledged} acknowledged steps, ${model.boxes.size} boxes at the end`)
      expect(model.acknowledged).toBeGreaterThan(ROUNDS)
    },
    ROUNDS * 20_000,
  )
})
