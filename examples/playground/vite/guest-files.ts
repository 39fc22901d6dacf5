// Vite plugin: the guest's files under `guest/` of the page, from Vite's own server and in what it builds.

import { createReadStream } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { Plugin } from 'vite'

/** `folder` holds a guest.json. Folders in it are how to build more, which a page cannot. */
export function guestFiles(folder: string): Plugin {
  return {
    name: 'playground-guest-files',
    configureServer({ middlewares, config }) {
      middlewares.use(`${config.base}guest/`, (request, response) => void serve(folder, request.url ?? '', response))
    },
    async generateBundle() {
      for (const entry of await readdir(folder, { withFileTypes: true })) {
        if (!entry.isFile()) continue
        this.emitFile({ type: 'asset', fileName: `guest/${entry.name}`, source: await readFile(join(folder, entry.name)) })
      }
    },
  }
}

async function serve(folder: string, url: string, response: ServerResponse): Promise<void> {
  const name = url.replace(/^\//, '').replace(/\?.*$/, '')
  // One name, of a file that is in the folder: a path leads nowhere.
  const entries = await readdir(folder, { withFileTypes: true })
  if (entries.some((entry) => entry.name === name && entry.isFile())) createReadStream(join(folder, name)).pipe(response)
  else response.writeHead(404).end()
}
