// Going back to a snapshot looks at each layer of its chain as it is, which does not take a transaction each.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BoxLite, type Box } from '../../hosts/browser/index.ts'
import { openBrowserStore } from '../../hosts/browser/store/open-browser-store.ts'
import { refuses } from './refuses.ts'
import { transactionsOf } from './transactions-of.ts'

const LAYERS = 30

describe('a chain of many layers in a database', () => {
  const homeDir = 'heads'
  let lite: BoxLite
  let box: Box
  beforeEach(async () => {
    lite = await BoxLite.open({ homeDir, engine: 'none' })
    box = await lite.create({ name: 'web', diskSizeGb: 1 })
    for (let i = 0; i < LAYERS; i++) await box.snapshot.create(`s${i}`)
  })
  afterEach(async () => {
    await lite.close()
    indexedDB.deleteDatabase(`boxlite:${homeDir}`)
  })

  it('is looked at as fast as one of two', async () => {
    const short = await transactionsOf(async () => void (await box.snapshot.restore('s1')))
    const long = await transactionsOf(async () => void (await box.snapshot.restore(`s${LAYERS - 1}`)))
    expect(long.length).toBe(short.length)
  })

  it('is looked at as it is: a layer that is gone is missed, however well it was known', async () => {
    await box.snapshot.restore(`s${LAYERS - 1}`)
    const elsewhere = await openBrowserStore(homeDir)
    const [deepest] = await elsewhere.list('layers')
    await elsewhere.remove('layers', deepest!)
    await elsewhere.close()
    await refuses(box.snapshot.restore(`s${LAYERS - 1}`), 'corrupt', /missing|not there|gone/)
  })
})
