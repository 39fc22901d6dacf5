// The corpus of crashed homes in a browser: the same homes, the same core, the same results.

import { describe, expect, it } from 'vitest'
import { openBrowserStore } from '../../hosts/browser/store/open-browser-store.ts'
import { Core } from '../../src/core/core.ts'
import { count } from '../counts.ts'
import type { Corpus } from './corpus.ts'
import { coreWasmBase64 } from '../../src/core/core.wasm.ts'
import { forgetfulHost, memoryHost, storeHost } from './corpus-hosts.ts'
import { describeCorpus } from './corpus-suite.ts'
import homesText from './corpus/homes.json?raw'

const core = await Core.create()

let homes = 0
const onIndexedDb = storeHost('IndexedDB', async () => {
  const name = `corpus-${homes++}`
  const store = await openBrowserStore(name)
  const close = store.close.bind(store)
  store.close = async () => {
    await close()
    indexedDB.deleteDatabase(`boxlite:${name}`)
  }
  return store
})

const corpus = JSON.parse(homesText) as Corpus

describe('the corpus of crashed homes', () => {
  describeCorpus(corpus, core, [forgetfulHost, memoryHost])
  // Each home is a database to be made; half of them are enough for every day.
  describe('in databases', () => describeCorpus({ ...corpus, homes: corpus.homes.filter((_, i) => i % count(2, 1) === 0) }, core, [onIndexedDb]))

  it('is recovered by the bytes that are shipped', async () => {
    const shipped = await (await fetch(new URL('../../dist/core.wasm', import.meta.url))).arrayBuffer()
    const travelled = Uint8Array.from(atob(coreWasmBase64), (letter) => letter.charCodeAt(0))
    expect(await sha256(travelled)).toBe(await sha256(shipped))
  })
})

async function sha256(bytes: BufferSource): Promise<string> {
  return Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
