import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'
import { guestFiles } from './vite/guest-files.ts'
import { offline } from './vite/offline.ts'

// `npm run playground` names it; else name any folder with a guest.json, such as node_modules/boxlite-guest-386.
const guest = process.env['BOXLITE_GUEST'] ?? ''
if (!existsSync(`${guest}/guest.json`)) {
  throw new Error("BOXLITE_GUEST names no folder with a guest.json. Type 'npm run playground' in the repository: it finds or builds one.")
}

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // Relative, so that what is built works under any path of any server.
  base: './',
  cacheDir: fileURLToPath(new URL('../../.cache/vite-playground', import.meta.url)),
  plugins: [guestFiles(guest), offline()],
  build: {
    outDir: fileURLToPath(new URL('../../build/playground', import.meta.url)),
    emptyOutDir: true,
    target: 'es2023',
    // The terminal and the library; neither can come later.
    chunkSizeWarningLimit: 2000,
  },
})
