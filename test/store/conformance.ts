// What every store must do, whatever it keeps its bytes in. Written once; called for each store.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isBoxLiteError, type ErrorCode } from '../../src/error.ts'
import { RECORD_LIMIT_BYTES, type Store } from '../../src/host.ts'

/** A home, and stores that stand for the processes that have it open. */
export interface StoreUnderTest {
  open(): Promise<Store>
  discard(): Promise<void>
}

const id = (digit: string): string => digit.repeat(32)
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (array: Uint8Array | null): string | null => array && new TextDecoder().decode(array)

async function rejects(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(isBoxLiteError(error) ? error.code : error).toBe(code)
}

export function describeStore(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`a store on ${name}`, () => {
    let home: StoreUnderTest
    let store: Store
    let other: Store
    beforeEach(async () => {
      home = await make()
      store = await home.open()
      other = await home.open()
    })
    afterEach(async () => {
      await store.close()
      await other.close()
      await home.discard()
    })

    describe('records', () => {
      it('answers null where there is none', async () => {
        expect(await store.readRecord('boxes', id('a'))).toBeNull()
        expect(await store.list('boxes')).toEqual([])
      })

      it('gives back what was committed, to another process too', async () => {
        await store.commitRecord('boxes', id('a'), bytes('one'), null, [])
        expect(text(await other.readRecord('boxes', id('a')))).toBe('one')
        expect(await other.list('boxes')).toEqual([`${id('a')}.json`])
        expect(await other.readRecord('images', id('a'))).toBeNull()
      })

      it('replaces what the caller had read, and only that', async () => {
        await store.commitRecord('boxes', id('a'), bytes('one'), null, [])
        await store.commitRecord('boxes', id('a'), bytes('two'), bytes('one'), [])
        await rejects(store.commitRecord('boxes', id('a'), bytes('three'), bytes('one'), []), 'busy')
        await rejects(store.commitRecord('boxes', id('a'), bytes('three'), null, []), 'busy')
        await rejects(store.commitRecord('boxes', id('b'), bytes('three'), bytes('one'), []), 'busy')
        await rejects(store.removeRecord('boxes', id('a'), bytes('one'), []), 'busy')
        expect(text(await store.readRecord('boxes', id('a')))).toBe('two')
        expect(await store.list('boxes')).toEqual([`${id('a')}.json`])
      })

      it('commits nothing under a lock that is no longer held', async () => {
        const held = await store.lock({ kind: 'box', id: id('a') })
        await store.commitRecord('boxes', id('a'), bytes('one'), null, [held!])
        await held!.release()
        await rejects(store.commitRecord('boxes', id('a'), bytes('two'), bytes('one'), [held!]), 'busy')
        await rejects(store.removeRecord('boxes', id('a'), bytes('one'), [held!]), 'busy')
        expect(text(await store.readRecord('boxes', id('a')))).toBe('one')
      })

      it('removes a record', async () => {
        await store.commitRecord('images', id('a'), bytes('one'), null, [])
        await store.removeRecord('images', id('a'), bytes('one'), [])
        expect(await other.readRecord('images', id('a'))).toBeNull()
        expect(await other.list('images')).toEqual([])
      })

      it('keeps bytes of its own: the caller may reuse his', async () => {
        const mine = bytes('one')
        await store.commitRecord('boxes', id('a'), mine, null, [])
        mine.fill(0)
        const read = await store.readRecord('boxes', id('a'))
        read!.fill(0)
        expect(text(await store.readRecord('boxes', id('a')))).toBe('one')
      })

      it('refuses a record that is too long to be read again', async () => {
        await rejects(store.commitRecord('boxes', id('a'), new Uint8Array(RECORD_LIMIT_BYTES + 1), null, []), 'limit')
        expect(await store.list('boxes')).toEqual([])
      })

      it('refuses an id that could be a path', async () => {
        for (const bad of ['', '.', '..', '../boxes/a', 'a/b', 'a\\b', 'a\0', '.a', 'a.json', 'A']) {
          await rejects(store.readRecord('boxes', bad), 'invalid_argument')
          await rejects(store.commitRecord('boxes', bad, bytes('x'), null, []), 'invalid_argument')
          await rejects(store.removeRecord('boxes', bad, bytes('x'), []), 'invalid_argument')
        }
      })
    })

    describe('layers', () => {
      const layer = `${id('1')}.qcow2`
      const temporary = `${id('2')}.tmp`

      it('holds what was written, sparse, and another process reads it', async () => {
        const file = await store.createLayer(layer)
        await file.write(bytes('head'), 0)
        await file.write(bytes('far'), 3 * 65536 - 1)
        await file.sync()
        expect(await file.size()).toBe(3 * 65536 + 2)
        await file.close()
        const again = await other.openLayer(layer, 'read')
        const all = new Uint8Array(4 * 65536)
        expect(await again.read(all, 0)).toBe(3 * 65536 + 2)
        expect(text(all.subarray(0, 4))).toBe('head')
        expect(all.subarray(4, 3 * 65536 - 1).every((byte) => byte === 0)).toBe(true)
        expect(text(all.subarray(3 * 65536 - 1, 3 * 65536 + 2))).toBe('far')
        expect(await again.read(all, 3 * 65536 + 2)).toBe(0)
        expect(await again.read(all, 9 * 65536)).toBe(0)
        await again.close()
      })

      it('gives the head of a layer with its length', async () => {
        const file = await store.createLayer(layer)
        await file.write(bytes('header and more'), 0)
        await file.sync()
        const head = await other.readLayerHead(layer, 6)
        expect([text(head.bytes), head.fileBytes]).toEqual(['header', 15])
        expect(text((await other.readLayerHead(layer, 1000)).bytes)).toBe('header and more')
        expect(await other.readLayerHead(layer, 0)).toEqual({ bytes: new Uint8Array(0), fileBytes: 15 })
        await rejects(other.readLayerHead(`${id('3')}.raw`, 6), 'not_found')
        await rejects(other.readLayerHead('../format', 6), 'invalid_argument')
        await file.close()
      })

      it('fills several places at once, as far as the file goes', async () => {
        const file = await store.createLayer(layer)
        const content = Uint8Array.from({ length: 1000 }, (_, i) => i % 251)
        await file.write(content, 0)
        for (const [offset, there] of [[0, 900], [100, 900], [400, 600], [750, 250], [1000, 0]] as const) {
          const targets = [300, 0, 100, 500].map((length) => new Uint8Array(length).fill(255))
          const got = await (file.readv?.(targets, offset) ?? file.read(targets[0]!, offset))
          expect(got).toBe(file.readv ? there : Math.min(there, 300))
          const filled = Uint8Array.from(targets.flatMap((target) => [...target]))
          expect(filled.subarray(0, got)).toEqual(content.subarray(offset, offset + got))
          expect(filled.subarray(got).every((byte) => byte === 255)).toBe(true)
        }
        await file.close()
      })

      it('reads zeros where a truncation cut and grew', async () => {
        const file = await store.createLayer(layer)
        await file.write(new Uint8Array(100_000).fill(7), 0)
        await file.truncate(70_000)
        await file.truncate(200_000)
        const all = new Uint8Array(200_000).fill(9)
        expect(await file.read(all, 0)).toBe(200_000)
        expect(all.subarray(0, 70_000).every((byte) => byte === 7)).toBe(true)
        expect(all.subarray(70_000).every((byte) => byte === 0)).toBe(true)
        await file.close()
      })

      it('reads zeros where a hole was punched, at the same length', async () => {
        const file = await store.createLayer(layer)
        await file.write(new Uint8Array(300_000).fill(7), 0)
        // Not every host can.
        await file.punchHole?.(1000, 200_000)
        const all = new Uint8Array(300_000)
        expect(await file.read(all, 0)).toBe(300_000)
        const hole = file.punchHole ? 0 : 7
        expect(all.subarray(1000, 201_000).every((byte) => byte === hole)).toBe(true)
        expect(all.subarray(0, 1000).every((byte) => byte === 7)).toBe(true)
        expect(all.subarray(201_000).every((byte) => byte === 7)).toBe(true)
        await file.close()
      })

      it('makes a layer only where there is none', async () => {
        await (await store.createLayer(layer)).close()
        await rejects(other.createLayer(layer), 'already_exists')
        await rejects(store.openLayer(`${id('3')}.raw`, 'read'), 'not_found')
        await rejects(store.openLayer(`${id('3')}.raw`, 'write'), 'not_found')
        expect(await store.list('layers')).toEqual([layer])
      })

      it('does not write into a layer that is open for reading', async () => {
        await (await store.createLayer(layer)).close()
        const file = await store.openLayer(layer, 'read')
        await expect(file.write(bytes('x'), 0)).rejects.toSatisfy((error) => isBoxLiteError(error))
        expect(await file.size()).toBe(0)
        await file.close()
      })

      it('refuses a file that was closed', async () => {
        const file = await store.createLayer(layer)
        await file.close()
        await expect(file.write(bytes('x'), 0)).rejects.toSatisfy((error) => isBoxLiteError(error))
        await expect(file.read(new Uint8Array(1), 0)).rejects.toSatisfy((error) => isBoxLiteError(error))
        await expect(file.sync()).rejects.toSatisfy((error) => isBoxLiteError(error))
      })

      it('publishes a temporary layer over another', async () => {
        for (const [name, content] of [[layer, 'old'], [temporary, 'new']] as const) {
          const file = await store.createLayer(name)
          await file.write(bytes(content), 0)
          await file.sync()
          await file.close()
        }
        const before = await other.openLayer(layer, 'read')
        await store.publishLayer(temporary, layer)
        await store.syncDirectory('layers')
        expect(await store.list('layers')).toEqual([layer])
        const file = await other.openLayer(layer, 'read')
        const three = new Uint8Array(3)
        await file.read(three, 0)
        expect(text(three)).toBe('new')
        // Whoever has the old one open goes on reading the old one.
        await before.read(three, 0)
        expect(text(three)).toBe('old')
        await file.close()
        await before.close()
      })

      it('publishes only what is temporary', async () => {
        await (await store.createLayer(layer)).close()
        await rejects(store.publishLayer(layer, `${id('3')}.qcow2`), 'invalid_argument')
        await rejects(store.publishLayer(temporary, layer), 'not_found')
        expect(await store.list('layers')).toEqual([layer])
      })

      it('refuses a name that could be a path, or is no name of a layer', async () => {
        const bads = ['', '/x.tmp', '.vmdk', '.a\0.tmp'].map((tail) => id('1') + tail)
        for (const bad of [...bads, '', '..', '../format', 'x.qcow2', `${id('A')}.raw`]) {
          await rejects(store.createLayer(bad), 'invalid_argument')
          await rejects(store.openLayer(bad, 'read'), 'invalid_argument')
          await rejects(store.publishLayer(`${id('2')}.tmp`, bad), 'invalid_argument')
        }
      })
    })

    describe('removing names', () => {
      it('removes a layer; what is absent is no error', async () => {
        const layer = `${id('1')}.raw`
        await (await store.createLayer(layer)).close()
        await store.remove('layers', layer)
        await store.remove('layers', layer)
        await store.remove('states', id('5'))
        expect(await other.list('layers')).toEqual([])
      })

      it('never removes a record, nor anything outside its directory', async () => {
        await store.commitRecord('boxes', id('a'), bytes('one'), null, [])
        await rejects(store.remove('boxes', `${id('a')}.json`), 'invalid_argument')
        for (const bad of ['', '.', '..', '../format', 'a/b', '\0']) await rejects(store.remove('layers', bad), 'invalid_argument')
        expect(await store.list('boxes')).toEqual([`${id('a')}.json`])
      })
    })

    describe('locks', () => {
      it('gives a box to one owner at a time, in this process too', async () => {
        const scope = { kind: 'box', id: id('a') } as const
        const held = await store.lock(scope)
        expect(held!.isHeld()).toBe(true)
        expect(await store.lock(scope)).toBeNull()
        expect(await other.lock(scope)).toBeNull()
        const another = await other.lock({ kind: 'box', id: id('b') })
        const name = await other.lock({ kind: 'name', name: id('a') })
        const ports = await Promise.all([1, 2].map((port) => other.lock({ kind: 'port', id: id('a'), port })))
        expect([another, name, ...ports]).not.toContain(null)
        expect(await store.lock({ kind: 'port', id: id('a'), port: 2 })).toBeNull()
        await held!.release()
        await held!.release()
        expect(held!.isHeld()).toBe(false)
        expect((await other.lock(scope))!.isHeld()).toBe(true)
      })

      it('shares the home among many, or gives it to one', async () => {
        const shared = { kind: 'home', mode: 'shared' } as const
        const exclusive = { kind: 'home', mode: 'exclusive' } as const
        const held = await Promise.all([store.lock(shared), store.lock(shared), other.lock(shared)])
        expect(held).not.toContain(null)
        expect(await store.lock(exclusive)).toBeNull()
        expect(await other.lock(exclusive)).toBeNull()
        await held[0]!.release()
        await held[2]!.release()
        expect(await other.lock(exclusive)).toBeNull()
        await held[1]!.release()
        const alone = await other.lock(exclusive)
        expect(alone).not.toBeNull()
        expect(await store.lock(shared)).toBeNull()
        expect(await store.lock(exclusive)).toBeNull()
        await alone!.release()
        expect(await store.lock(shared)).not.toBeNull()
      })

      it('frees what a closed store held', async () => {
        const scope = { kind: 'name', name: 'web' } as const
        const held = await store.lock(scope)
        await store.lock({ kind: 'home', mode: 'shared' })
        expect(await other.lock(scope)).toBeNull()
        await store.close()
        expect(held!.isHeld()).toBe(false)
        expect(await other.lock(scope)).not.toBeNull()
        expect(await other.lock({ kind: 'home', mode: 'exclusive' })).not.toBeNull()
      })
    })
  })
}
