// Processes on one model machine: each `host()` opens the same home with the same engine's machines, and can die.
import { createHash } from 'node:crypto'
import type { BoxHost } from '../../src/box-host.ts'
import { BoxLite, type OpenOptions } from '../../src/boxlite.ts'
import { portableCodec } from '../../src/disk/codec.ts'
import { createImage } from '../../src/disk/create.ts'
import { Disk } from '../../src/disk/disk.ts'
import { BoxLiteError } from '../../src/error.ts'
import type { Guest } from '../../src/guest.ts'
import type { Store } from '../../src/host.ts'
import { MemoryFile, type MemoryContent } from '../../src/store/memory-file.ts'
import { MemoryHome, MemoryStore } from '../../src/store/memory-store.ts'
import { ModelEngine, ModelMachines } from './model-engine.ts'

const DISK_BYTES = 4 * 1024 * 1024

/** An image that a model machine starts from: a disk with ext4's magic. */
async function baseImage(): Promise<{ content: MemoryContent; bytes: number; sha256: string; digest: string }> {
  const content: MemoryContent = { pages: new Map(), lengthBytes: 0 }
  const file = new MemoryFile(content, true)
  await createImage(file, { sizeBytes: DISK_BYTES })
  const disk = await Disk.open([{ name: 'base', format: 'qcow2', file }], { writable: true, codec: portableCodec })
  await disk.write(1024 + 0x38, new Uint8Array([0x53, 0xef]))
  await disk.close()
  const bytes = new Uint8Array(await file.size())
  await file.read(bytes, 0)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return { content, bytes: bytes.length, sha256, digest: createHash('sha256').update('what the disk holds').digest('hex') }
}

export class ModelWorld {
  readonly memory = new MemoryHome()
  readonly machines = new ModelMachines()
  readonly engines: ModelEngine[] = [new ModelEngine(this.machines)]
  guest: (() => Promise<Guest>) | null = null
  nowMs = Date.UTC(2026, 10, 23)
  readonly #stores: Store[] = []
  #ids = 0

  readonly host: BoxHost = {
    openStore: async () => {
      const store = new MemoryStore(this.memory)
      this.#stores.push(store)
      return store
    },
    codec: portableCodec,
    newId: () => (++this.#ids).toString(16).padStart(32, '0'),
    randomBytes: (length) => new Uint8Array(length).fill(++this.#ids % 256),
    nowMs: () => this.nowMs++,
    engines: this.engines,
    async *readConsole() {
      yield new TextEncoder().encode('model: kept\n')
    },
    findGuest: () => (this.guest === null ? Promise.reject(new BoxLiteError('engine_unavailable', 'There is no guest')) : this.guest()),
  }

  static async create(): Promise<ModelWorld> {
    const world = new ModelWorld()
    const { content, ...base } = await baseImage()
    const image = { ...base, reference: 'base', open: async () => new MemoryFile(content, false) }
    const files = { location: 'model', kernel: 'kernel', initrd: 'initrd', firmware: 'firmware', commandLine: 'quiet' }
    world.guest = async () => ({ files, references: ['base'], image: (reference) => (reference === 'base' ? image : null) })
    return world
  }

  /** A process opens the home. */
  open(options: OpenOptions = {}): Promise<BoxLite> {
    return BoxLite.open(this.host, options)
  }

  /** One process is gone, by the order in which they were opened. What is detached goes on. */
  async killOne(index: number): Promise<void> {
    const store = this.#stores[index]!
    await store.close()
    for (const machine of this.machines.alive.values()) machine.lose(store)
  }

  /** The processes are gone, as SIGKILL ends them: nothing of theirs is closed but by the kernel. */
  async kill(): Promise<void> {
    for (const store of this.#stores.splice(0)) await store.close()
    await this.machines.ownerDied()
  }
}
