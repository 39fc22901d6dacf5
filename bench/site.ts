// The page of the benchmarks and the guest, on a server of this machine.

import { build, type BuildOptions } from 'esbuild'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { GuestAssets } from '../hosts/node/guest-assets.ts'

const sources = new URL('../../', import.meta.url)
const html =
  '<!doctype html><html lang="en"><meta charset="utf-8"><title>Benchmarks</title><link rel="icon" href="data:,">' +
  '<script type="module" src="page.js"></script>'
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
}

export class Site {
  readonly #server: Server
  readonly #files: ReadonlyMap<string, Buffer>
  /** Whether the guest can be reached: else its requests fail, as without a network. */
  hasGuest = true
  /** Bytes of all files that were sent; none is compressed. */
  sentBytes = 0

  private constructor(server: Server, files: ReadonlyMap<string, Buffer>) {
    this.#server = server
    this.#files = files
    server.on('request', ({ url }, response) => this.#answer(new URL(url!, this.url).pathname.slice(1) || 'index.html', response))
  }

  static async open(guest: GuestAssets): Promise<Site> {
    const { kernel, initrd, firmware, emulator, images } = guest.manifest
    const files = new Map([
      ['index.html', Buffer.from(html)],
      ['page.js', await bundle('bench/page/page.ts')],
      ['bare.js', await bundle('bench/page/bare.ts')],
      ['package.js', await bundle('bench/page/package.ts')],
    ])
    for (const name of ['guest.json', ...[kernel, initrd, firmware, emulator!, ...images].map(({ file }) => file)]) {
      files.set(`guest/${name}`, await readFile(join(guest.directory, name)))
    }
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Site(server, files)
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  #answer(path: string, response: ServerResponse): void {
    if (!this.hasGuest && path.startsWith('guest/')) {
      response.destroy()
      return
    }
    const body = this.#files.get(path)
    if (body === undefined) {
      response.writeHead(404).end()
      return
    }
    this.sentBytes += body.length
    const type = types[extname(path)] ?? 'application/octet-stream'
    response.writeHead(200, { 'content-type': type, 'content-length': body.length, 'cache-control': 'no-store' }).end(body)
  }
}

/** A module with all that it imports, as a page would have it. */
async function bundle(entry: string): Promise<Buffer> {
  const options: BuildOptions = { bundle: true, minify: true, format: 'esm', target: 'es2022', legalComments: 'none', write: false }
  // v86 asks for these where it runs on Node.
  const external = ['node:*', 'crypto', 'fs', 'perf_hooks']
  const { outputFiles } = await build({ ...options, external, entryPoints: [fileURLToPath(new URL(entry, sources))] })
  return Buffer.from(outputFiles![0]!.contents)
}
