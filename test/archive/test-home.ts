// A home in memory with boxes whose disks are written without a machine.

import { createHash } from 'node:crypto'
import { LayerChains } from '../../src/archive/layer-chain.ts'
import { Core } from '../../src/core/core.ts'
import { createImage } from '../../src/disk/create.ts'
import { Disk, type Layer } from '../../src/disk/disk.ts'
import { mergeLayers } from '../../src/disk/merge.ts'
import type { LayerFile, Store } from '../../src/host.ts'
import type { BoxCreate, NewLayer, Operation, Outcome } from '../../src/operation/operation.ts'
import type { BoxRecord, ImageRecord } from '../../src/operation/record.ts'
import { type Fold, perform, type PerformHost } from '../../src/perform.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'

export const KIB = 1024
export const MIB = 1024 * KIB

let nextId = 1

/** A new id; the same ones in every run. */
export function newId(): string {
  return createHash('md5').update(`id ${nextId++}`).digest('hex')
}

export class TestHome {
  readonly store: Store
  readonly host: PerformHost

  constructor(store: Store = new MemoryStore()) {
    this.store = store
    this.host = { store }
  }

  async perform<O extends Operation>(operation: O, bulk: PerformHost['bulk'] = {}): Promise<Outcome<O>> {
    return perform(await Core.create(), operation, { ...this.host, bulk })
  }

  /** Makes a box with an empty disk, or on new layers. */
  async create(given: Partial<BoxCreate> = {}, fill?: (index: number, layer: NewLayer, file: LayerFile) => Promise<void>): Promise<BoxRecord> {
    const operation: BoxCreate = {
      kind: 'box.create',
      boxId: newId(),
      name: null,
      config: {},
      layers: [],
      image: null,
      layerId: newId(),
      base: null,
      sizeBytes: given.base === undefined ? 2 * MIB : null,
      snapshots: [],
      liveParent: null,
      ...given,
    }
    return (await this.perform(operation, fill === undefined ? {} : { fill })).record
  }

  async snapshot(boxId: string, name: string, description = ''): Promise<BoxRecord> {
    const ids = { snapshotId: newId(), layerId: newId(), nowMs: 1_700_000_000_000 + nextId }
    return (await this.perform({ kind: 'snapshot.create', boxId, name, description, ...ids })).record
  }

  async restore(boxId: string, snapshot: string): Promise<BoxRecord> {
    return (await this.perform({ kind: 'snapshot.restore', boxId, snapshot, layerId: newId(), keepCurrent: null, nowMs: 0 })).record
  }

  async removeSnapshot(boxId: string, snapshot: string): Promise<BoxRecord> {
    return (await this.perform({ kind: 'snapshot.remove', boxId, snapshot })).record
  }

  /** Folds every layer that nothing names into the one above; how many. */
  async merge(): Promise<number> {
    const fold = async ({ upper, lower, below }: Fold, target: LayerFile): Promise<void> => {
      const names = [upper, lower, ...below]
      const open = async (name: string): Promise<Layer> => ({ name, format: 'qcow2', file: await this.store.openLayer(name, 'read') })
      const [top, next, ...rest] = (await Promise.all(names.map(open))) as [Layer, Layer, ...Layer[]]
      await mergeLayers({ upper: top, lower: next, below: rest, target, backing: rest[0] ?? null })
    }
    return (await this.perform({ kind: 'merge', temporaryId: newId(), limit: 100 }, { fold })).merged
  }

  async record(boxId: string): Promise<BoxRecord> {
    return (await this.perform({ kind: 'recover', boxId })).record
  }

  /** Runs `work` on the box's live disk, open for writing. */
  async write(box: BoxRecord, work: (disk: Disk) => Promise<void>): Promise<void> {
    const files: LayerFile[] = []
    const layers: Layer[] = []
    for (const [depth, name] of (await new LayerChains(this.store).names(box.live)).entries()) {
      const file = await this.store.openLayer(name, depth === 0 ? 'write' : 'read')
      files.push(file)
      layers.push({ name, format: name.endsWith('.raw') ? 'raw' : 'qcow2', file })
    }
    const disk = await Disk.open(layers, { writable: true })
    await work(disk)
    await disk.close()
    for (const file of files) await file.close()
  }

  /** All bytes of the disk that a layer and those below make. */
  read(layer: string): Promise<Buffer> {
    return new LayerChains(this.store).read(layer, async (disk) => {
      const bytes = Buffer.alloc(disk.sizeBytes)
      await disk.read(0, bytes)
      return bytes
    })
  }

  /** What a box is, without ids and layer names: its snapshots as a tree, and every disk's digest. */
  async contents(boxId: string): Promise<unknown> {
    const { name, config, snapshots, live, liveParent } = await this.record(boxId)
    const nameOf = (id: string | null): string | null => snapshots.find((snapshot) => snapshot.id === id)?.name ?? null
    const digest = async (layer: string): Promise<string> =>
      createHash('sha256')
        .update(await this.read(layer))
        .digest('hex')
    const tree = await Promise.all(
      snapshots.map(async ({ id: _id, state: _state, layer, parent, ...facts }) => {
        return { ...facts, parent: nameOf(parent), content: await digest(layer) }
      }),
    )
    return { name, config, tree, live: await digest(live), liveParent: nameOf(liveParent) }
  }

  /** Every file of the home that no record reaches. */
  async garbage(): Promise<string[]> {
    const reached = new Set<string>()
    const chains = new LayerChains(this.store)
    for (const kind of ['boxes', 'images'] as const) {
      for (const entry of await this.store.list(kind)) {
        const bytes = await this.store.readRecord(kind, entry.replace('.json', ''))
        const record = JSON.parse(new TextDecoder().decode(bytes ?? undefined)) as BoxRecord | ImageRecord
        const tops = 'live' in record ? [record.live, ...record.snapshots.map(({ layer }) => layer)] : [record.layer]
        for (const top of tops) for (const name of await chains.names(top)) reached.add(name)
      }
    }
    return (await this.store.list('layers')).filter((name) => !reached.has(name))
  }
}

/** A new image of our own form with these contents. */
export async function fillImage(file: LayerFile, sizeBytes: number, work: (disk: Disk) => Promise<void>): Promise<void> {
  await createImage(file, { sizeBytes })
  const disk = await Disk.open([{ name: 'new', format: 'qcow2', file }], { writable: true })
  await work(disk)
  await disk.close()
}
