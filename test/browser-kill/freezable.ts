// Tabs that can be frozen. Playwright keeps every page of its own in focus, and such a page does not freeze; so these are driven
// over the DevTools protocol itself, through the pipe of a Chromium of their own.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { chromiumArguments, chromiumPath } from '../chromium.ts'
import { Visit } from './tab.ts'

interface Message {
  readonly id?: number
  readonly sessionId?: string
  readonly method?: string
  readonly params?: Record<string, unknown>
  readonly result?: Record<string, unknown>
  readonly error?: { readonly message: string }
}

type Told = (method: string, params: Record<string, unknown>) => void

export class FreezableChromium {
  readonly #process: ChildProcess
  readonly #answers = new Map<number, (message: Message) => void>()
  readonly #sessions = new Map<string, Told>()
  #calls = 0

  constructor(profile: string) {
    const args = [...chromiumArguments, '--remote-debugging-pipe', `--user-data-dir=${profile}`]
    this.#process = spawn(chromiumPath, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], detached: true })
    let rest = ''
    ;(this.#process.stdio[4] as Readable).setEncoding('utf8').on('data', (text: string) => {
      const messages = (rest + text).split('\0')
      rest = messages.pop()!
      for (const message of messages) this.#receive(JSON.parse(message) as Message)
    })
  }

  /** One command of the protocol; `session` names the tab it is for. */
  async send(method: string, params: Record<string, unknown> = {}, session?: string): Promise<Record<string, unknown>> {
    const id = ++this.#calls
    const answered = new Promise<Message>((resolve) => this.#answers.set(id, resolve))
    ;(this.#process.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, ...(session && { sessionId: session }) })}\0`)
    const { result, error } = await answered
    if (error !== undefined) throw new Error(`${method}: ${error.message}`)
    return result!
  }

  /** Hears the events of a tab. */
  listen(session: string, told: Told): void {
    this.#sessions.set(session, told)
  }

  async close(): Promise<void> {
    const ended = once(this.#process, 'exit')
    process.kill(-this.#process.pid!, 'SIGKILL')
    await ended
  }

  #receive({ id, sessionId, method, params, ...answer }: Message): void {
    if (id !== undefined) {
      this.#answers.get(id)!(answer)
      this.#answers.delete(id)
    } else if (sessionId !== undefined) this.#sessions.get(sessionId)?.(method!, params!)
  }
}

/** A visit in a tab that can be frozen. */
export class FreezableTab extends Visit {
  readonly #chromium: FreezableChromium
  readonly #target: string
  readonly #session: string

  private constructor(chromium: FreezableChromium, target: string, session: string) {
    super()
    this.#chromium = chromium
    this.#target = target
    this.#session = session
  }

  static async open(chromium: FreezableChromium, url: string): Promise<FreezableTab> {
    const { targetId } = await chromium.send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await chromium.send('Target.attachToTarget', { targetId, flatten: true })
    const tab = new FreezableTab(chromium, targetId as string, sessionId as string)
    await tab.#visit(url)
    return tab
  }

  async setLifecycle(state: 'frozen' | 'active'): Promise<void> {
    await this.#send('Page.setWebLifecycleState', { state })
  }

  async close(): Promise<void> {
    await this.#chromium.send('Target.closeTarget', { targetId: this.#target })
  }

  protected async ask(name: string, args: readonly unknown[]): Promise<unknown> {
    const expression = `answer(${JSON.stringify(name)}, ${JSON.stringify(args)})`
    const { result, exceptionDetails } = await this.#send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
    if (exceptionDetails !== undefined) throw new Error(`The page failed: ${JSON.stringify(exceptionDetails)}`)
    return (result as { readonly value: unknown }).value
  }

  async #visit(url: string): Promise<void> {
    const loaded = new Promise<void>((resolve) => {
      this.#chromium.listen(this.#session, (method, params) => {
        if (method === 'Page.loadEventFired') resolve()
        if (method === 'Runtime.bindingCalled') this.hear(...(JSON.parse(params['payload'] as string) as [string, string]))
      })
    })
    await this.#send('Page.enable')
    await this.#send('Runtime.enable')
    await this.#send('Runtime.addBinding', { name: 'tell' })
    // A binding answers nothing; what it was told is on its way when it returns.
    const source = 'globalThis.say = async (...words) => tell(JSON.stringify(words))'
    await this.#send('Page.addScriptToEvaluateOnNewDocument', { source })
    await this.#send('Page.navigate', { url })
    await loaded
  }

  #send(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    return this.#chromium.send(method, params, this.#session)
  }
}
