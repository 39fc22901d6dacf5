// The block device alone: what it answers a driver, in what order, and what a driver that breaks the rules gets.
import { beforeEach, describe, expect, it } from 'vitest'
import { type BlockBackend, VirtioBlk } from '../../hosts/v86/virtio-blk.ts'
import { TestComputer, type TestQueue } from './test-computer.ts'

const IN = 0
const OUT = 1
const FLUSH = 4
const GET_ID = 8
const DISCARD = 11
const WRITE_ZEROES = 13

const SIZE = 4 * 2 ** 40

/** A disk whose requests end when the test says so. */
class HeldDisk implements BlockBackend {
  sizeBytes = SIZE
  readonly log: string[] = []
  readonly #held = new Map<string, { resolve: () => void; reject: (error: Error) => void; target?: Uint8Array | undefined }>()

  read(offset: number, target: Uint8Array): Promise<void> {
    return this.#hold(`read ${offset} ${target.length}`, target)
  }

  write(offset: number, source: Uint8Array): Promise<void> {
    return this.#hold(`write ${offset} ${source.length} ${source[0]}`)
  }

  writeZeroes(offset: number, length: number): Promise<void> {
    return this.#hold(`zero ${offset} ${length}`)
  }

  flush(): Promise<void> {
    return this.#hold('flush')
  }

  /** Ends the request of this name, and waits until the device knows. */
  async end(what: string, fill = 0): Promise<void> {
    const held = this.#held.get(what)!
    this.#held.delete(what)
    held.target?.fill(fill)
    held.resolve()
    await settled()
  }

  async fail(what: string): Promise<void> {
    const held = this.#held.get(what)!
    this.#held.delete(what)
    held.reject(new Error('the device is gone'))
    await settled()
  }

  #hold(what: string, target?: Uint8Array): Promise<void> {
    this.log.push(what)
    return new Promise((resolve, reject) => this.#held.set(what, { resolve, reject, target }))
  }
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

function header(type: number, sector: number): Uint8Array {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, type, true)
  view.setBigUint64(8, BigInt(sector), true)
  return bytes
}

function range(sector: number, sectors: number): Uint8Array {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, BigInt(sector), true)
  view.setUint32(8, sectors, true)
  return bytes
}

describe('the block device', () => {
  let computer: TestComputer
  let disk: HeldDisk
  let blk: VirtioBlk
  let queue: TestQueue
  let failures: unknown[]

  beforeEach(() => {
    computer = new TestComputer()
    disk = new HeldDisk()
    failures = []
    blk = new VirtioBlk(computer.cpu, { serial: 'a-serial-number-that-is-too-long', failed: (error) => failures.push(error) })
    blk.attach(disk)
    queue = computer.queue(0)
  })

  /** Asks for something; the rest is up to the disk. */
  const ask = (readable: readonly Uint8Array[], writable: readonly number[]): void => {
    queue.add(readable, writable)
    queue.kick()
  }
  const statuses = (): number[] => queue.answers().map(({ bytes }) => bytes.at(-1)!)
  const config = (name: string): number => computer.transport.options.device_specific.struct.find((field) => field.name === name)!.read() >>> 0

  it('says its size, beyond 2 TiB too', () => {
    expect(config('capacity (low)') + config('capacity (high)') * 2 ** 32).toBe(SIZE / 512)
  })

  it('has a configuration with every field where the specification has it', () => {
    const { struct } = computer.transport.options.device_specific
    let at = 0
    const offsets = new Map(struct.map(({ name, bytes }) => [name, (at += bytes) - bytes]))
    // virtio 1.2, 5.2.4
    expect([offsets.get('seg_max'), offsets.get('blk_size'), offsets.get('writeback'), offsets.get('num_queues')]).toEqual([12, 20, 32, 34])
    expect([offsets.get('max_discard_sectors'), offsets.get('max_write_zeroes_sectors'), offsets.get('write_zeroes_may_unmap')]).toEqual([36, 48, 56])
  })

  it('reads into scattered buffers, with the status behind the data', async () => {
    const far = 3 * 2 ** 40
    ask([header(IN, far / 512)], [512, 1024, 1])
    expect(queue.answers()).toEqual([])
    await disk.end(`read ${far} 1536`, 0xab)
    const [answer] = queue.answers()
    expect(answer!.writtenBytes).toBe(1537)
    expect([...new Set(answer!.bytes.subarray(0, 1536))]).toEqual([0xab])
    expect(answer!.bytes[1536]).toBe(0)
    expect(computer.transport.interrupts).toBe(1)
  })

  it('takes header and data from buffers cut anywhere', async () => {
    const whole = new Uint8Array([...header(OUT, 8), ...new Uint8Array(1024).fill(7)])
    ask([whole.subarray(0, 5), whole.subarray(5, 700), whole.subarray(700)], [1])
    await disk.end('write 4096 1024 7')
    expect(queue.answers()).toEqual([{ writtenBytes: 1, bytes: Uint8Array.of(0) }])
  })

  it('has requests on their way side by side, and answers each when it is done', async () => {
    ask([header(IN, 0)], [512, 1])
    ask([header(IN, 1)], [512, 1])
    ask([header(OUT, 2), new Uint8Array(512)], [1])
    expect(disk.log).toEqual(['read 0 512', 'read 512 512', 'write 1024 512 0'])
    await disk.end('read 512 512', 2)
    expect(queue.answers().map(({ bytes }) => bytes[0])).toEqual([2])
    await disk.end('write 1024 512 0')
    await disk.end('read 0 512', 1)
    expect(queue.answers().map(({ writtenBytes, bytes }) => [writtenBytes, bytes[0]])).toEqual([[1, 0], [513, 1]])
  })

  it('keeps requests for the same bytes in order, where one of them writes', async () => {
    ask([header(OUT, 4), new Uint8Array(1024).fill(1)], [1])
    ask([header(IN, 5)], [512, 1])
    ask([header(OUT, 5), new Uint8Array(512).fill(2)], [1])
    ask([header(IN, 6)], [512, 1])
    expect(disk.log).toEqual(['write 2048 1024 1', 'read 3072 512'])
    await disk.end('write 2048 1024 1')
    expect(disk.log.slice(2)).toEqual(['read 2560 512'])
    await disk.end('read 2560 512')
    expect(disk.log.slice(3)).toEqual(['write 2560 512 2'])
    await disk.end('write 2560 512 2')
    await disk.end('read 3072 512')
    expect(statuses()).toEqual([0, 0, 0, 0])
  })

  it('flushes after every write that came before', async () => {
    ask([header(OUT, 0), new Uint8Array(512)], [1])
    ask([header(FLUSH, 0)], [1])
    ask([header(OUT, 1), new Uint8Array(512)], [1])
    expect(disk.log).toEqual(['write 0 512 0'])
    await disk.end('write 0 512 0')
    expect(disk.log.slice(1)).toEqual(['flush'])
    await disk.end('flush')
    expect(disk.log.slice(2)).toEqual(['write 512 512 0'])
    await disk.end('write 512 512 0')
    expect(statuses()).toEqual([0, 0, 0])
  })

  it('discards and zeroes a range', async () => {
    ask([header(DISCARD, 0), range(128, 256)], [1])
    ask([header(WRITE_ZEROES, 0), range(2 ** 32, 8)], [1])
    await disk.end(`zero ${128 * 512} ${256 * 512}`)
    await disk.end(`zero ${2 ** 32 * 512} 4096`)
    expect(statuses()).toEqual([0, 0])
  })

  it('says who it is', () => {
    ask([header(GET_ID, 0)], [20, 1])
    const [answer] = queue.answers()
    expect(new TextDecoder().decode(answer!.bytes.subarray(0, 20))).toBe('a-serial-number-that')
    expect(answer).toMatchObject({ writtenBytes: 21 })
  })

  it('answers a failure of the disk with an I/O error, and says which', async () => {
    ask([header(OUT, 0), new Uint8Array(512)], [1])
    ask([header(FLUSH, 0)], [1])
    await disk.fail('write 0 512 0')
    await disk.fail('flush')
    expect(statuses()).toEqual([1, 1])
    expect(failures.map(String)).toEqual(['Error: the device is gone', 'Error: the device is gone'])
  })

  it.each([
    ['beyond the end', [header(IN, SIZE / 512)], [512, 1], 1],
    ['over the end', [header(OUT, SIZE / 512 - 1), new Uint8Array(1024)], [1], 1],
    ['at the end of 64 bits', [header(IN, 2 ** 54)], [512, 1], 1],
    ['of half a sector', [header(IN, 0)], [256, 1], 1],
    ['of a discard beyond the end', [header(DISCARD, 0), range(SIZE / 512, 1)], [1], 1],
    ['of a discard of two ranges', [header(DISCARD, 0), range(0, 1), range(4, 1)], [1], 2],
    ['of no known kind', [header(99, 0)], [512, 1], 2],
    ['of more than 8 MiB', [header(IN, 0)], [2 ** 22, 1, 1], 1],
  ] as const)('refuses a request %s', (name, readable, writable, status) => {
    if (name.startsWith('of more')) {
      // One buffer, described three times: the computer of the test is small.
      const at = computer.allocate(2 ** 22)
      queue.describe(0, computer.put(header(IN, 0)), 16, 1, 1)
      queue.describe(1, at, 2 ** 22, 3, 2)
      queue.describe(2, at, 2 ** 22, 3, 3)
      queue.describe(3, at, 1, 2, 0)
      queue.offer(0)
      queue.kick()
      expect(computer.memory[at]).toBe(status)
      return
    }
    ask(readable, writable)
    expect(statuses()).toEqual([status])
    expect(disk.log).toEqual([])
  })

  it('leaves requests in the queue while too much is on its way, and takes them later', async () => {
    const at = computer.allocate(4 * 2 ** 20)
    const one = computer.put(header(IN, 0))
    for (let i = 0; i < 12; i++) {
      queue.describe(3 * i, one, 16, 1, 3 * i + 1)
      queue.describe(3 * i + 1, at, 4 * 2 ** 20, 3, 3 * i + 2)
      queue.describe(3 * i + 2, at, 1, 2, 0)
      queue.offer(3 * i)
    }
    queue.kick()
    expect(disk.log).toHaveLength(8)
    await disk.end(`read 0 ${4 * 2 ** 20}`)
    expect(disk.log).toHaveLength(9)
  })

  it('answers nothing to a driver that reset it meanwhile', async () => {
    ask([header(IN, 0)], [512, 1])
    computer.transport.reset()
    const before = queue
    queue = computer.queue(0)
    await disk.end('read 0 512')
    expect(before.answers()).toEqual([])
    ask([header(IN, 1)], [512, 1])
    await disk.end('read 512 512')
    expect(statuses()).toEqual([0])
  })

  it('is drained when the last request has ended', async () => {
    await blk.drain()
    ask([header(OUT, 0), new Uint8Array(512)], [1])
    let isDrained = false
    const drained = blk.drain().then(() => (isDrained = true))
    await settled()
    expect(isDrained).toBe(false)
    await disk.end('write 0 512 0')
    await drained
  })

  describe('asks a driver for a reset that gives it', () => {
    const cases: Record<string, () => void> = {
      'a chain in a circle': () => {
        queue.describe(0, 4096, 16, 1, 1)
        queue.describe(1, 4096, 16, 1, 0)
      },
      'a buffer outside of its memory': () => queue.describe(0, computer.memory.length - 8, 16, 0, 0),
      'a buffer beyond 4 GiB': () => queue.describe(0, 2 ** 33, 16, 0, 0),
      'a descriptor that is not there': () => queue.describe(0, 4096, 16, 1, 9999),
      'a readable buffer behind a writable one': () => {
        queue.describe(0, 4096, 16, 3, 1)
        queue.describe(1, 4096, 16, 0, 0)
      },
      'an indirect table in an indirect table': () => {
        const table = computer.allocate(32)
        queue.describe(0, table, 32, 4, 0)
        computer.view.setBigUint64(table, BigInt(table), true)
        computer.view.setUint32(table + 8, 32, true)
        computer.view.setUint16(table + 12, 4, true)
      },
      'no room for a status': () => queue.describe(0, computer.put(header(IN, 0)), 16, 0, 0),
      'half a header': () => {
        queue.describe(0, 4096, 8, 1, 1)
        queue.describe(1, 4096, 1, 2, 0)
      },
    }

    it.each(Object.keys(cases))('%s', async (name) => {
      cases[name]!()
      queue.offer(0)
      queue.kick()
      expect(computer.transport.wantsReset).toBe(true)
      // Until then it does nothing; after that it works.
      ask([header(IN, 0)], [512, 1])
      expect(disk.log).toEqual([])
      computer.transport.reset()
      queue = computer.queue(0)
      ask([header(IN, 0)], [512, 1])
      await disk.end('read 0 512')
      expect(statuses()).toEqual([0])
    })
  })

  it('takes requests through an indirect table', async () => {
    const table = computer.allocate(48)
    const data = computer.allocate(512)
    const status = computer.allocate(1)
    const entries = [[computer.put(header(IN, 3)), 16, 1, 1], [data, 512, 3, 2], [status, 1, 2, 0]] as const
    for (const [i, [address, length, flags, next]] of entries.entries()) {
      computer.view.setBigUint64(table + 16 * i, BigInt(address), true)
      computer.view.setUint32(table + 16 * i + 8, length, true)
      computer.view.setUint16(table + 16 * i + 12, flags, true)
      computer.view.setUint16(table + 16 * i + 14, next, true)
    }
    queue.describe(0, table, 48, 4, 0)
    computer.memory[status] = 0xff
    queue.offer(0)
    queue.kick()
    await disk.end('read 1536 512', 5)
    expect([computer.memory[data], computer.memory[data + 511], computer.memory[status]]).toEqual([5, 5, 0])
  })

  it('goes on where the 16 bits of an index end', async () => {
    for (let i = 0; i < 70_000; i++) {
      if (i === 0) queue.add([header(99, 0)], [1])
      else queue.offer(0)
      queue.kick()
    }
    expect(computer.view.getUint16(queue.state.used_addr + 2, true)).toBe(70_000 & 0xffff)
  })
})
