// Serves the guest to the pages of the tests: under /guest/ as it is, and under /guest-FAULT/ as a server in trouble would.
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { Plugin } from 'vite'
import { diskGuest } from '../engine/disk-guest.ts'
// @ts-expect-error: a script, which has no types.
import { guestFolder } from '../../scripts/guest.mjs'

const types: Readonly<Record<string, string>> = { json: 'application/json', wasm: 'application/wasm' }

/** What goes wrong with every file but guest.json. */
const faults: Readonly<Record<string, (response: ServerResponse, path: string) => void>> = {
  cut(response, path) {
    const bytes = readFileSync(path)
    response.setHeader('content-length', bytes.length)
    response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy())
  },
  wrong(response, path) {
    const bytes = readFileSync(path)
    bytes[bytes.length - 1]! ^= 1
    response.end(bytes)
  },
  short: (response, path) => void response.end(readFileSync(path).subarray(1)),
  long: (response, path) => void response.end(Buffer.concat([readFileSync(path), Buffer.alloc(1)])),
  absent(response) {
    response.statusCode = 404
    response.end()
  },
}

/** What goes wrong with guest.json, too. */
const nowhere: typeof faults = {
  gone: faults['absent']!,
  // A server of an application answers every path with its page.
  page(response) {
    response.setHeader('content-type', 'text/html')
    response.end('<!doctype html><title>An application</title>')
  },
}

export function serveGuest(): Plugin {
  return {
    name: 'serve-guest',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        if (request.url === '/disk-guest.rom') return response.end(diskGuest())
        const [, fault, file] = /^\/guest(?:-([a-z]+))?\/([\w.-]+)(?:\?.*)?$/.exec(request.url ?? '') ?? []
        if (file === undefined) return next()
        const path = join(process.env['BOXLITE_GUEST'] || (guestFolder() as string), file)
        if (!existsSync(path)) return next()
        response.setHeader('content-type', types[file.split('.').at(-1)!] ?? 'application/octet-stream')
        const trouble = nowhere[fault ?? ''] ?? (file === 'guest.json' ? undefined : faults[fault ?? ''])
        if (trouble !== undefined) return trouble(response, path)
        response.setHeader('content-length', statSync(path).size)
        createReadStream(path).pipe(response)
      })
    },
  }
}
