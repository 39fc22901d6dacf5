// What our virtio devices have in common: the place in the computer, the queues, and how a driver that breaks the rules
// is met. A device takes the place of one that v86 brings along, so that v86 itself saves, restores and resets it.

import { type ConfigField, type DevicePlace, type Processor, transportOf, type VirtioTransport } from './emulator.ts'
import { GuestFault, GuestMemory } from './guest-memory.ts'
import { FEATURE_VERSION_1, Virtqueue } from './virtqueue.ts'

export interface DeviceOptions {
  readonly name: string
  readonly place: DevicePlace
  /** The virtio device number: 2 block, 3 console. */
  readonly type: number
  /** First of 0x400 I/O ports that nobody else has; a multiple of 0x100. */
  readonly ports: number
  /** Most entries of each queue; powers of two. */
  readonly queueSizes: readonly number[]
  readonly features: readonly number[]
  readonly config: readonly ConfigField[]
  /** The driver gave something to a queue, or took something from it. */
  notified(queue: number): void
  /** The driver or the computer was reset: what was asked before is forgotten. */
  wasReset(): void
  /** What belongs to the machine's state beside the queues. */
  save(): unknown[]
  restore(state: unknown[]): void
}

const MODERN_DEVICE = 0x1040

export class VirtioDevice {
  readonly queues: readonly Virtqueue[]
  readonly #transport: VirtioTransport
  #isBroken = false

  constructor(cpu: Processor, options: DeviceOptions) {
    const Transport = transportOf(cpu)
    const { ports } = options
    const transport = new Transport(cpu, {
      name: options.name,
      pci_id: cpu.devices[options.place].virtio.pci_id,
      device_id: MODERN_DEVICE + options.type,
      subsystem_device_id: options.type,
      common: {
        initial_port: ports + 0x200,
        queues: options.queueSizes.map((size) => ({ size_supported: size, notify_offset: 0 })),
        features: [...options.features, FEATURE_VERSION_1],
        on_driver_ok: () => undefined,
      },
      notification: {
        initial_port: ports + 0x300,
        single_handler: true,
        handlers: [(queue) => this.guard(() => options.notified(queue))],
      },
      isr_status: { initial_port: ports + 0x100 },
      device_specific: { initial_port: ports, struct: options.config },
    })
    const reset = transport.reset
    transport.reset = () => {
      this.#isBroken = false
      options.wasReset()
      reset.call(transport)
    }
    const memory = new GuestMemory(cpu)
    this.#transport = transport
    this.queues = options.queueSizes.map((_, index) => new Virtqueue(memory, transport, index))
    cpu.devices[options.place] = {
      virtio: transport,
      get_state: () => [transport, ...options.save()],
      set_state: ([queues, ...own]) => {
        transport.set_state(queues as unknown[])
        options.restore(own)
      },
      reset: () => transport.reset(),
    }
  }

  /** Does work on the queues. A driver that breaks the rules is told to reset the device; nothing is done for it before. */
  guard(work: () => void): void {
    if (this.#isBroken) return
    try {
      work()
    } catch (error) {
      if (!(error instanceof GuestFault)) throw error
      this.#isBroken = true
      this.#transport.needs_reset()
    }
  }
}
