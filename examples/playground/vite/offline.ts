// Vite plugin: puts the service worker beside the page, with the names of the files that it keeps.

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Plugin } from 'vite'

export function offline(): Plugin {
  return {
    name: 'playground-offline',
    apply: 'build',
    enforce: 'post',
    async generateBundle(_options, bundle) {
      const source = await readFile(new URL('service-worker.js', import.meta.url), 'utf8')
      // The guest's files are many megabytes, and the library keeps them by their digests.
      const names = Object.keys(bundle).filter((name) => !name.startsWith('guest/')).sort()
      const hash = createHash('sha256')
      for (const name of names) {
        const file = bundle[name]
        hash.update(name).update(file?.type === 'chunk' ? file.code : (file?.source ?? ''))
      }
      const files = JSON.stringify(['./', ...names, 'icon.svg'])
      const version = JSON.stringify(hash.digest('hex').slice(0, 16))
      const code = source.replace('/* files */ []', files).replace("/* version */ ''", version)
      this.emitFile({ type: 'asset', fileName: 'service-worker.js', source: code })
    },
  }
}
