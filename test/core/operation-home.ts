// A home in memory for the tests of operations: a store whose every call can fail, a machine, and what must always hold.
import { expect } from 'vitest'
import { Core } from '../../src/core/core.ts'
import { readImageInfo } from '../../src/disk/info.ts'
import { BoxLiteError, type ErrorCode } from '../../src/error.ts'
import type { LayerFile } from '../../src/host.ts'
import type { BoxCreate, Operation, Outcome } from '../../src/operation/operation.ts'
import { readBoxRecord, readImageRecord } from '../../src/operation/read-record.ts'
import type { BoxRecord, MachineRecord } from '../../src/operation/record.ts'
import { perform, type BoxMachine, type MachineAnswer, type MachineControl, type PerformHost } from '../../src/perform.ts'
import { MemoryHome, MemoryStore } from '../../src/store/memory-store.ts'
import { createImage } from '../../src/disk/create.ts'

export const core = await Core.create()
export const reader = await Core.create()

/** An id that shows its number. */
export const id = (number: number): string => number.toString(16).padStart(32, '0')
export const layer = (number: number): string => `${id(number)}.qcow2`
export const digest = 'd'.repeat(64)
export const machineRecord: MachineRecord = { pid: 7, startTime: '99', bootId: 'b', nonce: 'n', detached: true }

/** Lets one call of a home, by its number, fail: before it took place or after it. */
export class Faults {
  calls = 0
  at: readonly number[] = []
  when: 'before' | 'after' = 'before'
  code: ErrorCode = 'io'
  readonly names: string[] = []

  async call<T>(name: string, action: () => Promise<T>): Promise<T> {
    const fails = this.at.includes(this.calls++)
    this.names.push(name)
    if (fails && this.when === 'before') throw new BoxLiteError(this.code, `injected before ${name}`)
    const result = await action()
    if (fails) throw new BoxLiteError(this.code, `injected after ${name}`)
    return result
  }

  wrap<T extends object>(target: T, kind: string): T {
    return new Proxy(target, {
      get: (object, key) => {
        const value = Reflect.get(object, key, object) as unknown
        if (typeof value !== 'function' || key === 'close') return typeof value === 'function' ? value.bind(object) : value
        return async (...args: unknown[]) => {
          const result = await this.call(`${kind}.${String(key)}`, () => (value as (...a: unknown[]) => Promise<unknown>).apply(object, args))
          return key === 'createLayer' || key === 'openLayer' ? this.wrap(result as LayerFile, 'file') : result
        }
      },
    })
  }
}

/** A machine that knows what it has open, and never runs on a layer that somebody froze. */
export class Machine implements MachineControl {
  state: 'none' | 'running' | 'paused' | 'silent' = 'none'
  open = ''
  frozen = false
  readonly done: string[] = []

  launch(open: string): void {
    this.state = 'running'
    this.open = open
    this.frozen = false
  }

  async freeze(): Promise<void> {
    this.#alive('freeze')
    this.frozen = true
  }

  async pause(): Promise<void> {
    this.#alive('pause')
    this.state = 'paused'
  }

  async drain(): Promise<void> {
    this.#alive('drain')
  }

  async flush(): Promise<void> {
    this.#alive('flush')
  }

  async switchTo(_box: BoxMachine, to: string): Promise<void> {
    this.#alive('switch')
    expect(this.state).toBe('paused')
    this.open = to
  }

  async resume(): Promise<void> {
    this.#alive('resume')
    this.state = 'running'
  }

  async thaw(): Promise<void> {
    this.#alive('thaw')
    this.frozen = false
  }

  async ask(): Promise<MachineAnswer> {
    this.done.push('ask')
    return this.state === 'running' || this.state === 'paused' ? { state: this.state, open: this.open } : { state: this.state }
  }

  async kill(): Promise<void> {
    this.done.push('kill')
    this.state = 'none'
  }

  #alive(what: string): void {
    this.done.push(what)
    if (this.state === 'none' || this.state === 'silent') throw new BoxLiteError('timeout', `no answer to ${what}`)
  }
}

/** A home, the operations on it, and what they did. */
export class Home {
  readonly memory = new MemoryHome()
  readonly machine = new Machine()
  readonly faults = new Faults()
  effects: string[] = []

  /** Performs an operation as a process of its own. */
  async run<O extends Operation>(operation: O, options: Partial<PerformHost> = {}): Promise<Outcome<O>> {
    this.effects = []
    const store = new MemoryStore(this.memory)
    const fill = async (_index: number, made: { name: string; parent: string | null }, file: LayerFile): Promise<void> => {
      if (made.name.endsWith('.raw')) await file.write(new Uint8Array(1024), 0)
      else await createImage(file, { sizeBytes: 1 << 20, ...(made.parent === null ? {} : { backing: backing(made.parent) }) })
    }
    const host: PerformHost = {
      store: this.faults.wrap(store, 'store'),
      machines: this.faults.wrap(this.machine, 'machine'),
      bulk: this.faults.wrap({ fill, fold: foldHeads }, 'bulk'),
      log: ({ effect, error }) => this.effects.push(error === null ? effect : `${effect}:${error}`),
      ...options,
    }
    try {
      return await perform(core, operation, host)
    } finally {
      await store.close()
    }
  }

  record(box = 1): BoxRecord {
    const bytes = this.memory.records.boxes.get(id(box))
    if (bytes === undefined) throw new Error(`no box ${box}`)
    return readBoxRecord(reader, id(box), bytes)
  }

  hasBox(box: number): boolean {
    return this.memory.records.boxes.has(id(box))
  }

  layers(): string[] {
    return [...this.memory.layers.keys()].sort()
  }

  /** Every record is whole, every chain opens, no frozen layer is live, and no machine writes into one. */
  async check(): Promise<void> {
    const store = new MemoryStore(this.memory)
    const named = new Set<string>()
    const lives = new Set<string>()
    for (const [boxId, bytes] of this.memory.records.boxes) {
      const record = readBoxRecord(reader, boxId, bytes)
      expect(lives.has(record.live)).toBe(false)
      lives.add(record.live)
      for (const top of [record.live, ...record.snapshots.map((snapshot) => snapshot.layer)]) await chainOf(store, top, named)
      if (this.machine.state === 'running' && record.machine !== null) expect(this.machine.open).toBe(record.live)
    }
    for (const [imageId, bytes] of this.memory.records.images) await chainOf(store, readImageRecord(reader, imageId, bytes).layer, named)
    for (const live of lives) expect(named.has(live)).toBe(false)
  }
}

const backing = (name: string): { name: string; format: 'raw' | 'qcow2' } => ({ name, format: name.endsWith('.raw') ? 'raw' : 'qcow2' })

/** Walks a chain down; notes what lies below its top. */
export async function chainOf(store: MemoryStore, top: string, below = new Set<string>()): Promise<string[]> {
  const chain = [top]
  for (let name = top; name.endsWith('.qcow2'); ) {
    const file = await store.openLayer(name, 'read')
    const info = await readImageInfo(file)
    await file.close()
    if (info.backing === null) break
    name = info.backing.name
    below.add(name)
    chain.push(name)
    expect(chain.length).toBeLessThanOrEqual(1000)
  }
  const base = await store.openLayer(chain.at(-1)!, 'read')
  await base.close()
  return chain
}

/** A fold that keeps the header and forgets the data: enough for what the core decides. */
async function foldHeads(fold: { upper: string; lower: string; below: readonly string[] }, target: LayerFile): Promise<void> {
  const below = fold.below[0]
  await createImage(target, { sizeBytes: 1 << 20, ...(below === undefined ? {} : { backing: backing(below) }) })
}

/** The operation that makes an empty box of 1 MiB, layer `10 * box`. */
export function makeBox(box: number, more: Partial<BoxCreate> = {}): BoxCreate {
  const empty = { layers: [], image: null, base: null, sizeBytes: 1 << 20, snapshots: [], liveParent: null }
  const defaults = { name: `box${box}`, config: { n: box }, ...empty }
  return { kind: 'box.create', boxId: id(box), layerId: id(10 * box), ...defaults, ...more }
}

export const snapshotCreate = (number: number, name: string, box = 1) => {
  const ids = { boxId: id(box), snapshotId: id(number), layerId: id(number + 1) }
  return { kind: 'snapshot.create', ...ids, name, description: `about ${name}`, nowMs: 1000 } as const
}

export const snapshotRestore = (number: number, snapshot: string, keep: string | null = null) =>
  ({
    kind: 'snapshot.restore',
    boxId: id(1),
    snapshot,
    layerId: id(number),
    keepCurrent: keep === null ? null : { name: keep, snapshotId: id(number + 1) },
    nowMs: 2000,
  }) as const

export const clone = (box: number, snapshot: string | null) =>
  ({
    kind: 'clone',
    boxId: id(1),
    snapshot,
    cloneId: id(box),
    name: `box${box}`,
    config: null,
    cloneLayerId: id(10 * box),
    layerId: id(10 * box + 1),
  }) as const
