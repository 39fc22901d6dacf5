// What each of these files of tests has: the site, a profile on disk, and a whole browser on it that can be killed.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type BrowserContext } from 'playwright'
import { afterAll, beforeAll } from 'vitest'
// @ts-expect-error: a script, which has no types.
import { guestFolder, isGuestBuilt } from '../../scripts/guest.mjs'
import { chromiumArguments, chromiumPath, noChromium } from '../chromium.ts'
import { Site } from './site.ts'
import { Tab } from './tab.ts'

/** Why no page can start a box here; null: it can. */
export const noPages: string | null = noChromium ?? (process.env['BOXLITE_GUEST'] || isGuestBuilt() ? null : "no guest: type 'npm run guest'")

/** For the name of a suite that is skipped. */
export const because = (reason: string | null): string => (reason === null ? '' : ` (${reason})`)

export class Pages {
  #directory = ''
  #site: Site | null = null
  #context: BrowserContext | null = null
  #pid = 0

  /** Of the suite that this is called in: opened before it, closed after. */
  static use(): Pages {
    const pages = new Pages()
    beforeAll(() => pages.#open())
    afterAll(() => pages.#close())
    return pages
  }

  /** For files of the test's own. */
  get directory(): string {
    return this.#directory
  }

  get site(): Site {
    return this.#site!
  }

  get context(): BrowserContext {
    return this.#context!
  }

  /** A new tab with the page in it. */
  visit(): Promise<Tab> {
    return Tab.open(this.context, this.site.url)
  }

  /** A new tab that has opened its home. */
  async home(engine: 'auto' | 'none' = 'auto'): Promise<Tab> {
    const tab = await this.visit()
    await tab.call('open', engine)
    return tab
  }

  /**
   * Ends all processes of the browser at once, as the end of a session or a kernel for want of memory would, and starts it again.
   * It leads a group of its own.
   */
  async kill(): Promise<void> {
    const closed = new Promise<unknown>((resolve) => this.context.once('close', resolve))
    process.kill(-this.#pid, 'SIGKILL')
    await closed
    await this.#launch()
  }

  async #open(): Promise<void> {
    this.#directory = await mkdtemp(join(tmpdir(), 'boxlite-pages-'))
    this.#site = await Site.open(process.env['BOXLITE_GUEST'] || guestFolder())
    await this.#launch()
  }

  async #close(): Promise<void> {
    await this.#context?.close()
    await this.#site?.close()
    await rm(this.#directory, { recursive: true })
  }

  async #launch(): Promise<void> {
    const profile = join(this.#directory, 'profile')
    this.#context = await chromium.launchPersistentContext(profile, { executablePath: chromiumPath, args: chromiumArguments, timeout: 0 })
    // Vitest alone says when something takes too long.
    this.#context.setDefaultTimeout(0)
    const session = await this.context.browser()!.newBrowserCDPSession()
    const { processInfo } = await session.send('SystemInfo.getProcessInfo')
    this.#pid = processInfo.find(({ type }) => type === 'browser')!.id
  }
}
