// Real processes on the real file system, killed at any moment: what they had said to be done is there, exactly.
import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BoxLite } from '../../hosts/node/index.ts'
import { count } from '../counts.ts'
import { Model } from '../kill/model.ts'
import { surveyDisks } from '../kill/survey.ts'
import { BLOCK_BYTES } from '../kill/work.mjs'
import { Child } from './child.ts'

const BLOCKS = 16
const ROUNDS = count(100, 1000)

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

describe('a process that is killed at any moment', () => {
  let directory: string
  let homeDir: string
  let model: Model
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'boxlite-kill-'))
    homeDir = join(directory, 'home')
    const lite = await BoxLite.open({ homeDir })
    for (const name of ['left', 'right', 'common']) await lite.create({ name, diskSizeGb: (BLOCKS * BLOCK_BYTES) / 2 ** 30 })
    model = new Model(await surveyDisks(lite))
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
        const unfinished = said.map((lines) => model.replay(lines))
        const lite = await BoxLite.open({ homeDir })
        try {
          const report = await lite.fsck()
          expect(report.findings.filter(({ severity }) => severity === 'damage' || severity === 'unfinished')).toEqual([])
          const found = await surveyDisks(lite)
          for (const words of unfinished) if (words !== null) model.settle(words, found)
          expect(found).toEqual(model.expected)
          if (round % 10 === 9) {
            await lite.prune()
            expect((await lite.fsck()).findings.filter(({ severity }) => severity !== 'note')).toEqual([])
            expect(await surveyDisks(lite)).toEqual(model.expected)
          }
        } finally {
          await lite.close()
        }
      }
      console.log(`kill loop: ${ROUNDS} rounds, ${model.acknowledged} acknowledged steps, ${model.boxCount} boxes at the end`)
      expect(model.acknowledged).toBeGreaterThan(ROUNDS)
    },
    ROUNDS * 20_000,
  )
})
