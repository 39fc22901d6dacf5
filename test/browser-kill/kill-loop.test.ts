// Tabs closed and reloaded, pages crashed and whole browsers killed at any moment: what they had said to be done is there, exactly.
import { randomInt } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { count } from '../counts.ts'
import { Model } from '../kill/model.ts'
import { seeded } from '../seeded.ts'
import { GuestModel, type Files } from './guest-model.ts'
import { because, noPages, Pages } from './pages.ts'
import type { Tab } from './tab.ts'

const ROUNDS = count(10, 200)
const WAYS = ['close', 'crash', 'kill', 'reload'] as const
/** The boxes that pages work on by themselves: the first page on the first. */
const WORKERS = ['left', 'right'] as const
const BLOCKS = 16
/** More files than this in the guest are removed, so that no round is longer than the one before. */
const FILES = 100
const SUMS = 'mkdir -p /root/files && cd /root/files && for file in *; do [ ! -f $file ] || sha256sum $file; done'

describe.skipIf(noPages !== null)(`a page that ends at any moment${because(noPages)}`, () => {
  const pages = Pages.use()

  /** Lets the pages work until they have said `lines` lines and a moment more, then ends them. */
  async function workUntilTheEnd(tabs: readonly Tab[], way: (typeof WAYS)[number], lines: number, turns: number): Promise<void> {
    await Promise.race(tabs.map((tab) => tab.heard(lines)))
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
    const failures = tabs.flatMap(({ failed }) => failed ?? [])
    if (way === 'kill') await pages.kill()
    else await Promise.all(tabs.map((tab) => tab[way]()))
    expect(failures).toEqual([])
  }

  /** Now and then the box goes back before it starts, and must have what it had then. */
  async function goBackNowAndThen(tab: Tab, guest: GuestModel, below: (limit: number) => number): Promise<void> {
    const names = guest.snapshotNames
    if (names.length === 0 || below(3) > 0) return
    const name = names[below(names.length)]!
    await tab.call('restore', 'guest', name)
    guest.restored(name)
  }

  /** Starts the guest and compares its files with what must be there. */
  async function checkGuest(tab: Tab, guest: GuestModel, after: string): Promise<void> {
    const sums = await tab.call('exec', 'guest', SUMS)
    const files: Files = new Map(Array.from(sums.matchAll(/^([0-9a-f]{64}) {2}(\S+)$/gm), ([, sum, name]) => [name!, sum!]))
    const objections = guest.fileObjections(files)
    // All that can still be known of a loss.
    if (objections.length > 0) {
      const kernel = await tab.call('exec', 'guest', 'dmesg | grep -i -e ext4 -e jbd -e vda; ls -la /root/files')
      const tree = JSON.stringify(await tab.call('history', 'guest'))
      console.log(`${after}: ${objections.join('; ')}\nsaid:\n${guest.lastSaid.join('\n')}\n${kernel}\nfirst read:\n${sums}\n${tree}`)
    }
    expect(objections, after).toEqual([])
    expect(await tab.call('exec', 'guest', 'dmesg | grep -i "ext4-fs error" || true')).toBe('')
    if (files.size > FILES) {
      await tab.call('exec', 'guest', 'rm -r /root/files && sync')
      guest.cleared()
    }
  }

  /** Prunes, which leaves nothing that nobody needs, and changes nothing else. */
  async function checkPruned(tab: Tab, disks: Model, guest: GuestModel): Promise<void> {
    await tab.call('prune')
    expect(await tab.call('findings')).toEqual([])
    expect(await tab.call('survey', ['guest'])).toEqual(disks.expected)
    expect(guest.objections(await tab.call('digests', 'guest'))).toEqual([])
    await expect.poll(() => tab.call('orphans'), { timeout: 60_000 }).toBe(0)
  }

  it(
    `loses nothing that it had said to be done (${ROUNDS} rounds)`,
    async () => {
      const seed = Number(import.meta.env['BOXLITE_TEST_SEED'] ?? randomInt(2 ** 31))
      console.log(`pages that end: BOXLITE_TEST_SEED=${seed}`)
      const below = seeded(seed)
      const first = await pages.home()
      for (const name of [...WORKERS, 'common']) await first.call('createDisk', name, BLOCKS)
      const disks = new Model(await first.call('survey'))
      const guest = new GuestModel()
      await first.call('createGuest', 'guest')
      await first.close()

      let unfinished: readonly (readonly string[])[] = []
      for (let round = 0; round <= ROUNDS; round++) {
        const tab = await pages.home()
        const after = `after round ${round}`
        expect((await tab.call('findings')).filter(({ severity }) => severity !== 'leftover'), after).toEqual([])
        const found = await tab.call('survey', ['guest'])
        for (const words of unfinished) disks.settle(words, found)
        expect(found, after).toEqual(disks.expected)
        expect(guest.objections(await tab.call('digests', 'guest')), after).toEqual([])
        if (round % 10 === 0) await checkPruned(tab, disks, guest)
        await goBackNowAndThen(tab, guest, below)
        await checkGuest(tab, guest, after)
        if (round === ROUNDS) break

        const tabs = [tab, ...(below(2) === 0 ? [await pages.home()] : [])]
        const seeds = tabs.map(() => below(2 ** 31))
        await tab.call('workInGuest', 'guest', `${round}`, below(2 ** 31))
        for (const [index, tab] of tabs.entries()) await tab.call('work', WORKERS[index]!, 'common', `${WORKERS[index]}-${round}`, seeds[index]!)
        await workUntilTheEnd(tabs, WAYS[round % WAYS.length]!, 1 + below(80), below(5000))
        guest.replay(tab.said.get('guest') ?? [])
        unfinished = tabs.map(({ said }, index) => disks.replay(said.get(WORKERS[index]!) ?? [])).filter((words) => words !== null)
      }
      const acknowledged = disks.acknowledged + guest.acknowledged
      console.log(`pages that end: ${ROUNDS} rounds, ${acknowledged} acknowledged steps, ${guest.acknowledged} of them of a guest that ran`)
      expect(acknowledged).toBeGreaterThan(ROUNDS)
    },
    (10 + ROUNDS) * 60_000,
  )
})
