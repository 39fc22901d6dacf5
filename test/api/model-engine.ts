// An engine without a virtual machine: its machines write a box's real disk through our own block device, answer through a model
// agent, and outlive their owner when they are detached. `ModelMachines` is the kernel that they run on; each `ModelEngine` is what
// one process has of it.
import { LayerChains, type OpenChain } from '../../src/archive/layer-chain.ts'
import { portableCodec } from '../../src/disk/codec.ts'
import type { BoxLiteError } from '../../src/error.ts'
import type { ByteChannel, Engine, EngineName, EngineStatus, Machine, MachineExit, MachineSpec, PreparedMachine } from '../../src/engine.ts'
import type { LayerFile, Store } from '../../src/host.ts'
import type { MachineRecord } from '../../src/operation/record.ts'
import { connectAgent, type AgentFaults, type ModelGuest } from './model-agent.ts'

/** Where a model guest keeps its one text: behind the magic that makes a disk startable. */
const TEXT_OFFSET_BYTES = 64 * 1024
const TEXT_LIMIT_BYTES = 512

/** Every call that an engine or a machine can be asked. */
export type ModelCall = keyof Engine | keyof Machine | 'launch' | 'abandon'

export class ModelMachines {
  readonly alive = new Map<string, ModelMachine>()
  /** The calls that fail, and how. */
  readonly failing = new Map<ModelCall, BoxLiteError>()
  agent: AgentFaults = {}
  calls: ModelCall[] = []
  readonly #hanging = new Set<ModelCall>()
  readonly #next = new Map<ModelCall, () => void>()
  #count = 0

  newNonce(engine: EngineName): string {
    return `${engine}-${engine === 'qemu' ? 'tcg' : 'jit'}-${(++this.#count).toString().padStart(8, '0')}`
  }

  /** Calls `then`, once, when `call` is made, before it is done. */
  on(call: ModelCall, then: () => void): void {
    this.#next.set(call, then)
  }

  /** The next `call` never comes to its end, as one does not whose process is gone. */
  hang(call: ModelCall): void {
    this.#hanging.add(call)
  }

  async reach(call: ModelCall): Promise<void> {
    this.call(call)
    if (this.#hanging.delete(call)) await new Promise<never>(() => undefined)
  }

  call(name: ModelCall): void {
    this.calls.push(name)
    const then = this.#next.get(name)
    this.#next.delete(name)
    then?.()
    const error = this.failing.get(name)
    if (error !== undefined) throw error
  }

  /** The process that owned these machines is gone: what is not detached ends, what is loses its session. */
  async ownerDied(): Promise<void> {
    for (const machine of [...this.alive.values()]) {
      machine.hangUp()
      if (!machine.identity.detached) machine.finish('killed', 'its owner died')
      await machine.settled
    }
  }
}

export class ModelEngine implements Engine {
  readonly name: EngineName
  readonly #machines: ModelMachines
  status: EngineStatus

  constructor(machines: ModelMachines, name: EngineName = 'qemu', detach = true) {
    this.name = name
    this.#machines = machines
    const capabilities = { maxCpus: 4, minMemoryMib: 16, maxMemoryMib: 4096, detach, liveSnapshot: true }
    this.status = { engine: name, accelerator: name === 'qemu' ? 'tcg' : 'jit', version: 'model', refused: [], protections: [], capabilities }
  }

  async probe(): Promise<EngineStatus> {
    this.#machines.call('probe')
    return this.status
  }

  async prepare(spec: MachineSpec): Promise<PreparedMachine> {
    this.#machines.call('prepare')
    const nonce = this.#machines.newNonce(this.name)
    const identity: MachineRecord = { pid: 4711, startTime: '1', bootId: 'model', nonce, detached: spec.detach }
    return {
      identity,
      launch: async () => {
        this.#machines.call('launch')
        const machine = new ModelMachine(this.#machines, this.name, identity, spec.store, spec)
        await machine.openDisk(spec.disk[0]!)
        this.#machines.alive.set(nonce, machine)
        return machine
      },
      abandon: async () => this.#machines.call('abandon'),
    }
  }

  async find(_boxId: string, store: Store, identity: MachineRecord): Promise<Machine | null> {
    this.#machines.call('find')
    const machine = this.#machines.alive.get(identity.nonce)
    machine?.belongsTo(store)
    return machine ?? null
  }

  async lives(identity: MachineRecord): Promise<boolean> {
    this.#machines.call('lives')
    return this.#machines.alive.has(identity.nonce)
  }

  async visit(_boxId: string, store: Store, identity: MachineRecord, port: number): Promise<ByteChannel | null> {
    this.#machines.call('visit')
    return this.#machines.alive.get(identity.nonce)?.connect(port, store) ?? null
  }

  async end(_boxId: string, _store: Store, identity: MachineRecord): Promise<void> {
    this.#machines.call('end')
    const machine = this.#machines.alive.get(identity.nonce)
    machine?.finish('killed', 'it was ended')
    await machine?.settled
  }
}

export class ModelMachine implements Machine {
  readonly engine: EngineName
  readonly accelerator: 'tcg' | 'jit'
  readonly identity: MachineRecord
  readonly spec: MachineSpec
  readonly exit: Promise<MachineExit>
  readonly guest: ModelGuest
  settled: Promise<void> = Promise.resolve()
  state: 'running' | 'paused' = 'running'
  #machines: ModelMachines
  #store: Store
  #resolveExit: (exit: MachineExit) => void = () => undefined
  #open = ''
  #file: LayerFile | null = null
  #chain: OpenChain | null = null
  /** Who is at each port, and by which process's store. */
  readonly #connected = new Map<number, { readonly by: Store; readonly hangUp: () => void }>()
  #sessions = 0
  readonly #asleep: (() => void)[] = []

  constructor(machines: ModelMachines, engine: EngineName, identity: MachineRecord, store: Store, spec: MachineSpec) {
    this.#machines = machines
    this.engine = engine
    this.accelerator = engine === 'qemu' ? 'tcg' : 'jit'
    this.identity = identity
    this.#store = store
    this.spec = spec
    this.exit = new Promise((resolve) => (this.#resolveExit = resolve))
    this.guest = {
      hostname: '',
      clockNs: 0n,
      entropyBytes: 0,
      frozen: 0,
      thawed: 0,
      whenAwake: (work) => void (this.state === 'paused' ? this.#asleep.push(work) : work()),
      get: () => this.#get(),
      put: (text) => this.#put(text),
      end: (reason) => this.finish(reason, reason === 'crashed' ? 'the model crashed' : 'the guest powered off'),
    }
  }

  async openDisk(layer: string): Promise<void> {
    const chains = new LayerChains(this.#store, portableCodec)
    const { below } = await chains.facts(layer)
    const file = await this.#store.openLayer(layer, 'write')
    const chain = await chains.openNew(layer, file, below)
    await this.closeDisk()
    this.#file = file
    this.#chain = chain
    this.#open = layer
  }

  async closeDisk(): Promise<void> {
    await this.#chain?.close()
    await this.#file?.close()
    this.#chain = null
    this.#file = null
  }

  belongsTo(store: Store): void {
    this.#store = store
  }

  finish(reason: MachineExit['reason'], detail: string): void {
    if (!this.#machines.alive.delete(this.identity.nonce)) return
    this.hangUp()
    this.settled = this.closeDisk().then(() => this.#resolveExit({ reason, detail, console: 'model: the last line\n' }))
  }

  hangUp(): void {
    for (const { hangUp } of this.#connected.values()) hangUp()
  }

  /** The process of this store is gone. */
  lose(store: Store): void {
    for (const { by, hangUp } of this.#connected.values()) if (by === store) hangUp()
  }

  /** How many speak with the agent now. */
  get sessions(): number {
    return this.#connected.size
  }

  async openAgent(): Promise<{ channel: ByteChannel; fresh: boolean }> {
    this.#machines.call('openAgent')
    return { channel: this.connect(0, this.#store), fresh: this.#sessions++ === 0 }
  }

  /** A port has room for one; a second would wait without a word. */
  connect(port: number, by: Store): ByteChannel {
    if (this.#connected.has(port)) throw new Error(`port ${port} has somebody already`)
    const { channel, hangUp } = connectAgent(this.guest, this.#machines.agent)
    this.#connected.set(port, { by, hangUp })
    void channel.closed.then(() => this.#connected.delete(port))
    return channel
  }

  async *console(): AsyncGenerator<Uint8Array> {
    yield new TextEncoder().encode('model: hello\n')
  }

  async pause(): Promise<void> {
    this.#machines.call('pause')
    this.state = 'paused'
  }

  async resume(): Promise<void> {
    this.#machines.call('resume')
    this.state = 'running'
    for (const work of this.#asleep.splice(0)) work()
  }

  async drain(): Promise<void> {
    await this.#machines.reach('drain')
  }

  async flush(): Promise<void> {
    this.#machines.call('flush')
    await this.#chain?.disk.flush()
  }

  async switchTo(layer: string): Promise<void> {
    await this.#machines.reach('switchTo')
    if (this.state !== 'paused') throw new Error('a machine is switched while it is paused')
    await this.openDisk(layer)
  }

  async status(): Promise<{ state: 'running' | 'paused'; open: string }> {
    this.#machines.call('status')
    return { state: this.state, open: this.#open }
  }

  async kill(): Promise<void> {
    this.#machines.call('kill')
    this.finish('killed', 'it was killed')
    await this.exit
  }

  async release(): Promise<void> {
    this.#machines.call('release')
    this.#connected.get(0)?.hangUp()
  }

  async #get(): Promise<string> {
    const bytes = new Uint8Array(TEXT_LIMIT_BYTES)
    await this.#chain!.disk.read(TEXT_OFFSET_BYTES, bytes)
    return new TextDecoder().decode(bytes).replace(/\0.*/s, '')
  }

  async #put(text: string): Promise<void> {
    const bytes = new Uint8Array(TEXT_LIMIT_BYTES)
    new TextEncoder().encodeInto(text, bytes)
    await this.#chain!.disk.write(TEXT_OFFSET_BYTES, bytes)
    await this.#chain!.disk.flush()
  }
}
