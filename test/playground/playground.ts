// The playground as it is built, from a plain static server under a sub-path, in a Chromium.

import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from 'playwright'
import { build } from 'vite'
import { expect, vi } from 'vitest'
// @ts-expect-error: a script, which has no types.
import { guestFolder } from '../../scripts/guest.mjs'
import { chromiumArguments, chromiumPath } from '../chromium.ts'

/** A box may boot slowly on a machine that does much else. */
const WAIT_MS = 120_000
const FOLDER = '/class/room/'
const types: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }

export class Playground {
  readonly directory: string
  readonly #browser: Browser
  readonly #context: BrowserContext
  #server: Server | null = null
  #port = 0
  /** What pages complained of in their consoles. */
  readonly complaints: string[] = []

  private constructor(directory: string, browser: Browser, context: BrowserContext) {
    this.directory = directory
    this.#browser = browser
    this.#context = context
    context.on('weberror', (error) => this.complaints.push(error.error().message))
    context.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.complaints.push(message.text())
    })
  }

  /** Builds the page, serves it and opens a browser. */
  static async open(): Promise<Playground> {
    const directory = await mkdtemp(join(tmpdir(), 'boxlite-playground-'))
    process.env['BOXLITE_GUEST'] ||= guestFolder() as string
    const configFile = fileURLToPath(new URL('../../examples/playground/vite.config.ts', import.meta.url))
    // As it is built for visitors: Vite takes a test's environment for that of a developer.
    vi.stubEnv('NODE_ENV', 'production')
    await build({ configFile, logLevel: 'error', build: { outDir: join(directory, 'site') } })
    vi.unstubAllEnvs()
    const browser = await chromium.launch({ executablePath: chromiumPath, args: chromiumArguments })
    const context = await browser.newContext({ viewport: { width: 1360, height: 820 }, colorScheme: 'light', acceptDownloads: true })
    context.setDefaultTimeout(WAIT_MS)
    const playground = new Playground(directory, browser, context)
    await playground.serve()
    return playground
  }

  /** A tab with the page; it is prepared before anything of the page is there. */
  async visit(prepare: (page: Page) => Promise<unknown> = () => Promise.resolve()): Promise<Tab> {
    const page = await this.#context.newPage()
    await prepare(page)
    await page.goto(`http://127.0.0.1:${this.#port}${FOLDER}`)
    return new Tab(page)
  }

  async serve(): Promise<void> {
    const server = createServer(({ url = '' }, response) => {
      const path = url.replace(/\?.*$/, '')
      const name = path === FOLDER ? 'index.html' : path.slice(FOLDER.length)
      const file = join(this.directory, 'site', name)
      const found = path.startsWith(FOLDER) && !name.includes('..') ? readFile(file) : Promise.reject(new Error('elsewhere'))
      found.then(
        (body) => response.writeHead(200, { 'content-type': types[extname(name)] ?? 'application/octet-stream' }).end(body),
        () => response.writeHead(404).end(),
      )
    })
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
  }

  /** Nothing answers any more. */
  async stopServing(): Promise<void> {
    const server = this.#server
    if (server === null) return
    this.#server = null
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }

  async close(): Promise<void> {
    await this.#browser.close()
    await this.stopServing()
    await rm(this.directory, { recursive: true })
  }
}

/** One page of it, and what a person does there. */
export class Tab {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  /** The list of boxes, one of them. */
  box(name: string): Locator {
    return this.page.locator('#boxes button').filter({ has: this.page.locator('.box-name', { hasText: new RegExp(`^${name}$`) }) })
  }

  /** A moment of the timeline. */
  moment(name: string): Locator {
    return this.page.getByRole('treeitem').filter({ has: this.page.locator('.moment-name', { hasText: new RegExp(`^${name}$`) }) })
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole('button', { name, exact: typeof name === 'string' })
  }

  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key)
  }

  /** The name at the top of the terminal, and what the box does. */
  async untilState(name: string, state: string): Promise<void> {
    await this.page.locator('#box-head h2', { hasText: new RegExp(`^${name}$`) }).waitFor()
    await this.page.locator('#box-head .state', { hasText: new RegExp(`^${state}$`) }).waitFor()
  }

  /** Resolves when the terminal shows something. */
  async untilShown(pattern: RegExp): Promise<void> {
    await expect.poll(() => this.shown(), { timeout: WAIT_MS, interval: 100 }).toMatch(pattern)
  }

  /** What the terminal shows, line by line. */
  shown(): Promise<string> {
    return this.page.evaluate(() => {
      const rows = [...document.querySelectorAll('.tty:not([hidden]) .xterm-rows > div')]
      return rows.map((row) => (row.textContent ?? '').replaceAll('\u00a0', ' ').trimEnd()).join('\n')
    })
  }

  /** Types a line into the terminal. */
  async type(line: string): Promise<void> {
    await this.page.locator('.tty:not([hidden])').click()
    await this.page.keyboard.type(`${line}\n`)
  }

  /** Drops a file on a part of the page. */
  async drop(selector: string, name: string, content: string): Promise<void> {
    const dataTransfer = await this.page.evaluateHandle(
      (file) => {
        const carried = new DataTransfer()
        carried.items.add(new File([file.content], file.name))
        return carried
      },
      { name, content },
    )
    for (const event of ['dragover', 'drop']) await this.page.dispatchEvent(selector, event, { dataTransfer })
  }

  /** Drags something of this machine onto a part of the page, as a person does. */
  async dropPath(selector: string, path: string): Promise<void> {
    const { x, y, width, height } = (await this.page.locator(selector).boundingBox())!
    const session = await this.page.context().newCDPSession(this.page)
    const drag = { x: x + width / 2, y: y + height / 2, data: { items: [], files: [path], dragOperationsMask: 1 } }
    for (const type of ['dragEnter', 'dragOver', 'drop'] as const) await session.send('Input.dispatchDragEvent', { type, ...drag })
    await session.detach()
  }

  /** Whether the browser leaves a file alone that is held over a part of the page. */
  async isRefused(selector: string): Promise<boolean> {
    return this.page.locator(selector).evaluate((element) => {
      const dataTransfer = new DataTransfer()
      dataTransfer.items.add(new File([''], 'a'))
      return !element.dispatchEvent(new DragEvent('dragover', { dataTransfer, bubbles: true, cancelable: true }))
    })
  }

  /** How far a part of the page reaches to the right and down. */
  async edges(part: Locator): Promise<{ right: number; bottom: number }> {
    return part.evaluate((element) => {
      const { right, bottom } = element.getBoundingClientRect()
      return { right, bottom }
    })
  }

  /** What failed, and what was said of it; it is dismissed. */
  async failure(): Promise<string> {
    const notice = this.page.getByRole('alert').locator('.notice')
    const text = await notice.innerText()
    await notice.getByRole('button', { name: 'Dismiss' }).click()
    await notice.waitFor({ state: 'detached' })
    return text
  }

  /** Takes a snapshot without a mouse. */
  async takeSnapshot(name: string, note = ''): Promise<void> {
    const field = this.page.getByLabel('Name')
    // While the history is read, or something is done with the box, nothing is asked.
    do await this.press('Control+Shift+S')
    while (!(await field.isVisible()))
    await field.fill(name)
    await this.page.getByLabel('Note').fill(note)
    await this.press('Enter')
    await this.moment(name).waitFor()
  }
}
