// A serial bus with named ports (virtio 1.2, section 5.3, with VIRTIO_CONSOLE_F_MULTIPORT and no console). Nothing is
// dropped in either direction: what the guest has no buffer for waits here, what its reader has no room for waits in the
// guest.
//
//   queues    0 and 1: port 0, to and from the guest; 2 and 3: control; 2n+2 and 2n+3: port n
//   control   port u32, event u16, value u16, and for a name its bytes

import type { ConfigField, Processor } from './emulator.ts'
import { GuestFault } from './guest-memory.ts'
import { VirtioDevice } from './virtio-device.ts'
import { type DescriptorChain, FEATURE_INDIRECT, type Virtqueue } from './virtqueue.ts'

const FEATURE_MULTIPORT = 1
const CONTROL_TO_GUEST = 2
const CONTROL_FROM_GUEST = 3
const CONTROL_BYTES = 8

const Event = { DEVICE_READY: 0, PORT_ADD: 1, PORT_READY: 3, PORT_OPEN: 6, PORT_NAME: 7 } as const

export interface PortOptions {
  readonly name: string
  /** Buffers that the guest's driver lays out for what comes to it, 4 KiB each; a power of two. */
  readonly buffers: number
  /** What the guest said; the bytes are the receiver's own. */
  readonly received: (bytes: Uint8Array<ArrayBuffer>) => void
  /** So many bytes of what was sent are in the guest's buffers. */
  readonly delivered: (bytes: number) => void
}

/** Linux writes 32 KiB at most. */
const MOST_BYTES_AT_ONCE = 2 ** 20
/** What the guest writes with waits in this many buffers until it is read. */
const BUFFERS_FROM_GUEST = 64
const BUFFERS_OF_CONTROL = 32

export class VirtioSerial {
  readonly ports: readonly SerialPort[]
  readonly #device: VirtioDevice
  /** Messages for the guest's driver that it has no buffer for yet. */
  readonly #messages: Uint8Array[] = []

  constructor(cpu: Processor, ports: readonly PortOptions[]) {
    const [first, ...others] = ports
    const sizes = (port: PortOptions): number[] => [port.buffers, BUFFERS_FROM_GUEST]
    this.#device = new VirtioDevice(cpu, {
      name: 'virtio-serial',
      place: 'virtio_console',
      type: 3,
      ports: 0xb600,
      queueSizes: [...sizes(first!), BUFFERS_OF_CONTROL, BUFFERS_OF_CONTROL, ...others.flatMap(sizes)],
      features: [FEATURE_MULTIPORT, FEATURE_INDIRECT],
      config: configuration(ports.length),
      notified: (queue) => this.#notified(queue),
      wasReset: () => this.#wasReset(),
      save: () => [this.ports.map((port) => port.isGuestOpen), [...this.#messages]],
      restore: ([opened, messages]) => {
        for (const [id, port] of this.ports.entries()) port.isGuestOpen = (opened as boolean[])[id] === true
        this.#messages.splice(0, Infinity, ...(messages as Uint8Array[]))
      },
    })
    const control = (id: number, event: number, value: number): void => this.#device.guard(() => this.#tell(id, event, value))
    this.ports = ports.map((options, id) => {
      const at = id === 0 ? 0 : 2 * id + 2
      const { queues } = this.#device
      const tellOpen = (isOpen: boolean): void => control(id, Event.PORT_OPEN, isOpen ? 1 : 0)
      return new SerialPort(options, queues[at]!, queues[at + 1]!, tellOpen, (work) => this.#device.guard(work))
    })
  }

  /** After a state was restored: the guest in it believes in a host that is gone. */
  reconnect(): void {
    this.#device.guard(() => {
      for (const [id, port] of this.ports.entries()) this.#tell(id, Event.PORT_OPEN, port.isHostOpen ? 1 : 0)
    })
  }

  #notified(queue: number): void {
    if (queue === CONTROL_TO_GUEST) return this.#pass()
    if (queue === CONTROL_FROM_GUEST) return this.#listen()
    const id = queue < CONTROL_TO_GUEST ? 0 : (queue - CONTROL_TO_GUEST) >> 1
    this.ports[id]?.notified(queue % 2 === 0)
  }

  #listen(): void {
    const queue = this.#device.queues[CONTROL_FROM_GUEST]!
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) {
      const message = new DataView(take(chain).buffer)
      queue.push(chain, 0)
      if (message.byteLength >= CONTROL_BYTES) this.#hear(message.getUint32(0, true), message.getUint16(4, true), message.getUint16(6, true))
    }
    queue.notify()
  }

  #hear(id: number, event: number, value: number): void {
    const port = this.ports[id]
    if (event === Event.DEVICE_READY && value === 1) for (const each of this.ports.keys()) this.#tell(each, Event.PORT_ADD, 1)
    if (port === undefined) return
    if (event === Event.PORT_READY && value === 1) {
      this.#tell(id, Event.PORT_NAME, 1, new TextEncoder().encode(`${port.name}\0`))
      if (port.isHostOpen) this.#tell(id, Event.PORT_OPEN, 1)
    }
    if (event === Event.PORT_OPEN) {
      port.isGuestOpen = value === 1
      port.notified(true)
    }
  }

  #tell(id: number, event: number, value: number, more: Uint8Array = new Uint8Array(0)): void {
    const message = new Uint8Array(CONTROL_BYTES + more.length)
    const view = new DataView(message.buffer)
    view.setUint32(0, id, true)
    view.setUint16(4, event, true)
    view.setUint16(6, value, true)
    message.set(more, CONTROL_BYTES)
    this.#messages.push(message)
    this.#pass()
  }

  #pass(): void {
    const queue = this.#device.queues[CONTROL_TO_GUEST]!
    while (this.#messages.length > 0) {
      const chain = queue.pop()
      if (chain === null) break
      const message = this.#messages.shift()!
      chain.write(0, message)
      queue.push(chain, message.length)
    }
    queue.notify()
  }

  #wasReset(): void {
    this.#messages.length = 0
    for (const port of this.ports) port.isGuestOpen = false
  }
}

export class SerialPort {
  readonly name: string
  readonly #options: PortOptions
  readonly #toGuest: Virtqueue
  readonly #fromGuest: Virtqueue
  readonly #tellOpen: (isOpen: boolean) => void
  readonly #guard: (work: () => void) => void
  readonly #outgoing: Uint8Array[] = []
  /** Whether a process of the guest has the port open. */
  isGuestOpen = false
  #isHostOpen = false
  /** How many more bytes the reader has room for. */
  #room = 0

  constructor(
    options: PortOptions,
    toGuest: Virtqueue,
    fromGuest: Virtqueue,
    tellOpen: (isOpen: boolean) => void,
    guard: (work: () => void) => void,
  ) {
    this.name = options.name
    this.#options = options
    this.#toGuest = toGuest
    this.#fromGuest = fromGuest
    this.#tellOpen = tellOpen
    this.#guard = guard
  }

  get isHostOpen(): boolean {
    return this.#isHostOpen
  }

  /** Says to the guest that someone is there, who has room for `room` bytes. */
  open(room: number): void {
    this.#isHostOpen = true
    this.#room = room
    this.#tellOpen(true)
    this.#guard(() => this.#receive())
  }

  /** Says to the guest that nobody is there any more, and forgets what it has not got yet. */
  close(): void {
    this.#isHostOpen = false
    this.#outgoing.length = 0
    this.#tellOpen(false)
  }

  /** Sends bytes, in order, as the guest takes them; it gets none while it has the port closed. */
  send(bytes: Uint8Array): void {
    this.#outgoing.push(bytes)
    this.#guard(() => this.#deliver())
  }

  /** The reader has room for so many more bytes. */
  grant(bytes: number): void {
    this.#room += bytes
    this.#guard(() => this.#receive())
  }

  /** The guest laid out buffers (`isToGuest`), or filled some. */
  notified(isToGuest: boolean): void {
    if (isToGuest) this.#deliver()
    else this.#receive()
  }

  #deliver(): void {
    if (!this.isGuestOpen) return
    let delivered = 0
    while (this.#outgoing.length > 0) {
      const chain = this.#toGuest.pop()
      if (chain === null) break
      let filled = 0
      while (filled < chain.writableBytes && this.#outgoing.length > 0) {
        const bytes = this.#outgoing[0]!
        const part = Math.min(bytes.length, chain.writableBytes - filled)
        chain.write(filled, bytes.subarray(0, part))
        filled += part
        if (part === bytes.length) this.#outgoing.shift()
        else this.#outgoing[0] = bytes.subarray(part)
      }
      this.#toGuest.push(chain, filled)
      delivered += filled
    }
    this.#toGuest.notify()
    if (delivered > 0) this.#options.delivered(delivered)
  }

  #receive(): void {
    while (this.#room > 0 || !this.#isHostOpen) {
      const chain = this.#fromGuest.pop()
      if (chain === null) break
      // Without a host the guest has nobody to talk to; what it said before it knew is lost.
      if (this.#isHostOpen) {
        this.#room -= chain.readableBytes
        this.#options.received(take(chain))
      }
      this.#fromGuest.push(chain, 0)
    }
    this.#fromGuest.notify()
  }
}

/** A chain's readable bytes. */
function take(chain: DescriptorChain): Uint8Array<ArrayBuffer> {
  if (chain.readableBytes > MOST_BYTES_AT_ONCE) throw new GuestFault(`${chain.readableBytes} bytes at once on a serial bus`)
  const bytes = new Uint8Array(chain.readableBytes)
  chain.read(0, bytes)
  return bytes
}

function configuration(ports: number): ConfigField[] {
  const fixed = (bytes: 2 | 4, name: string, value: number): ConfigField => ({ bytes, name, read: () => value, write: () => undefined })
  return [fixed(2, 'cols', 0), fixed(2, 'rows', 0), fixed(4, 'max_nr_ports', ports), fixed(4, 'emerg_wr', 0)]
}
