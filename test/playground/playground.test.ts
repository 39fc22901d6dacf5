// What a person can do in the playground, done in a real browser with the page as it is built.
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type * as Axe from 'axe-core'
import type { Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { because, noPages } from '../browser-kill/pages.ts'
import { Playground, type Tab } from './playground.ts'

const axeSource = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe-core finds that keeps people out, as `rule: where`. */
async function seriousOf(page: Page): Promise<string[]> {
  await page.evaluate(axeSource)
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof Axe }
    const { violations } = await axe.run(document, { resultTypes: ['violations'] })
    const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
    return serious.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary ?? ''}`))
  })
}

describe.skipIf(noPages !== null)(`the playground${because(noPages)}`, () => {
  let playground: Playground
  let tab: Tab
  /** A box with a name as long as names can get. */
  const travelled = `travelled-${'far-'.repeat(55)}away`

  beforeAll(async () => {
    playground = await Playground.open()
    tab = await playground.visit()
  })
  afterAll(() => playground?.close())

  it('starts a box with one button, and its terminal is ready for keys', async () => {
    await tab.button('Start a box').click()
    await tab.untilState('box', 'running')
    await tab.untilShown(/root@box:~#$/m)
    await tab.page.locator('#terminals textarea:focus').waitFor()
    await tab.page.keyboard.type('echo $((6 * 7)) grün 🦊\n')
    await tab.untilShown(/^42 grün 🦊/m)
  })

  it('tells a failure with what to do about it, and forgets it when it is dismissed', async () => {
    await tab.press('Control+Shift+O')
    await tab.page.getByLabel('Name').fill('box')
    await tab.press('Enter')
    const notice = tab.page.getByRole('alert').locator('.notice')
    await notice.waitFor()
    expect(await notice.innerText()).toMatch(/Making 'box' failed\s*already_exists/)
    expect(await notice.locator('.remedy').innerText()).not.toBe('')
    expect(await seriousOf(tab.page)).toEqual([])
    await tab.button("Dismiss: Making 'box' failed").click()
    await notice.waitFor({ state: 'detached' })
  })

  it('puts files into the box, shows their text and takes them out as they were', async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_value, index) => (index * 7919) & 0xff))
    await writeFile(join(playground.directory, 'data.bin'), bytes)
    await tab.page.locator('#upload-file').setInputFiles(join(playground.directory, 'data.bin'))
    await tab.drop('#files-pane', 'poem.txt', 'Wer reitet so spät\n')
    await tab.button(/^poem\.txt/).dblclick()
    const dialog = tab.page.getByRole('dialog')
    expect(await dialog.locator('pre').innerText()).toBe('Wer reitet so spät\n')
    await tab.press('Escape')
    expect(await dialog.count()).toBe(0)
    await tab.type('sha256sum data.bin && touch made-in-the-box')
    await tab.untilShown(new RegExp(await sha256(bytes)))
    await tab.button(/^made-in-the-box/).waitFor()
    const downloading = tab.page.waitForEvent('download')
    await tab.button("Download 'data.bin'").click()
    expect((await readFile(await (await downloading).path())).equals(bytes)).toBe(true)
  })

  it('shows five hundred files of a directory that has more, and says so', async () => {
    await tab.type('mkdir many && cd many && touch $(seq 520) && cd ..')
    await tab.button(/^many/).click()
    await tab.page.locator('#files-pane', { hasText: 'There are 20 more' }).waitFor()
    expect(await tab.page.locator('.entry').count()).toBe(500)
    await tab.button('Up').click()
    await tab.button(/^poem\.txt/).waitFor()
  })

  it('calls off what moves on, also for a hand that is slow', async () => {
    const huge = `huge-${'so-'.repeat(60)}huge`
    await tab.type(`dd if=/dev/zero of=${huge} bs=1 count=0 seek=1073741824`)
    await tab.button(`Download '${huge}'`).click()
    const cancel = tab.button('Cancel')
    await cancel.waitFor()
    // However long a name is, it stands in nobody's way.
    expect((await tab.edges(cancel)).right).toBeLessThan(1360)
    // What it says at its end is said to those who see nothing, too.
    expect(await tab.page.getByRole('status').count()).toBe(1)
    await cancel.click({ delay: 500 })
    await tab.page.getByRole('status').getByText(`Downloading '${huge}': cancelled`).waitFor()
    await tab.type('rm huge*')
  })

  it('takes no folder, and leaves alone what is dropped beside the places for it', async () => {
    await tab.dropPath('#files-pane', playground.directory)
    expect(await tab.failure()).toContain('It is a folder')
    await tab.dropPath('#boxes-pane', playground.directory)
    expect(await tab.failure()).toContain('It is a folder')
    expect(await tab.isRefused('#terminals')).toBe(true)
  })

  it('keeps the focus while a box stops, and starts it for whoever clicks twice', async () => {
    await tab.page.locator('[data-key=power]').focus()
    await tab.press('Enter')
    const start = tab.page.locator('#curtain [data-key=start]')
    await start.waitFor()
    expect(await tab.page.evaluate(() => document.activeElement?.getAttribute('data-key'))).toBe('power')
    await start.click()
    // The second click of a double one comes when the first has shown what it did, and where the button was there is another.
    const cancel = tab.button('Cancel')
    await cancel.focus()
    await cancel.dispatchEvent('click', { detail: 2 })
    await tab.untilState('box', 'running')
    await tab.page.locator('#terminals textarea:focus').waitFor()
  })

  it('exports a box that runs into a file, and makes a box with the same history of it', async () => {
    await tab.takeSnapshot('kept', 'as it is '.repeat(400))
    // A note that is too long for the page takes no button away.
    expect((await tab.edges(tab.button('Restore'))).bottom).toBeLessThan(820)
    const downloading = tab.page.waitForEvent('download')
    await tab.button("Export 'box'").click()
    const file = join(playground.directory, `${travelled}.box`)
    await (await downloading).saveAs(file)
    await tab.page.locator('#import-file').setInputFiles(file)
    await tab.untilState(travelled, 'created')
    await tab.moment('kept').waitFor()
    const start = tab.page.locator('#curtain [data-key=start]')
    const { right } = await tab.edges(tab.page.locator('#curtain'))
    expect((await tab.edges(start)).right).toBeLessThan(right)
    await start.click()
    const cancel = tab.button('Cancel')
    expect((await tab.edges(cancel)).right).toBeLessThan(right)
    await cancel.click()
    await start.waitFor()
    expect(await tab.box(travelled).locator('.box-facts').innerText()).toContain('1 snapshot')
  })

  it('removes a box after it has asked', async () => {
    await tab.press('Control+Shift+B')
    await tab.box(travelled).press('Delete')
    await tab.button('Remove box').click()
    await tab.box(travelled).waitFor({ state: 'detached' })
    await tab.box('box').click()
    await tab.untilState('box', 'running')
  })

  it('has a lesson whose steps find out that they are done, with a restore by the keyboard alone', async () => {
    // Another box that is never quiet is nothing to it.
    await tab.type('while sleep 0.2; do echo; done')
    await tab.page.getByRole('tab', { name: 'Lesson' }).click()
    await tab.button('Begin').click()
    await tab.untilState('lesson', 'running')
    const done = (count: number): Promise<void> => tab.page.locator('.step.done').nth(count - 1).waitFor()
    const typed = async (): Promise<void> => {
      const commands = tab.button('Type it into the terminal')
      for (let index = 0; index < (await commands.count()); index++) await commands.nth(index).click()
    }
    await tab.untilShown(/#$/m)
    await tab.button('Check').click()
    await tab.page.locator('.step .hint', { hasText: '/root/work/started' }).waitFor()
    // Whatever box is shown, the lesson types into its own.
    await tab.box('box').click()
    await tab.untilState('box', 'running')
    await typed()
    await done(1)
    await tab.untilState('lesson', 'running')
    await typed()
    await done(2)
    await tab.takeSnapshot('safe')
    await done(3)
    await tab.type('rm -rf /etc /usr /bin /sbin /lib')
    await done(4)
    await tab.takeSnapshot('broken')
    await done(5)
    // Choose the moment and go back to it, hands on the keys.
    await tab.press('Control+Shift+Y', 'Home', 'ArrowDown')
    expect(await tab.moment('safe').getAttribute('aria-selected')).toBe('true')
    await tab.press('Enter', 'Enter')
    await done(6)
    await tab.moment('broken').waitFor()
    await tab.type('cat /root/work/thesis.txt')
    await tab.untilShown(/^Chapter 1/m)
    await tab.type('echo more >> /root/work/thesis.txt')
    await done(7)
    expect(await tab.page.locator('.praise').count()).toBe(1)
  })

  it('takes the lesson back to its first moment', async () => {
    await tab.button('Reset').click()
    await tab.page.getByRole('dialog').getByRole('button', { name: 'Reset' }).click()
    await tab.page.locator('.step[aria-current]', { hasText: 'Look around' }).waitFor()
    await tab.untilState('lesson', 'running')
    expect(await tab.page.getByRole('treeitem').count()).toBe(2)
    expect(await tab.page.locator('.step.done').count()).toBe(0)
  })

  it('offers to take over a box that another tab has', async () => {
    const other = await playground.visit()
    await other.box('lesson').click()
    const curtain = other.page.locator('#curtain')
    await curtain.getByText('runs in another tab').waitFor()
    await curtain.getByRole('button', { name: "Take over 'lesson'" }).click()
    await other.untilShown(/#$/m)
    // It may have seen by now that the other one has started it.
    await tab.button(/^(Start|Take over) 'lesson'$/).first().waitFor()
    await other.page.close()
  })

  it('tells ages that grow', async () => {
    const other = await playground.visit((page) => page.clock.install())
    await other.box('box').click()
    const age = other.moment('kept').locator('.moment-facts')
    await age.waitFor()
    await other.page.clock.fastForward('03:00:00')
    await age.getByText('3 h ago').waitFor()
    await other.page.close()
  })

  it('finds its boxes again after a reload, without its server', async () => {
    await tab.box('box').click()
    await tab.untilState('box', 'running')
    await tab.page.locator('.tty:not([hidden])').click()
    await tab.press('Control+C')
    await tab.type('echo still here > note.txt; sync; echo wrote')
    await tab.untilShown(/^wrote/m)
    await tab.page.evaluate(() => navigator.serviceWorker.ready.then(() => true))
    await playground.stopServing()
    await tab.page.evaluate(() => void (location.hash = 'terminal-pane'))
    await tab.page.reload()
    await tab.untilState('box', 'stopped')
    // To look for a place for it must not start the box.
    await tab.drop('#files-pane', 'poem.txt', '')
    expect(await tab.failure()).toContain('Start one first')
    await tab.press('Control+Shift+E')
    await tab.untilState('box', 'running')
    await tab.untilShown(/#$/m)
    await tab.type('cat note.txt')
    await tab.untilShown(/^still here/m)
    await tab.moment('kept').waitFor()
    await playground.serve()
  })

  it('keeps nobody out: light, dark and as wide as a phone', async () => {
    expect(await seriousOf(tab.page)).toEqual([])
    await tab.page.emulateMedia({ colorScheme: 'dark' })
    expect(await seriousOf(tab.page)).toEqual([])
    await tab.button('Keyboard shortcuts').click()
    expect(await seriousOf(tab.page)).toEqual([])
    await tab.press('Escape')
    await tab.page.setViewportSize({ width: 390, height: 844 })
    for (const pane of ['Boxes', 'Timeline', 'Terminal', 'Files', 'Lesson']) {
      await tab.page.locator('#pane-switch').getByRole('button', { name: pane }).click()
      expect(await seriousOf(tab.page)).toEqual([])
      // Nothing sticks out at the side.
      expect(await tab.page.evaluate(() => document.documentElement.scrollWidth)).toBe(390)
    }
  })

  it('says what is wrong where the browser lets it keep nothing', async () => {
    const other = await playground.visit((page) => page.addInitScript(() => {
      const refuse = (): never => {
        throw new DOMException('Access is denied for this document.', 'SecurityError')
      }
      Object.defineProperty(window, 'localStorage', { get: refuse })
      IDBFactory.prototype.open = refuse
    }))
    await other.button('Try again').waitFor()
    expect(await other.page.getByRole('alert').locator('.remedy').innerText()).toContain('Allow this site to keep data')
    expect(await other.page.locator('#new-box').isDisabled()).toBe(true)
    await other.page.close()
  })

  it('leaves no complaint in the console, so its policy lets it do all of this', () => {
    // A server that was stopped is noticed, and meant to be.
    expect(playground.complaints.filter((text) => !text.includes('ERR_CONNECTION_REFUSED'))).toEqual([])
  })
})

async function sha256(bytes: Uint8Array): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(bytes))).toString('hex')
}
