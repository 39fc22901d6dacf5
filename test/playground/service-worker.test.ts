// What the playground's service worker keeps, and for whom, beside a model of a browser's caches.
import { readFileSync } from 'node:fs'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'

const source = readFileSync(new URL('../../examples/playground/vite/service-worker.js', import.meta.url), 'utf8')

type Listener = (event: object) => void

/** The caches of one origin, and its server. */
class Origin {
  readonly caches = new Map<string, Map<string, string>>()
  readonly asked: { url: string; cache: string }[] = []
  online = true

  /** Installs a build under a path and makes it the one that answers. */
  async install(scope: string, version: string): Promise<Worker> {
    const worker = new Worker(this, scope, version)
    await worker.tell('install')
    await worker.tell('activate')
    return worker
  }

  async fetch(request: Request): Promise<string> {
    this.asked.push({ url: request.url, cache: request.cache })
    if (!this.online) throw new TypeError('Failed to fetch')
    return `fetched ${request.url}`
  }
}

class Worker {
  readonly #listeners = new Map<string, Listener>()

  constructor(origin: Origin, scope: string, version: string) {
    const open = async (name: string): Promise<object> => {
      const kept = origin.caches.get(name) ?? new Map<string, string>()
      origin.caches.set(name, kept)
      return {
        addAll: async (requests: Request[]) => {
          for (const request of requests) kept.set(request.url, `${await origin.fetch(request)} for ${version}`)
        },
        match: async (href: string) => kept.get(href),
      }
    }
    const caches = { open, keys: async () => [...origin.caches.keys()], delete: async (name: string) => origin.caches.delete(name) }
    const self = {
      registration: { scope },
      addEventListener: (kind: string, listener: Listener) => this.#listeners.set(kind, listener),
      skipWaiting: async () => {},
      clients: { claim: async () => {} },
    }
    const fetch = (request: Request): Promise<string> => origin.fetch(request)
    const code = source.replace('/* files */ []', "['./', 'index.html', 'assets/a.js']").replace("/* version */ ''", `'${version}'`)
    runInNewContext(code, { self, caches, fetch, URL, Request })
  }

  async tell(kind: string): Promise<void> {
    let done: Promise<void> | undefined
    this.#listeners.get(kind)!({ waitUntil: (until: Promise<void>) => (done = until) })
    await done
  }

  /** What the page is answered; null: nothing, it goes its own way. */
  async ask(url: string, mode = 'cors', method = 'GET'): Promise<string | null> {
    let answer: Promise<string> | null = null
    this.#listeners.get('fetch')!({ request: { url, mode, method }, respondWith: (response: Promise<string>) => (answer = response) })
    return answer
  }
}

describe('the service worker of the playground', () => {
  it('opens the page without a network, whatever stands behind its address', async () => {
    const origin = new Origin()
    const worker = await origin.install('https://a.example/room/', '1')
    origin.online = false
    for (const url of ['', '#terminal-pane', '?lesson', 'index.html?a#b']) {
      expect(await worker.ask(`https://a.example/room/${url}`, 'navigate')).toContain('for 1')
    }
    expect(await worker.ask('https://a.example/room/assets/a.js')).toContain('for 1')
  })

  it('asks the server whether what the browser has is still right, before it keeps it', async () => {
    const origin = new Origin()
    await origin.install('https://a.example/room/', '1')
    expect(origin.asked.map(({ cache }) => cache)).toEqual(['no-cache', 'no-cache', 'no-cache'])
  })

  it('clears away its own older builds, and nothing of a playground under another path', async () => {
    const origin = new Origin()
    const other = await origin.install('https://a.example/room/2/', '1')
    await origin.install('https://a.example/room/', '1')
    await origin.install('https://a.example/room/', '2')
    expect(origin.caches.size).toBe(2)
    origin.online = false
    expect(await other.ask('https://a.example/room/2/', 'navigate')).toContain('for 1')
  })

  it('asks for a page anew where there is a network, and leaves everything else alone', async () => {
    const origin = new Origin()
    const worker = await origin.install('https://a.example/room/', '1')
    expect(await worker.ask('https://a.example/room/', 'navigate')).not.toContain('for 1')
    expect(await worker.ask('https://a.example/room/guest/guest.json')).toBeNull()
    expect(await worker.ask('https://a.example/room/', 'cors', 'POST')).toBeNull()
  })
})
