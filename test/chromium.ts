// The Chromium that pages are tested in.

import { existsSync } from 'node:fs'

// scripts/test.mjs finds it; alone, vitest takes Debian's.
export const chromiumPath: string = process.env['BOXLITE_CHROMIUM'] || '/usr/bin/chromium'

/** Why no page can be opened here; null: it can. */
export const noChromium: string | null = existsSync(chromiumPath) ? null : 'no Chromium on this machine'

export const chromiumArguments: string[] = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
