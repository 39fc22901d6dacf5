// One visit to the page: calls of its functions, and what it says while it works.

import type { BrowserContext, CDPSession, Page } from 'playwright'
import { BoxLiteError, type ErrorCode } from '../../src/error.ts'
import type { Lab } from './page/lab.ts'

/** The functions that the page has, by name. */
type Calls = { readonly [K in keyof Lab as Lab[K] extends (...args: never[]) => unknown ? K : never]: Lab[K] }

/** What a function of the page answered: an error where there is one. */
interface Answer<T> {
  readonly value: T
  readonly error?: { readonly code: ErrorCode | null; readonly message: string; readonly remedy?: string }
}

/** A visit, over whatever protocol. */
export abstract class Visit {
  /** What each worker has said. It is here before its worker goes on. */
  readonly said = new Map<string, string[]>()
  #heard: () => void = () => undefined
  #lines = 0

  /** Has the page answer a call (page/page.ts). */
  protected abstract ask(name: string, args: readonly unknown[]): Promise<unknown>

  /** Closes the tab without asking it. */
  abstract close(): Promise<void>

  /** Calls a function of the page. What it rejects with is thrown here, with its code and its remedy. */
  async call<K extends keyof Calls>(name: K, ...args: Parameters<Calls[K]>): Promise<Awaited<ReturnType<Calls[K]>>> {
    const { value, error } = (await this.ask(name, args)) as Answer<Awaited<ReturnType<Calls[K]>>>
    if (error === undefined) return value
    const { code, message, remedy } = error
    if (code === null) throw new Error(`The page failed: ${message}`)
    throw new BoxLiteError(code, message, remedy === undefined ? {} : { remedy })
  }

  /** Resolves when the workers of this page have said so many lines in all; rejects when one of them failed. */
  async heard(lines: number): Promise<void> {
    while (this.#lines < lines) {
      await new Promise<void>((resolve) => (this.#heard = resolve))
      if (this.failed !== null) throw new Error(this.failed)
    }
  }

  /** What a worker said when it failed, which it must not; null: none did. */
  get failed(): string | null {
    for (const [worker, said] of this.said) if (said.at(-1)!.startsWith('?')) return `The worker ${worker} failed: ${said.at(-1)}`
    return null
  }

  /** How many lines were said. */
  get lines(): number {
    return this.#lines
  }

  protected hear(worker: string, line: string): void {
    const said = this.said.get(worker) ?? []
    this.said.set(worker, [...said, line])
    this.#lines++
    this.#heard()
  }
}

/** A visit through Playwright. */
export class Tab extends Visit {
  readonly page: Page

  private constructor(page: Page) {
    super()
    this.page = page
  }

  static async open(context: BrowserContext, url: string): Promise<Tab> {
    const tab = new Tab(await context.newPage())
    await tab.page.exposeBinding('say', (_, worker: string, line: string) => tab.hear(worker, line))
    await tab.page.goto(url)
    return tab
  }

  protected ask(name: string, args: readonly unknown[]): Promise<unknown> {
    return this.page.evaluate(([name, args]) => globalThis.answer(name, args), [name, args] as const)
  }

  /** Has the page export a box, as a download into `file`. */
  async download(name: string, file: string): Promise<void> {
    const [downloaded] = await Promise.all([this.page.waitForEvent('download'), this.call('download', name)])
    await downloaded.saveAs(file)
  }

  devTools(): Promise<CDPSession> {
    return this.page.context().newCDPSession(this.page)
  }

  close(): Promise<void> {
    return this.page.close()
  }

  /** Lets the process of the page die under it, and closes what is left. */
  async crash(): Promise<void> {
    const crashed = new Promise<unknown>((resolve) => this.page.once('crash', resolve))
    const session = await this.devTools()
    // Nobody is left to answer.
    session.send('Page.crash').catch(() => undefined)
    await crashed
    await this.page.close()
  }

  /** Has the browser load another page in the place of this one, and closes that. */
  async reload(): Promise<void> {
    await this.page.reload()
    await this.page.close()
  }
}
