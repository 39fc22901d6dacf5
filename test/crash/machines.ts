// Model machines: what a MachineControl talks to. A machine has one layer open by its inode, writes into it
// whenever it runs, and is told apart by its nonce. One that is detached outlives its owner; a power cut
// ends them all. They write through guest.ts, as QEMU would: without asking the store.

import { BoxLiteError } from '../../src/error.ts'
import type { MachineRecord } from '../../src/operation/record.ts'
import type { BoxMachine, MachineAnswer, MachineControl } from '../../src/perform.ts'
import { internPage } from './content.ts'
import type { Hook, MachineCall } from './crash-fs.ts'
import { hashText, mix } from './hash.ts'
import { patternPage, writeGuest } from './guest.ts'
import { directoryOf } from './image-reader.ts'
import type { World } from './world.ts'

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
}

/** What is told of a guest to whoever keeps the truth. */
export interface GuestWatch {
  /** Before a write: both the old and the new page may be found from now on. */
  writing(boxId: string, page: number, bytes: ReturnType<typeof internPage>): void
  /** After a flush: nothing of the box may be lost. */
  flushed(boxId: string): void
  paused(boxId: string): void
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
      hash = (hash + mix(hashText(machine.record.nonce + machine.layer).low, flags)) | 0
    }
    return hash
  }

  launch(boxId: string, record: MachineRecord, layer: string, silent = false): void {
    const node = directoryOf(this.world, 'layers').entries.get(layer)!
    this.#machines.set(record.nonce, { boxId, record, node, layer, paused: false, frozen: false, silent })
  }

  end(nonce: string): void {
    this.#machines.delete(nonce)
  }

  /** Lets every running guest write one page; each fourth write is followed by a flush. */
  tick(watch: GuestWatch): void {
    for (const machine of this.#machines.values()) {
      if (machine.paused || machine.frozen) continue
      this.write(machine, watch)
      if (this.#writes % 4 === 0) this.flush(machine, watch)
    }
  }

  /** The pages go round a few places, so that clusters are both made and overwritten. */
  write(machine: Machine, watch: GuestWatch): void {
    const count = ++this.#writes
    const page = [1, 17, 2, 18, 1][count % 5]!
    const bytes = patternPage(0xbeef0000 + count)
    watch.writing(machine.boxId, page, internPage(bytes))
    writeGuest(this.world, machine.node, directoryOf(this.world, 'layers'), machine.layer, page, bytes)
  }

  flush(machine: Machine, watch: GuestWatch): void {
    this.world.sync(machine.node)
    watch.flushed(machine.boxId)
  }

  /** The control that one process has of all machines of its kernel. */
  control(hook: Hook | null, watch: GuestWatch): MachineControl {
    const call = async <T>(name: MachineCall, box: BoxMachine, act: (machine: Machine) => T): Promise<T> => {
      const run = (): T => act(this.#living(name, box))
      return hook === null ? run() : hook({ name, path: box.boxId, node: -1, changes: name !== 'ask' && name !== 'drain' }, run)
    }
    const set = (machine: Machine, change: Partial<Machine>): void => void this.#machines.set(machine.record.nonce, { ...machine, ...change })
    return {
      freeze: (box) => call('freeze', box, (machine) => set(machine, { frozen: true })),
      thaw: (box) => call('thaw', box, (machine) => set(machine, { frozen: false })),
      pause: (box) =>
        call('pause', box, (machine) => {
          set(machine, { paused: true })
          watch.paused(machine.boxId)
        }),
      resume: (box) => call('resume', box, (machine) => set(machine, { paused: false })),
      drain: (box) => call('drain', box, () => undefined),
      flush: (box) => call('flush', box, () => undefined),
      switchTo: (box, layer) =>
        call('switchTo', box, (machine) => {
          const node = directoryOf(this.world, 'layers').entries.get(layer)
          if (!machine.paused || node === undefined) throw new BoxLiteError('io', `The machine cannot open ${layer}`)
          set(machine, { node, layer })
        }),
      ask: (box) => this.#ask(hook, box),
      kill: (box) => this.#kill(hook, box),
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

  async #kill(hook: Hook | null, box: BoxMachine): Promise<void> {
    const kill = (): void => this.end(box.machine.nonce)
    return hook === null ? kill() : hook({ name: 'kill', path: box.boxId, node: -1, changes: true }, kill)
  }

  #living(name: string, box: BoxMachine): Machine {
    const machine = this.#machines.get(box.machine.nonce)
    if (machine === undefined) throw new BoxLiteError('io', `There is no machine to ${name}`)
    if (machine.silent) throw new BoxLiteError('timeout', `The machine did not answer: ${name}`)
    return machine
  }
}
