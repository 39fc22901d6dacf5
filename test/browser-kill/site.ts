// A static server on loopback for a page of these tests and for the guest, that can serve badly.

import { build } from 'esbuild'
import { readFile } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const pageDirectory = fileURLToPath(new URL('page/', import.meta.url))

/** The page is not at the root, and may do no more than the documentation says that it must. */
const FOLDER = '/some/where/'
const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self'; img-src data:"

const types: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript', '.json': 'application/json' }

/** How a file is served badly: its connection is cut in the middle, or a byte in its middle is another. */
export type Fault = 'cut' | 'wrong'

export class Site {
  readonly #server: Server
  readonly #page: ReadonlyMap<string, Buffer>
  /** The folder of the guest. */
  readonly guest: string
  /** Where the page is. */
  readonly url: string
  /** The paths that were asked for, below the page's folder. */
  readonly requests: string[] = []
  /** What is wrong with a file. */
  fault: (path: string) => Fault | null = () => null

  private constructor(server: Server, page: ReadonlyMap<string, Buffer>, guest: string) {
    this.#server = server
    this.#page = page
    this.guest = guest
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${FOLDER}`
    server.on('request', ({ url }, response) => {
      this.#answer(url!, response).catch((error: Error) => response.destroy(error))
    })
  }

  /** Builds the page and serves it, with the guest of the folder `guest` at `guest/`. */
  static async open(guest: string): Promise<Site> {
    const options = { bundle: true, format: 'esm', target: 'es2023', write: false, outdir: '/', minify: true } as const
    const { outputFiles } = await build({ ...options, entryPoints: [join(pageDirectory, 'page.ts'), join(pageDirectory, 'keeper.mjs')] })
    const page = new Map(outputFiles.map(({ path, contents }) => [path.slice(1), Buffer.from(contents)]))
    page.set('index.html', await readFile(join(pageDirectory, 'index.html')))
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Site(server, page, guest)
  }

  /** Nothing answers any more. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  async #answer(url: string, response: ServerResponse): Promise<void> {
    const path = new URL(url, this.url).pathname.slice(FOLDER.length) || 'index.html'
    this.requests.push(path)
    const body = await this.#read(path)
    if (body === null) {
      response.writeHead(404).end()
      return
    }
    const fault = this.fault(path)
    const type = types[extname(path)] ?? 'application/octet-stream'
    response.writeHead(200, { 'content-type': type, 'content-length': body.length, 'cache-control': 'no-store', 'content-security-policy': POLICY })
    const middle = body.length >> 1
    if (fault === 'cut') response.write(body.subarray(0, middle), () => response.destroy())
    else if (fault === 'wrong') response.end(Buffer.concat([body.subarray(0, middle), Buffer.from([body[middle]! ^ 1]), body.subarray(middle + 1)]))
    else response.end(body)
  }

  async #read(path: string): Promise<Buffer | null> {
    const own = this.#page.get(path)
    if (own !== undefined || !/^guest\/[\w.-]+$/.test(path)) return own ?? null
    try {
      return await readFile(join(this.guest, path.slice('guest/'.length)))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
  }
}
