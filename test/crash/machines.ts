// Model machines: what a MachineControl talks to. A machine has one layer open by its inode, is told apart
// by its nonce, and may outlive its owner; a power cut ends it. A guest's write goes through three places, so
// that a step left out shows:
//
//   issued ── drain, or time ──> acknowledged, in the machine's cache ── flush, or time ──> in the file
//
// A paused machine issues nothing more, but what it has goes on. Writes reach the file through guest.ts, as
// QEMU's would: without asking the store.

import { BoxLiteError } from '../../src/error.ts'
import type { MachineRecord } from '../../src/operation/record.ts'
import type { BoxMachine, MachineAnswer, MachineControl } from '../../src/perform.ts'
import { internPage } from './content.ts'
import type { Hook, MachineCall } from './crash-fs.ts'
import { hashText, mix } from './hash.ts'
import { patternPage, writeGuest } from './guest.ts'
import { directoryOf } from './image-reader.ts'
import type { World } from './world.ts'

/** A page that a guest writes. */
interface Write {
  readonly page: number
  readonly value: number
}

export interface Machine {
  readonly boxId: string
  readonly record: MachineRecord
  /** The inode and the name of what it has open. */
  readonly node: number
  readonly layer: string
  readonly paused: boolean
  readonly frozen: boolean
  /** It lives and answers nothing. */
  readonly silent: boolean
  /** It has no guest agent: nobody freezes it, and it writes until it is paused. */
  readonly agentless: boolean
  readonly issued: readonly Write[]
  readonly cached: readonly Write[]
}

/** What is told of a guest to whoever keeps the truth. */
export interface GuestWatch {
  /** A write is acknowledged: both the old and the new page may be found from now on. */
  writing(boxId: string, page: number, bytes: ReturnType<typeof internPage>): void
  /** After a flush: nothing of the box may be lost. */
  flushed(boxId: string): void
  /** No write of a paused machine is on its way any more: this is the disk that a snapshot catches. */
  caught(boxId: string): void
  /** A machine is gone, and what it had cached with it: the disk is what its file says. */
  died(boxId: string): void
}

export class Machines {
  readonly world: World
  readonly #machines: Map<string, Machine>
  #writes: number

  constructor(world: World, machines: ReadonlyMap<string, Machine> = new Map(), writes = 0) {
    this.world = world
    this.#machines = new Map(machines)
    this.#writes = writes
  }

  /** The machines that live on in `world` when their owner dies. */
  outliving(world: World): Machines {
    return new Machines(world, new Map([...this.#machines].filter(([, machine]) => machine.record.detached)), this.#writes)
  }

  copy(world: World): Machines {
    return new Machines(world, this.#machines, this.#writes)
  }

  get alive(): readonly Machine[] {
    return [...this.#machines.values()]
  }

  /** Tells states of the machines apart. */
  get hash(): number {
    let hash = 0
    for (const machine of this.#machines.values()) {
      const flags = (machine.paused ? 1 : 0) | (machine.frozen ? 2 : 0) | (machine.silent ? 4 : 0) | (machine.record.detached ? 8 : 0)
      const writes = [...machine.issued, ...machine.cached].reduce((sum, { value }) => mix(sum, value), machine.issued.length)
      hash = (hash + mix(hashText(machine.record.nonce + machine.layer).low, flags ^ writes)) | 0
    }
    return hash
  }

  launch(boxId: string, record: MachineRecord, layer: string, manner: 'answers' | 'silent' | 'agentless' = 'answers'): void {
    const node = directoryOf(this.world, 'layers').entries.get(layer)!
    this.#machines.set(record.nonce, { boxId, record, node, layer, paused: false, frozen: false, ...answersAs(manner), issued: [], cached: [] })
  }

  end(nonce: string): void {
    this.#machines.delete(nonce)
  }

  /** Time goes by: what was issued is acknowledged, what was cached longest reaches the file, and a running guest issues a write. */
  tick(watch: GuestWatch): void {
    for (const { record } of this.alive) {
      this.#acknowledge(record.nonce, watch)
      this.#spill(record.nonce, 1)
      const machine = this.#machines.get(record.nonce)!
      if (machine.paused || machine.frozen) continue
      this.issue(record.nonce)
      if (this.#writes % 4 === 0) this.flush(record.nonce, watch)
    }
  }

  /** The pages go round a few places, so that clusters are both made and overwritten. */
  issue(nonce: string): void {
    const value = ++this.#writes
    const machine = this.#machines.get(nonce)!
    this.#set(nonce, { issued: [...machine.issued, { page: [1, 17, 2, 18, 1][value % 5]!, value: 0xbeef0000 + value }] })
  }

  /** The guest flushes its disk: all that was acknowledged is durable when this returns. */
  flush(nonce: string, watch: GuestWatch): void {
    this.#acknowledge(nonce, watch)
    this.#spill(nonce, 0)
    const machine = this.#machines.get(nonce)!
    this.world.sync(machine.node)
    watch.flushed(machine.boxId)
  }

  #acknowledge(nonce: string, watch: GuestWatch): void {
    const machine = this.#machines.get(nonce)!
    if (machine.issued.length === 0) return
    for (const { page, value } of machine.issued) watch.writing(machine.boxId, page, internPage(patternPage(value)))
    this.#set(nonce, { issued: [], cached: [...machine.cached, ...machine.issued] })
  }

  /** Writes the cache into the file, all but the newest `keep`. */
  #spill(nonce: string, keep: number): void {
    const machine = this.#machines.get(nonce)!
    const count = Math.max(0, machine.cached.length - keep)
    for (const { page, value } of machine.cached.slice(0, count)) {
      writeGuest(this.world, machine.node, directoryOf(this.world, 'layers'), machine.layer, page, patternPage(value))
    }
    // Not before: a world that is forked in the middle of these writes has a machine that makes them again.
    this.#set(nonce, { cached: machine.cached.slice(count) })
  }

  #set(nonce: string, change: Partial<Machine>): void {
    this.#machines.set(nonce, { ...this.#machines.get(nonce)!, ...change })
  }

  /** The control that one process has of all machines of its kernel. */
  control(hook: Hook | null, watch: GuestWatch): MachineControl {
    const call = async <T>(name: MachineCall, box: BoxMachine, act: (machine: Machine) => T): Promise<T> => {
      const run = (): T => act(this.#living(name, box))
      return hook === null ? run() : hook({ name, path: box.boxId, node: -1, changes: name !== 'ask' }, run)
    }
    const set = ({ record }: Machine, change: Partial<Machine>): void => this.#set(record.nonce, change)
    return {
      freeze: (box) =>
        call('freeze', box, (machine) => {
          if (machine.agentless) throw new BoxLiteError('timeout', 'There is no guest agent')
          set(machine, { frozen: true })
        }),
      thaw: (box) => call('thaw', box, (machine) => set(machine, { frozen: false })),
      pause: (box) => call('pause', box, (machine) => set(machine, { paused: true })),
      resume: (box) => call('resume', box, (machine) => set(machine, { paused: false })),
      drain: (box) =>
        call('drain', box, (machine) => {
          this.#acknowledge(machine.record.nonce, watch)
          watch.caught(machine.boxId)
        }),
      flush: (box) => call('flush', box, (machine) => this.#spill(machine.record.nonce, 0)),
      switchTo: (box, layer) =>
        call('switchTo', box, (machine) => {
          const node = directoryOf(this.world, 'layers').entries.get(layer)
          if (!machine.paused || node === undefined) throw new BoxLiteError('io', `The machine cannot open ${layer}`)
          set(machine, { node, layer })
        }),
      ask: (box) => this.#ask(hook, box),
      kill: (box) => this.#kill(hook, box, watch),
    }
  }

  async #ask(hook: Hook | null, box: BoxMachine): Promise<MachineAnswer> {
    const answer = (): MachineAnswer => {
      const machine = this.#machines.get(box.machine.nonce)
      if (machine === undefined) return { state: 'none' }
      return machine.silent ? { state: 'silent' } : { state: machine.paused ? 'paused' : 'running', open: machine.layer }
    }
    return hook === null ? answer() : hook({ name: 'ask', path: box.boxId, node: -1, changes: false }, answer)
  }

  async #kill(hook: Hook | null, box: BoxMachine, watch: GuestWatch): Promise<void> {
    const kill = (): void => {
      if (!this.#machines.has(box.machine.nonce)) return
      this.end(box.machine.nonce)
      watch.died(box.boxId)
    }
    return hook === null ? kill() : hook({ name: 'kill', path: box.boxId, node: -1, changes: true }, kill)
  }

  #living(name: string, box: BoxMachine): Machine {
    const machine = this.#machines.get(box.machine.nonce)
    if (machine === undefined) throw new BoxLiteError('io', `There is no machine to ${name}`)
    if (machine.silent) throw new BoxLiteError('timeout', `The machine did not answer: ${name}`)
    return machine
  }
}

function answersAs(manner: 'answers' | 'silent' | 'agentless'): { silent: boolean; agentless: boolean } {
  return { silent: manner === 'silent', agentless: manner === 'agentless' }
}
