// A block device (virtio 1.2, section 5.2), on a disk whose flush is durable. Requests are carried out side by side;
// those that touch the same bytes in the order they came.
//
//   request   type u32, reserved u32, sector u64 | data | status u8, the chain's last writable byte

import type { ConfigField, Processor } from './emulator.ts'
import { GuestFault } from './guest-memory.ts'
import { RequestOrder } from './request-order.ts'
import { VirtioDevice } from './virtio-device.ts'
import { type DescriptorChain, FEATURE_INDIRECT } from './virtqueue.ts'

/** What the device needs of a disk. Offsets and lengths are in bytes. */
export interface BlockBackend {
  readonly sizeBytes: number
  read(offset: number, target: Uint8Array): Promise<void>
  write(offset: number, source: Uint8Array): Promise<void>
  writeZeroes(offset: number, length: number): Promise<void>
  /** Resolves when every write before it is durable. */
  flush(): Promise<void>
}

const SECTOR_BYTES = 512
const HEADER_BYTES = 16
const RANGE_BYTES = 16
const ID_BYTES = 20
const QUEUE_SIZE = 256
/** A header and a status beside the data. */
const MOST_SEGMENTS = QUEUE_SIZE - 2
/** Most sectors of one discard: 1 GiB. */
const MOST_DISCARD_SECTORS = 2 ** 21
/** Most data of one request; Linux asks for 1.25 MiB at most. */
const MOST_REQUEST_BYTES = 8 * 2 ** 20
/** While this much is on its way, further requests wait in the guest. */
const MOST_BYTES_IN_FLIGHT = 32 * 2 ** 20
/** Discards are asked for in clusters of our own layers, 64 KiB. */
const DISCARD_ALIGNMENT_SECTORS = 128

const Type = { IN: 0, OUT: 1, FLUSH: 4, GET_ID: 8, DISCARD: 11, WRITE_ZEROES: 13 } as const
const Status = { OK: 0, IOERR: 1, UNSUPP: 2 } as const
const Feature = { SEG_MAX: 2, BLK_SIZE: 6, FLUSH: 9, DISCARD: 13, WRITE_ZEROES: 14 } as const

/** `failed` hears of each request that the disk could not carry out; the guest gets an I/O error for it. */
export interface BlockOptions {
  readonly serial: string
  readonly failed: (error: unknown) => void
}

export class VirtioBlk {
  readonly #device: VirtioDevice
  readonly #options: BlockOptions
  readonly #order = new RequestOrder()
  #disk: BlockBackend | null = null
  #bytesInFlight = 0
  /** Requests of before a reset are carried out, but their queue is not the driver's any more. */
  #resets = 0

  constructor(cpu: Processor, options: BlockOptions) {
    this.#options = options
    this.#device = new VirtioDevice(cpu, {
      name: 'virtio-blk',
      place: 'virtio_net',
      type: 2,
      ports: 0xc600,
      queueSizes: [QUEUE_SIZE],
      features: [...Object.values(Feature), FEATURE_INDIRECT],
      config: configuration(() => (this.#disk?.sizeBytes ?? 0) / SECTOR_BYTES),
      notified: () => this.#take(),
      wasReset: () => this.#resets++,
      save: () => [],
      restore: () => undefined,
    })
  }

  /** The disk behind it; before the machine runs. */
  attach(disk: BlockBackend): void {
    this.#disk = disk
  }

  /** Resolves when no request is on its way. A machine that is paused makes no new ones. */
  drain(): Promise<void> {
    return this.#order.idle()
  }

  #take(): void {
    const queue = this.#device.queues[0]!
    while (this.#bytesInFlight < MOST_BYTES_IN_FLIGHT) {
      const chain = queue.pop()
      if (chain === null) break
      this.#begin(chain)
    }
  }

  #begin(chain: DescriptorChain): void {
    if (chain.readableBytes < HEADER_BYTES || chain.writableBytes < 1) throw new GuestFault('a request without header or status')
    if (chain.readableBytes + chain.writableBytes > MOST_REQUEST_BYTES) return this.#end(chain, Status.IOERR, 0)
    const header = new Uint8Array(HEADER_BYTES)
    chain.read(0, header)
    const view = new DataView(header.buffer)
    const type = view.getUint32(0, true)
    const offset = Number(view.getBigUint64(8, true)) * SECTOR_BYTES
    if (type === Type.IN) this.#read(chain, offset)
    else if (type === Type.OUT) this.#write(chain, offset)
    else if (type === Type.FLUSH) this.#do(chain, 0, Infinity, false, (disk) => disk.flush())
    else if (type === Type.DISCARD || type === Type.WRITE_ZEROES) this.#zero(chain)
    else if (type === Type.GET_ID) this.#identify(chain)
    else this.#end(chain, Status.UNSUPP, 0)
  }

  #read(chain: DescriptorChain, offset: number): void {
    const data = new Uint8Array(chain.writableBytes - 1)
    if (!this.#isInside(offset, data.length)) return this.#end(chain, Status.IOERR, 0)
    this.#do(chain, offset, offset + data.length, false, async (disk) => {
      await disk.read(offset, data)
      return data
    })
  }

  #write(chain: DescriptorChain, offset: number): void {
    const data = new Uint8Array(chain.readableBytes - HEADER_BYTES)
    if (!this.#isInside(offset, data.length)) return this.#end(chain, Status.IOERR, 0)
    chain.read(HEADER_BYTES, data)
    this.#do(chain, offset, offset + data.length, true, (disk) => disk.write(offset, data))
  }

  /** Discards and zeroes alike: a discarded range of a disk reads as zeros. One range in a request, as the configuration says. */
  #zero(chain: DescriptorChain): void {
    if (chain.readableBytes !== HEADER_BYTES + RANGE_BYTES) return this.#end(chain, Status.UNSUPP, 0)
    const range = new Uint8Array(RANGE_BYTES)
    chain.read(HEADER_BYTES, range)
    const view = new DataView(range.buffer)
    const offset = Number(view.getBigUint64(0, true)) * SECTOR_BYTES
    const length = view.getUint32(8, true) * SECTOR_BYTES
    if (!this.#isInside(offset, length)) return this.#end(chain, Status.IOERR, 0)
    this.#do(chain, offset, offset + length, true, (disk) => disk.writeZeroes(offset, length))
  }

  #identify(chain: DescriptorChain): void {
    const id = new Uint8Array(ID_BYTES)
    id.set(new TextEncoder().encode(this.#options.serial).subarray(0, ID_BYTES))
    if (chain.writableBytes < ID_BYTES + 1) return this.#end(chain, Status.IOERR, 0)
    chain.write(0, id)
    this.#end(chain, Status.OK, ID_BYTES)
  }

  #isInside(offset: number, length: number): boolean {
    return length % SECTOR_BYTES === 0 && offset + length <= (this.#disk?.sizeBytes ?? 0)
  }

  /** Carries a request out in its turn; what `work` resolves with goes to the guest. */
  #do(chain: DescriptorChain, start: number, end: number, isWrite: boolean, work: (disk: BlockBackend) => Promise<Uint8Array | void>): void {
    const turn = this.#order.enter(start, end, isWrite)
    const resets = this.#resets
    const bytes = chain.readableBytes + chain.writableBytes
    this.#bytesInFlight += bytes
    const run = async (): Promise<void> => {
      let status: number = Status.OK
      let data: Uint8Array | void = undefined
      try {
        if (turn.ready !== null) await turn.ready
        data = await work(this.#disk!)
      } catch (error) {
        status = Status.IOERR
        this.#options.failed(error)
      }
      this.#bytesInFlight -= bytes
      this.#device.guard(() => {
        if (resets === this.#resets) {
          if (data !== undefined) chain.write(0, data)
          this.#end(chain, status, data?.length ?? 0)
        }
        this.#take()
      })
      turn.end()
    }
    void run()
  }

  #end(chain: DescriptorChain, status: number, writtenBytes: number): void {
    const queue = this.#device.queues[0]!
    chain.write(chain.writableBytes - 1, Uint8Array.of(status))
    queue.push(chain, writtenBytes + 1)
    queue.notify()
  }
}

function configuration(sectors: () => number): ConfigField[] {
  const fixed = (bytes: 1 | 2 | 4, name: string, value: number): ConfigField => ({ bytes, name, read: () => value, write: () => undefined })
  return [
    { ...fixed(4, 'capacity (low)', 0), read: () => sectors() % 2 ** 32 | 0 },
    { ...fixed(4, 'capacity (high)', 0), read: () => Math.floor(sectors() / 2 ** 32) },
    fixed(4, 'size_max', 0),
    fixed(4, 'seg_max', MOST_SEGMENTS),
    fixed(2, 'cylinders', 0),
    fixed(1, 'heads', 0),
    fixed(1, 'sectors', 0),
    fixed(4, 'blk_size', SECTOR_BYTES),
    fixed(1, 'physical_block_exp', 0),
    fixed(1, 'alignment_offset', 0),
    fixed(2, 'min_io_size', 0),
    fixed(4, 'opt_io_size', 0),
    fixed(1, 'writeback', 1),
    fixed(1, 'unused0', 0),
    fixed(2, 'num_queues', 1),
    fixed(4, 'max_discard_sectors', MOST_DISCARD_SECTORS),
    fixed(4, 'max_discard_seg', 1),
    fixed(4, 'discard_sector_alignment', DISCARD_ALIGNMENT_SECTORS),
    fixed(4, 'max_write_zeroes_sectors', MOST_DISCARD_SECTORS),
    fixed(4, 'max_write_zeroes_seg', 1),
    fixed(1, 'write_zeroes_may_unmap', 1),
    fixed(1, 'unused1', 0),
    fixed(1, 'unused2', 0),
    fixed(1, 'unused3', 0),
  ]
}
