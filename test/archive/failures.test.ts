import { describe, expect, it } from 'vitest'
import { exportBox } from '../../src/archive/export.ts'
import { importBox } from '../../src/archive/import.ts'
import { FailingStore } from './failing-store.ts'
import { makeSmallBox } from './make-box.ts'
import { chunked, collect } from './streams.ts'
import { newId, TestHome } from './test-home.ts'

const source = new TestHome()
const box = await makeSmallBox(source)
const archive = await collect(exportBox(source.host, box.id))

describe('a failing device', () => {
  it('ends an import with its error at any call; collection takes what is left, and a second try succeeds', async () => {
    let failures = 0
    for (let failing = 0, more = true; more; failing++) {
      const home = new TestHome()
      const failingStore = new FailingStore(home.store, failing)
      const outcome = await importBox({ store: failingStore.store }, chunked(archive, 30_000), { newId, nowMs: 1 }).catch((error: unknown) => error)
      more = failingStore.calls > failing
      if (!more) break
      failures++
      expect(outcome).toMatchObject({ code: 'io' })
      expect(await home.store.list('boxes')).toEqual([])
      expect((await home.perform({ kind: 'collect', dryRun: false })).complete).toBe(true)
      expect(await home.store.list('layers')).toEqual([])
      const { record } = await importBox(home.host, chunked(archive, 30_000), { newId, nowMs: 1 })
      expect((await home.read(record.live)).equals(await source.read(box.live))).toBe(true)
    }
    expect(failures).toBeGreaterThan(40)
  })

  it('ends an export with its error at any call, and frees the box', async () => {
    let failures = 0
    for (let failing = 0, more = true; more; failing++) {
      const failingStore = new FailingStore(source.store, failing)
      const outcome = await collect(exportBox({ store: failingStore.store }, box.id)).catch((error: unknown) => error)
      more = failingStore.calls > failing
      if (!more) break
      failures++
      expect(outcome).toMatchObject({ code: 'io' })
      const lock = await source.store.lock({ kind: 'box', id: box.id })
      expect(lock).not.toBeNull()
      await lock?.release()
    }
    expect(failures).toBeGreaterThan(20)
    expect(await collect(exportBox(source.host, box.id))).toEqual(archive)
  })
})
