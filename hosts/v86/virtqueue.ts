// A split virtqueue, the device's side (virtio 1.2, section 2.7). v86 keeps the addresses and saves them with its state;
// what the rings say is read here.
//
//   descriptor   address u64, length u32, flags u16, next u16
//   available    flags u16, index u16, ring of u16: the driver's, heads of chains for the device
//   used         flags u16, index u16, ring of (head u32, written bytes u32): the device's, chains it is done with

import type { QueueState, VirtioTransport } from './emulator.ts'
import { GuestFault, type GuestMemory } from './guest-memory.ts'

const DESCRIPTOR_BYTES = 16
const FLAG_NEXT = 1
const FLAG_WRITE = 2
const FLAG_INDIRECT = 4
const AVAILABLE_NO_INTERRUPT = 1
const USED_BUFFER = 1

/** Linux fills larger tables than its queue is long. */
const MOST_INDIRECT = 1024

export const FEATURE_INDIRECT = 28
export const FEATURE_VERSION_1 = 32

interface Segment {
  readonly address: number
  readonly length: number
}

/** A request of the driver: buffers that the device may read, then buffers that it may write. */
export class DescriptorChain {
  readonly head: number
  readonly readableBytes: number
  readonly writableBytes: number
  readonly #memory: GuestMemory
  readonly #readable: readonly Segment[]
  readonly #writable: readonly Segment[]

  constructor(head: number, memory: GuestMemory, readable: readonly Segment[], writable: readonly Segment[]) {
    this.head = head
    this.#memory = memory
    this.#readable = readable
    this.#writable = writable
    this.readableBytes = readable.reduce((sum, { length }) => sum + length, 0)
    this.writableBytes = writable.reduce((sum, { length }) => sum + length, 0)
  }

  /** Fills `target` with readable bytes from `offset` on; there are as many. */
  read(offset: number, target: Uint8Array): void {
    walk(this.#readable, offset, target.length, (address, at, length) => this.#memory.read(address, target.subarray(at, at + length)))
  }

  /** Puts `source` into the writable bytes at `offset`; there is room. */
  write(offset: number, source: Uint8Array): void {
    walk(this.#writable, offset, source.length, (address, at, length) => this.#memory.write(address, source.subarray(at, at + length)))
  }
}

function walk(segments: readonly Segment[], offset: number, length: number, each: (address: number, at: number, length: number) => void): void {
  let skip = offset
  let done = 0
  for (const segment of segments) {
    if (done === length) return
    if (skip >= segment.length) {
      skip -= segment.length
      continue
    }
    const part = Math.min(segment.length - skip, length - done)
    each(segment.address + skip, done, part)
    skip = 0
    done += part
  }
  if (done < length) throw new GuestFault(`a request has ${offset + done} bytes of ${offset + length}`)
}

export class Virtqueue {
  readonly #memory: GuestMemory
  readonly #transport: VirtioTransport
  readonly #queue: QueueState
  #isChanged = false

  constructor(memory: GuestMemory, transport: VirtioTransport, index: number) {
    this.#memory = memory
    this.#transport = transport
    this.#queue = transport.queues[index]!
  }

  /** Whether the driver has given something. */
  get hasRequest(): boolean {
    const queue = this.#queue
    return queue.enabled && this.#memory.u16(queue.avail_addr + 2) !== queue.avail_last_idx
  }

  /** Takes the next chain; null when there is none. */
  pop(): DescriptorChain | null {
    if (!this.hasRequest) return null
    const queue = this.#queue
    const entry = queue.avail_last_idx & (queue.size - 1)
    const head = this.#memory.u16(queue.avail_addr + 4 + 2 * entry)
    const chain = this.#chain(head)
    queue.avail_last_idx = (queue.avail_last_idx + 1) & 0xffff
    return chain
  }

  /** Gives a chain back, with so many bytes written into it. The driver hears of it at `notify`. */
  push(chain: DescriptorChain, writtenBytes: number): void {
    const { used_addr, size } = this.#queue
    const index = this.#memory.u16(used_addr + 2)
    const entry = used_addr + 4 + 8 * (index & (size - 1))
    this.#memory.setU32(entry, chain.head)
    this.#memory.setU32(entry + 4, writtenBytes)
    this.#memory.setU16(used_addr + 2, (index + 1) & 0xffff)
    this.#isChanged = true
  }

  /** Interrupts the guest if something was given back and its driver wants to know. */
  notify(): void {
    if (!this.#isChanged) return
    this.#isChanged = false
    if ((this.#memory.u16(this.#queue.avail_addr) & AVAILABLE_NO_INTERRUPT) === 0) this.#transport.raise_irq(USED_BUFFER)
  }

  #chain(head: number): DescriptorChain {
    const readable: Segment[] = []
    const writable: Segment[] = []
    let table = this.#queue.desc_addr
    let count = this.#queue.size
    let isIndirect = false
    let index = head
    // A chain in the queue has no more descriptors than that, and one in a table of its own ends too; one that comes back to itself does not.
    for (let left = this.#queue.size; ; left--) {
      if (index >= count || left === 0) throw new GuestFault('a chain of descriptors does not end')
      const at = table + DESCRIPTOR_BYTES * index
      const address = this.#memory.u32(at) + this.#memory.u32(at + 4) * 2 ** 32
      const length = this.#memory.u32(at + 8)
      const flags = this.#memory.u16(at + 12)
      this.#memory.check(address, length)
      if ((flags & FLAG_INDIRECT) !== 0) {
        if (isIndirect || !this.#transport.is_feature_negotiated(FEATURE_INDIRECT)) throw new GuestFault('an indirect table where none may be')
        isIndirect = true
        table = address
        count = Math.floor(length / DESCRIPTOR_BYTES)
        left = Math.min(count, MOST_INDIRECT) + 1
        index = 0
        continue
      }
      if ((flags & FLAG_WRITE) !== 0) writable.push({ address, length })
      else if (writable.length === 0) readable.push({ address, length })
      else throw new GuestFault('a readable buffer behind a writable one')
      if ((flags & FLAG_NEXT) === 0) return new DescriptorChain(head, this.#memory, readable, writable)
      index = this.#memory.u16(at + 14)
    }
  }
}
