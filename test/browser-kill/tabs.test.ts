// Two tabs and one box; a tab that goes; a tab that the browser freezes.
import { describe, expect, it } from 'vitest'
import { because, noPages, Pages } from './pages.ts'

const RACES = 20

describe.skipIf(noPages !== null)(`two tabs and one box${because(noPages)}`, () => {
  const pages = Pages.use()

  it(`race for it: one wins, the other is told busy (${RACES} races)`, async () => {
    const tabs = [await pages.home('none'), await pages.home('none')] as const
    await tabs[0].call('createDisk', 'disk', 4)
    const wins = [0, 0]
    for (let race = 0; race < RACES; race++) {
      const outcomes = await Promise.allSettled(tabs.map((tab) => tab.call('hold', 'disk')))
      const winners = outcomes.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []))
      expect(winners).toHaveLength(1)
      expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'busy', remedy: expect.stringMatching(/./) } })
      wins[winners[0]!]!++
      await tabs[winners[0]!]!.call('letGo')
    }
    console.log(`two tabs: ${RACES} races, won ${wins.join(' and ')}`)
    await Promise.all(tabs.map((tab) => tab.close()))
  })

  it('start it at once: one runs it; the other takes it over, and when it is closed the first has it again', async () => {
    const tabs = [await pages.home(), await pages.home()] as const
    await tabs[0].call('createGuest', 'box')
    const outcomes = await Promise.allSettled(tabs.map((tab) => tab.call('start', 'box')))
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'busy' } })
    const [winner, loser] = outcomes[0]!.status === 'fulfilled' ? tabs : [tabs[1], tabs[0]]
    await winner.call('exec', 'box', 'echo not flushed > /root/file')
    // The owner is asked, so that not even what was not flushed is lost.
    await loser.call('takeOver', 'box')
    expect(await loser.call('exec', 'box', 'cat /root/file; echo flushed > /root/file; sync')).toBe('not flushed\n')
    await expect(winner.call('start', 'box')).rejects.toMatchObject({ code: 'busy' })
    await loser.close()
    await winner.call('alone')
    expect(await winner.call('exec', 'box', 'cat /root/file')).toBe('flushed\n')
    await winner.close()
  })
})
