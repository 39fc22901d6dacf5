// The serial bus alone: what it tells a driver, and that it drops nothing in either direction.
import { beforeEach, describe, expect, it } from 'vitest'
import { type SerialPort, VirtioSerial } from '../../hosts/v86/virtio-serial.ts'
import { TestComputer, type TestQueue } from './test-computer.ts'

const DEVICE_READY = 0
const PORT_READY = 3
const PORT_OPEN = 6

function message(id: number, event: number, value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, id, true)
  view.setUint16(4, event, true)
  view.setUint16(6, value, true)
  return bytes
}

describe('the serial bus', () => {
  let computer: TestComputer
  let serial: VirtioSerial
  let first: SerialPort
  let received: string[]
  let delivered: number[]
  let queues: TestQueue[]

  beforeEach(() => {
    computer = new TestComputer()
    received = []
    delivered = []
    const port = (name: string, log: string[]) => ({
      name,
      buffers: 4,
      received: (bytes: Uint8Array) => void log.push(Buffer.from(bytes).toString()),
      delivered: (bytes: number) => void delivered.push(bytes),
    })
    serial = new VirtioSerial(computer.cpu, [port('org.example.0', received), port('org.example.1', [])])
    first = serial.ports[0]!
    queues = [0, 1, 2, 3, 4, 5].map((index) => computer.queue(index))
  })

  /** Tells the device something as its driver would. */
  const control = (...words: [number, number, number]): void => {
    queues[3]!.add([message(...words)], [])
    queues[3]!.kick()
  }
  /** Lays out so many buffers for messages, and reads those that came. */
  const heard = (buffers = 8): string[] => {
    for (let i = 0; i < buffers; i++) queues[2]!.add([], [64])
    queues[2]!.kick()
    return queues[2]!.answers().map(({ bytes, writtenBytes }) => {
      const view = new DataView(bytes.buffer)
      const name = Buffer.from(bytes.subarray(8, writtenBytes)).toString().replace('\0', '.')
      return `${view.getUint32(0, true)}: ${view.getUint16(4, true)}=${view.getUint16(6, true)}${name === '' ? '' : ` ${name}`}`
    })
  }
  const say = (text: string): void => {
    queues[1]!.add([Buffer.from(text)], [])
    queues[1]!.kick()
  }
  const layOut = (...lengths: number[]): void => {
    for (const length of lengths) queues[0]!.add([], [length])
    queues[0]!.kick()
  }
  const got = (): string[] => queues[0]!.answers().map(({ bytes, writtenBytes }) => Buffer.from(bytes.subarray(0, writtenBytes)).toString())

  it('adds its ports, names them, and says which the host has open', () => {
    first.open(100)
    heard()
    control(0, DEVICE_READY, 1)
    expect(heard()).toEqual(['0: 1=1', '1: 1=1'])
    control(0, PORT_READY, 1)
    control(1, PORT_READY, 1)
    expect(heard()).toEqual(['0: 7=1 org.example.0.', '0: 6=1', '1: 7=1 org.example.1.'])
    first.close()
    expect(heard(1)).toEqual(['0: 6=0'])
  })

  it('keeps its messages until there are buffers for them', () => {
    control(0, DEVICE_READY, 1)
    expect(heard(1)).toEqual(['0: 1=1'])
    expect(heard(1)).toEqual(['1: 1=1'])
  })

  it('does not mind messages for ports that are not there, unknown ones, and short ones', () => {
    control(99, PORT_READY, 1)
    control(0, 77, 1)
    queues[3]!.add([new Uint8Array(3)], [])
    queues[3]!.kick()
    expect(heard(1)).toEqual([])
    expect(queues[3]!.answers()).toHaveLength(3)
    expect(computer.transport.wantsReset).toBe(false)
  })

  it('gives the guest nothing before it has the port open, and then everything', () => {
    first.open(100)
    first.send(Buffer.from('hello '))
    layOut(16)
    expect(got()).toEqual([])
    first.send(Buffer.from('guest'))
    control(0, PORT_OPEN, 1)
    expect(got()).toEqual(['hello guest'])
    expect(delivered).toEqual([11])
  })

  it('keeps what the guest has no buffer for, and cuts it as its buffers are', () => {
    first.open(100)
    control(0, PORT_OPEN, 1)
    first.send(Buffer.from('0123456789'))
    layOut(4, 3)
    expect(got()).toEqual(['0123', '456'])
    expect(delivered).toEqual([7])
    first.send(Buffer.from('abc'))
    layOut(8)
    expect(got()).toEqual(['789abc'])
    expect(delivered).toEqual([7, 6])
  })

  it('takes from the guest as much as its reader has room for', () => {
    first.open(4)
    say('one')
    say('two')
    say('three')
    expect(received).toEqual(['one', 'two'])
    expect(queues[1]!.answers()).toHaveLength(2)
    first.grant(2)
    expect(received).toEqual(['one', 'two'])
    first.grant(1)
    expect(received).toEqual(['one', 'two', 'three'])
  })

  it('loses what is said to nobody, and keeps nothing of an earlier host', () => {
    say('early')
    expect(queues[1]!.answers()).toHaveLength(1)
    first.open(100)
    expect(received).toEqual([])
    first.send(Buffer.from('of the first host'))
    first.close()
    first.open(100)
    control(0, PORT_OPEN, 1)
    first.send(Buffer.from('of the second'))
    layOut(64)
    expect(got()).toEqual(['of the second'])
  })

  it('stops when the guest closes the port, and goes on when it opens it', () => {
    first.open(100)
    control(0, PORT_OPEN, 1)
    control(0, PORT_OPEN, 0)
    layOut(8)
    first.send(Buffer.from('later'))
    expect(got()).toEqual([])
    control(0, PORT_OPEN, 1)
    expect(got()).toEqual(['later'])
  })

  it('has the ports side by side', () => {
    serial.ports[1]!.open(100)
    control(1, PORT_OPEN, 1)
    queues[4]!.add([], [8])
    serial.ports[1]!.send(Buffer.from('second'))
    expect(queues[4]!.answers().map(({ writtenBytes }) => writtenBytes)).toEqual([6])
    expect(got()).toEqual([])
  })

  it('saves which ports the guest has open, and tells a restored guest that its host is another', () => {
    first.open(100)
    heard(1)
    control(0, PORT_OPEN, 1)
    control(0, DEVICE_READY, 1)
    const state = computer.cpu.devices.virtio_console.get_state()
    expect(state[1]).toEqual([true, false])
    const [transport] = state as [{ get_state(): unknown[] }]
    const saved = [transport.get_state(), ...state.slice(1)]
    // In another program: nobody is there yet.
    expect(heard(2)).toHaveLength(2)
    first.close()
    heard(1)
    first.isGuestOpen = false
    const { state: ring } = queues[2]!
    saved[0] = (saved[0] as unknown[]).with(2, { ...ring })
    computer.cpu.devices.virtio_console.set_state(saved)
    serial.reconnect()
    // What its driver had no buffer for is told first.
    expect(heard(4)).toEqual(['0: 1=1', '1: 1=1', '0: 6=0', '1: 6=0'])
    expect([first.isGuestOpen, first.isHostOpen]).toEqual([true, false])
  })

  it('forgets everything when its driver resets it', () => {
    first.open(100)
    control(0, PORT_OPEN, 1)
    control(0, DEVICE_READY, 1)
    computer.transport.reset()
    expect(first.isGuestOpen).toBe(false)
    queues = [0, 1, 2, 3, 4, 5].map((index) => computer.queue(index))
    expect(heard(1)).toEqual([])
  })

  /** Says what `parts` are together, by a table of its own; `next` tells which entry follows one, 0 none. */
  const sayInParts = (parts: readonly string[], next: (entry: number) => number): void => {
    const table = computer.allocate(16 * parts.length)
    for (const [i, part] of parts.entries()) {
      const bytes = Buffer.from(part)
      computer.view.setBigUint64(table + 16 * i, BigInt(computer.put(bytes)), true)
      computer.view.setUint32(table + 16 * i + 8, bytes.length, true)
      computer.view.setUint16(table + 16 * i + 12, next(i) === 0 ? 0 : 1, true)
      computer.view.setUint16(table + 16 * i + 14, next(i), true)
    }
    queues[1]!.describe(0, table, 16 * parts.length, 4, 0)
    queues[1]!.offer(0)
    queues[1]!.kick()
  }

  it('takes more pages at once than its queue is long, and no circle of them', () => {
    first.open(100)
    const parts = Array.from({ length: 300 }, (_, i) => `${i} `)
    sayInParts(parts, (i) => (i + 1) % parts.length)
    expect(received).toEqual([parts.join('')])
    expect(computer.transport.wantsReset).toBe(false)
    first.grant(10_000)
    sayInParts(parts, (i) => ((i + 1) % parts.length) + 1)
    expect(computer.transport.wantsReset).toBe(true)
  })

  it('asks a driver for a reset that says too much at once', () => {
    first.open(2 ** 30)
    const at = computer.allocate(2 ** 20)
    queues[1]!.describe(0, at, 2 ** 20, 1, 1)
    queues[1]!.describe(1, at, 2 ** 20, 0, 0)
    queues[1]!.offer(0)
    queues[1]!.kick()
    expect(computer.transport.wantsReset).toBe(true)
    expect(received).toEqual([])
  })
})
