import { describe, expect, it } from 'vitest'
import { exportBox } from '../../src/archive/export.ts'
import { importBox } from '../../src/archive/import.ts'
import { LayerChains } from '../../src/archive/layer-chain.ts'
import { Core } from '../../src/core/core.ts'
import { Disk } from '../../src/disk/disk.ts'
import type { Store } from '../../src/host.ts'
import { perform } from '../../src/perform.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'

const MIB = 1024 * 1024
const newId = (): string => crypto.randomUUID().replaceAll('-', '')

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

async function exported(store: Store, boxId: string): Promise<Uint8Array> {
  const chunks: number[][] = []
  for await (const chunk of exportBox({ store }, boxId)) chunks.push(Array.from(chunk))
  return Uint8Array.from(chunks.flat())
}

/** A box of 1 MiB with a few bytes, a snapshot, and a few more. */
async function makeBox(store: Store): Promise<string> {
  const core = await Core.create()
  const boxId = newId()
  const none = { layers: [], image: null, base: null, snapshots: [], liveParent: null }
  await perform(core, { kind: 'box.create', boxId, name: 'box', config: {}, layerId: newId(), sizeBytes: MIB, ...none }, { store })
  await write(store, boxId, 4096, 1)
  const ids = { snapshotId: newId(), layerId: newId(), nowMs: 1 }
  await perform(core, { kind: 'snapshot.create', boxId, name: 'one', description: '', ...ids }, { store })
  await write(store, boxId, 70_000, 2)
  return boxId
}

async function write(store: Store, boxId: string, offset: number, value: number): Promise<void> {
  const { record } = await perform(await Core.create(), { kind: 'recover', boxId }, { store })
  const [top, ...below] = await new LayerChains(store).names(record.live)
  const layers = [{ name: top as string, format: 'qcow2' as const, file: await store.openLayer(top as string, 'write') }]
  for (const name of below) layers.push({ name, format: 'qcow2', file: await store.openLayer(name, 'read') })
  const disk = await Disk.open(layers, { writable: true })
  await disk.write(offset, new Uint8Array(1000).fill(value))
  await disk.close()
}

describe('an archive', () => {
  it('goes round on every host', async () => {
    const store = new MemoryStore()
    const archive = await exported(store, await makeBox(store))
    const other = new MemoryStore()
    const { record } = await importBox({ store: other }, once(archive), { newId, nowMs: 1 })
    expect(record.snapshots.map(({ name }) => name)).toEqual(['one'])
    expect(await exported(other, record.id)).toEqual(archive)
    const bytes = await new LayerChains(other).read(record.live, async (disk) => {
      const target = new Uint8Array(disk.sizeBytes)
      await disk.read(0, target)
      return target
    })
    expect([bytes[4096], bytes[70_000], bytes[80_000], bytes.length]).toEqual([1, 2, 0, MIB])
  })
})
