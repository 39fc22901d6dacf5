// Recovers every home of the corpus on a host, and compares what comes out with what came out where the
// corpus was made.

import { expect, it } from 'vitest'
import type { Core } from '../../src/core/core.ts'
import { digestTree, recoverHome, treeOf, type Corpus, type CorpusHost } from './corpus.ts'
import { shown } from './corpus-hosts.ts'

export function describeCorpus(corpus: Corpus, core: Core, hosts: readonly CorpusHost[]): void {
  it('has at least 200 crashed homes', () => expect(corpus.homes.length).toBeGreaterThanOrEqual(200))

  for (const host of hosts) {
    it(`is recovered on ${host.name} as everywhere`, { timeout: 300_000 }, async () => {
      const different: string[] = []
      for (const home of corpus.homes) {
        const before = treeOf(corpus, home)
        const { store, old, read, close } = await host.open(before)
        const adopted = await recoverHome(core, store, old)
        if ((await digestTree(shown(await read(), before), adopted)) !== home.recovered) different.push(home.name)
        await close()
      }
      expect(different).toEqual([])
    })
  }
}
