// What the browser can do to a transaction or a connection, and what is left of the home then.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BoxLite, type Box, type BoxDisk } from '../../hosts/browser/index.ts'
import type { BrowserStore } from '../../hosts/browser/store/browser-store.ts'
import { openBrowserStore } from '../../hosts/browser/store/open-browser-store.ts'
import { errorCode } from '../error-code.ts'
import { noteUnhandledRejections } from '../unhandled-rejections.ts'
import { refuses } from './refuses.ts'

const box = 'b'.repeat(32)
const layer = `${'1'.repeat(32)}.qcow2`
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const { transaction } = IDBDatabase.prototype

/** Has `meet` see every transaction, with the connection it is on, from now on. */
function meetAll(meet: (started: IDBTransaction, connection: IDBDatabase) => void): void {
  IDBDatabase.prototype.transaction = function (this: IDBDatabase, ...given: Parameters<typeof transaction>) {
    const started = transaction.apply(this, given)
    meet(started, this)
    return started
  }
}

/** The same of those that write. */
function meetWrites(meet: (started: IDBTransaction, connection: IDBDatabase) => void): void {
  meetAll((started, connection) => started.mode === 'readwrite' && meet(started, connection))
}

const abortAtAnswer = (started: IDBTransaction): void =>
  started.addEventListener('success', () => started.abort(), { capture: true, once: true })

/** Has the `n`th transaction that writes, from now on, come to nothing at its first answer. `count` is how many there were. */
function failWrite(n: number): { count: number } {
  const writes = { count: 0 }
  meetWrites((started) => {
    if (++writes.count === n) abortAtAnswer(started)
  })
  return writes
}

const heal = (): void => {
  IDBDatabase.prototype.transaction = transaction
}

let homes = 0

describe('a store whose database fails', () => {
  let home: string
  let store: BrowserStore
  const contentOf = async (): Promise<string> => {
    const file = await store.openLayer(layer, 'read')
    const content = new Uint8Array(await file.size())
    await file.read(content, 0)
    await file.close()
    return new TextDecoder().decode(content)
  }
  beforeEach(async () => {
    home = `failing-${homes++}`
    store = await openBrowserStore(home)
    const file = await store.createLayer(layer)
    await file.write(bytes('before'), 0)
    await file.sync()
    await file.close()
  })
  afterEach(async () => {
    heal()
    await store.close()
    indexedDB.deleteDatabase(`boxlite:${home}`)
  })

  it('takes no more into a file whose sync failed, and has what was durable before', async () => {
    const file = await store.openLayer(layer, 'write')
    await file.write(bytes('after!'), 0)
    failWrite(1)
    await refuses(file.sync(), 'io', /gave the transaction up/)
    heal()
    await refuses(file.sync(), 'io', /gave the transaction up/)
    await refuses(file.write(bytes('again!'), 0), 'io', /gave the transaction up/)
    // Whoever has it open reads what was written, as before; the database has what was synced.
    expect(await contentOf()).toBe('after!')
    await file.close()
    expect(await contentOf()).toBe('before')
  })

  it('tells of a failed close whoever closed, and not who opens the file meanwhile', async () => {
    const file = await store.openLayer(layer, 'write')
    await file.write(bytes('after!'), 0)
    failWrite(1)
    const [content, closed] = await Promise.allSettled([contentOf(), file.close()])
    expect(closed).toMatchObject({ status: 'rejected', reason: { code: 'io' } })
    expect(content).toEqual({ status: 'fulfilled', value: 'before' })
  })

  it('tells whoever reads that it failed, and nobody else: what nobody handles would end the machine of a box', async () => {
    const file = await store.openLayer(layer, 'read')
    const unhandled = noteUnhandledRejections()
    meetAll(abortAtAnswer)
    await refuses(file.read(new Uint8Array(6), 0), 'io', /Cannot read the layer/)
    heal()
    const target = new Uint8Array(6)
    await file.read(target, 0)
    await file.close()
    expect(target).toEqual(bytes('before'))
    // The browser tells of those that were left in the same turn, before it starts another one.
    await new Promise((resolve) => setTimeout(resolve))
    expect(unhandled()).toEqual([])
  })

  it('works again after a failed record, with the old one', async () => {
    await store.commitRecord('boxes', box, bytes('one'), null, [])
    failWrite(1)
    await refuses(store.commitRecord('boxes', box, bytes('two'), bytes('one'), []), 'io', /gave the transaction up/)
    expect(await store.readRecord('boxes', box)).toEqual(bytes('one'))
    await store.commitRecord('boxes', box, bytes('two'), bytes('one'), [])
    expect(await store.readRecord('boxes', box)).toEqual(bytes('two'))
  })

  /** Does what a browser does that takes the database away: it closes the connection, and says so. */
  async function breakConnection(): Promise<void> {
    let open: IDBDatabase | null = null
    meetWrites((_started, connection) => (open = connection))
    await store.commitRecord('boxes', box, bytes('one'), await store.readRecord('boxes', box), [])
    heal()
    open!.close()
    open!.dispatchEvent(new Event('close'))
  }

  it('goes on when the browser has closed the connection', async () => {
    const file = await store.openLayer(layer, 'write')
    await breakConnection()
    await file.write(bytes('after!'), 0)
    await file.sync()
    await file.close()
    expect(await contentOf()).toBe('after!')
    expect(await store.readRecord('boxes', box)).toEqual(bytes('one'))
  })

  it('says at every call that the browser has cleared its data', async () => {
    await breakConnection()
    await new Promise((resolve) => indexedDB.deleteDatabase(`boxlite:${home}`).addEventListener('success', resolve))
    await refuses(store.list('layers'), 'not_found', /deleted/)
    await refuses(store.openLayer(layer, 'read'), 'not_found', /deleted/)
    await refuses(store.commitRecord('boxes', box, bytes('one'), null, []), 'not_found', /deleted/)
  })
})

describe('a box whose home fails', () => {
  const pattern = (seed: number): Uint8Array => new Uint8Array(100_000).fill(seed)
  const web = async (lite: BoxLite): Promise<Box> => (await lite.get('web'))!
  const operations: Readonly<Record<string, (lite: BoxLite) => Promise<unknown>>> = {
    'a snapshot is made': async (lite) => (await web(lite)).snapshot.create('new'),
    'a snapshot is restored': async (lite) => (await web(lite)).snapshot.restore('old'),
    'a snapshot and its layers are removed': async (lite) => {
      await (await web(lite)).snapshot.remove('other')
      await lite.prune()
    },
    'it is cloned': async (lite) => (await web(lite)).clone({ name: 'copy' }),
    'its disk is written': async (lite) => fill(await (await web(lite)).disk(), 2),
  }
  afterEach(heal)

  async function fill(disk: BoxDisk, seed: number): Promise<void> {
    try {
      await disk.write(0, pattern(seed))
    } finally {
      await disk.close()
    }
  }

  /** What all of a disk's first bytes are; null where they are not all the same. */
  async function seedOf(disk: BoxDisk): Promise<number | null> {
    const read = pattern(255)
    await disk.read(0, read)
    await disk.close()
    return read.every((byte) => byte === read[0]) ? read[0]! : null
  }

  it.each(Object.keys(operations))('keeps what was acknowledged, whichever transaction fails while %s', async (name) => {
    for (let n = 1, isOver = false; !isOver; n++) {
      const homeDir = `faulty-${homes++}`
      const lite = await BoxLite.open({ homeDir, engine: 'none' })
      const box = await lite.create({ name: 'web', diskSizeGb: 1 })
      await fill(await box.disk(), 1)
      for (const snapshot of ['old', 'other']) await box.snapshot.create(snapshot)
      const writes = failWrite(n)
      const failure = await errorCode(operations[name]!(lite))
      heal()
      isOver = writes.count < n
      // A home that could not be closed well has said why before.
      await lite.close().catch(() => undefined)

      const again = await BoxLite.open({ homeDir, engine: 'none' })
      const { clean, findings } = await again.fsck()
      expect([n, clean, clean || findings]).toEqual([n, true, true])
      const repeated = failure === null ? null : await errorCode(operations[name]!(again))
      expect([null, 'already_exists', 'not_found']).toContain(repeated)
      const live = await seedOf(await (await web(again)).disk({ writable: false }))
      expect(name === 'its disk is written' ? [2] : [1]).toContain(live)
      expect(await seedOf(await (await web(again)).snapshot.disk('old'))).toBe(1)
      await again.close()
      indexedDB.deleteDatabase(`boxlite:${homeDir}`)
      if (isOver) expect(failure).toBeNull()
    }
  })
})
