// A computer without a processor: guest memory, and the driver's side of virtio queues, for tests of the devices alone.
import type { Processor, QueueState, TransportOptions, VirtioTransport } from '../../hosts/v86/emulator.ts'

const MEMORY_BYTES = 8 * 2 ** 20
/** The guest's memory begins here in the emulator's own. */
const MEMORY_OFFSET = 65_536
const FIRST_FREE = 4096

export class TestTransport implements VirtioTransport {
  readonly options: TransportOptions
  readonly queues: QueueState[]
  readonly pci_id: number
  features = new Set<number>()
  interrupts = 0
  wantsReset = false

  constructor(_cpu: Processor, options: TransportOptions) {
    this.options = options
    this.pci_id = options.pci_id
    this.features = new Set(options.common.features)
    this.queues = options.common.queues.map(({ size_supported: size }) => blank(size))
  }

  is_feature_negotiated(bit: number): boolean {
    return this.features.has(bit)
  }

  raise_irq(): void {
    this.interrupts++
  }

  needs_reset(): void {
    this.wantsReset = true
  }

  reset(): void {
    this.wantsReset = false
    for (const queue of this.queues) Object.assign(queue, blank(queue.size))
  }

  get_state(): unknown[] {
    return structuredClone(this.queues)
  }

  set_state(state: unknown[]): void {
    for (const [index, queue] of (state as QueueState[]).entries()) Object.assign(this.queues[index]!, queue)
  }
}

function blank(size: number): QueueState {
  return { size, enabled: false, desc_addr: 0, avail_addr: 0, used_addr: 0, avail_last_idx: 0 }
}

/** A request as its driver made it. */
interface Asked {
  readonly writable: readonly { readonly address: number; readonly length: number }[]
}

/** A request that came back: what the device wrote. */
export interface Answer {
  readonly writtenBytes: number
  /** All writable bytes, written or not. */
  readonly bytes: Uint8Array
}

/** The driver's side of a queue. */
export class TestQueue {
  readonly state: { -readonly [Key in keyof QueueState]: QueueState[Key] }
  readonly #computer: TestComputer
  readonly #index: number
  readonly #asked = new Map<number, Asked>()
  readonly #free: number[]
  #taken = 0

  constructor(computer: TestComputer, transport: TestTransport, index: number) {
    const state = transport.queues[index]! as TestQueue['state']
    this.#computer = computer
    this.#index = index
    this.state = state
    this.#free = Array.from({ length: state.size }, (_, entry) => entry)
    state.desc_addr = computer.allocate(16 * state.size)
    state.avail_addr = computer.allocate(6 + 2 * state.size)
    state.used_addr = computer.allocate(6 + 8 * state.size)
    state.enabled = true
  }

  /** Lays a request out; `kick` tells the device of it. Its head. */
  add(readable: readonly Uint8Array[], writable: readonly number[]): number {
    const buffers = [
      ...readable.map((bytes) => ({ address: this.#computer.put(bytes), length: bytes.length, flags: 0 })),
      ...writable.map((length) => ({ address: this.#computer.allocate(length), length, flags: 2 })),
    ]
    const entries = buffers.map(() => this.#free.shift()!)
    for (const [i, { address, length, flags }] of buffers.entries()) {
      const next = entries[i + 1]
      this.describe(entries[i]!, address, length, flags | (next === undefined ? 0 : 1), next ?? 0)
    }
    this.#asked.set(entries[0]!, { writable: buffers.filter(({ flags }) => flags === 2) })
    this.offer(entries[0]!)
    return entries[0]!
  }

  /** Writes one descriptor, whatever it says. */
  describe(entry: number, address: number, length: number, flags: number, next: number): void {
    const { view } = this.#computer
    const at = this.state.desc_addr + 16 * entry
    view.setBigUint64(at, BigInt(address), true)
    view.setUint32(at + 8, length, true)
    view.setUint16(at + 12, flags, true)
    view.setUint16(at + 14, next, true)
  }

  /** Makes a chain available. */
  offer(head: number): void {
    const { view } = this.#computer
    const { avail_addr, size } = this.state
    const index = view.getUint16(avail_addr + 2, true)
    view.setUint16(avail_addr + 4 + 2 * (index % size), head, true)
    view.setUint16(avail_addr + 2, (index + 1) & 0xffff, true)
  }

  kick(): void {
    this.#computer.transport.options.notification.handlers[0]!(this.#index)
  }

  /** What came back since the last time, oldest first. */
  answers(): Answer[] {
    const { view } = this.#computer
    const { used_addr, size } = this.state
    const answers: Answer[] = []
    for (; this.#taken !== view.getUint16(used_addr + 2, true); this.#taken = (this.#taken + 1) & 0xffff) {
      const at = used_addr + 4 + 8 * (this.#taken % size)
      const head = view.getUint32(at, true)
      const { writable } = this.#asked.get(head)!
      this.#asked.delete(head)
      this.#free.push(head)
      const bytes = writable.flatMap(({ address, length }) => [...this.#computer.memory.subarray(address, address + length)])
      answers.push({ writtenBytes: view.getUint32(at + 4, true), bytes: Uint8Array.from(bytes) })
    }
    return answers
  }
}

export class TestComputer {
  readonly cpu: Processor
  readonly memory: Uint8Array
  readonly view: DataView
  /** Addresses whose translated code was forgotten. */
  readonly dirtied: [number, number][] = []
  #next = FIRST_FREE

  constructor() {
    const buffer = new ArrayBuffer(MEMORY_OFFSET + MEMORY_BYTES)
    this.memory = new Uint8Array(buffer, MEMORY_OFFSET, MEMORY_BYTES)
    this.view = new DataView(buffer, MEMORY_OFFSET, MEMORY_BYTES)
    const model = Object.create(TestTransport.prototype) as TestTransport
    Object.assign(model, { pci_id: 0x50 })
    const device = { virtio: model, get_state: () => [], set_state: () => undefined, reset: () => undefined }
    this.cpu = {
      devices: { virtio_console: device, virtio_net: device, pci: { devices: [], device_spaces: [] } },
      wasm_memory: { buffer } as WebAssembly.Memory,
      mem8: this.memory,
      jit_dirty_cache: (start, end) => this.dirtied.push([start, end]),
      reboot_internal: () => undefined,
    }
  }

  /** The transport of the device that was made last in this computer. */
  get transport(): TestTransport {
    const { virtio_console: console, virtio_net: net } = this.cpu.devices
    return [console, net].map(({ virtio }) => virtio as TestTransport).find((each) => each.options !== undefined)!
  }

  allocate(bytes: number): number {
    const at = this.#next
    this.#next = (at + bytes + 15) & ~15
    if (this.#next > MEMORY_BYTES) throw new Error('the test asks for more memory than its computer has')
    return at
  }

  put(bytes: Uint8Array): number {
    const at = this.allocate(bytes.length)
    this.memory.set(bytes, at)
    return at
  }

  queue(index: number): TestQueue {
    return new TestQueue(this, this.transport, index)
  }
}
