// The v86 engine: each machine is a thread of this program.

import { BoxLiteError, isBoxLiteError } from '../../src/error.ts'
import type {
  Engine,
  EngineCapabilities,
  EngineProtection,
  EngineStatus,
  GuestFiles,
  Machine,
  MachineSpec,
  PreparedMachine,
} from '../../src/engine.ts'
import type { Store } from '../../src/host.ts'
import type { MachineRecord } from '../../src/operation/record.ts'
import type { BootFiles } from './emulated-machine.ts'
import type { V86Host } from './host.ts'
import { V86Machine } from './machine.ts'
import { SMOKE_WORD, smokeRom } from './smoke-rom.ts'

const NONCE_PREFIX = 'v86-jit-'
/** Where v86 puts the initial file system. */
const INITRD_MIB = 64

const capabilities: EngineCapabilities = {
  maxCpus: 1,
  // The initial file system, at 64 MiB, and some room above it.
  minMemoryMib: 96,
  // The address space of one WebAssembly memory holds the guest's and the emulator's own.
  maxMemoryMib: 2047,
  detach: false,
  liveSnapshot: true,
}

const protections: readonly EngineProtection[] = [{ name: 'no-network', active: true, detail: 'The machine has no network device.' }]

/** The machines of this program, by nonce. */
const machines = new Map<string, V86Machine>()

export class V86Engine implements Engine {
  readonly name = 'v86'
  readonly #host: V86Host
  #status: Promise<EngineStatus> | null = null

  constructor(host: V86Host) {
    this.#host = host
  }

  /** What works is remembered. What does not is tried again: a page's files may have been on their way. */
  async probe(): Promise<EngineStatus> {
    this.#status ??= this.#probe()
    const status = await this.#status
    if (status.accelerator === null) this.#status = null
    return status
  }

  async prepare(spec: MachineSpec): Promise<PreparedMachine> {
    checkSpec(spec)
    return this.#prepare(spec, null)
  }

  /** The same for a machine that goes on from a state which a machine of the same specification and disk saved. */
  async prepareFrom(spec: MachineSpec, state: ArrayBuffer): Promise<PreparedMachine> {
    checkSpec(spec)
    return this.#prepare(spec, state)
  }

  async find(_boxId: string, _store: Store, identity: MachineRecord): Promise<Machine | null> {
    const machine = machines.get(identity.nonce)
    if (machine !== undefined) return machine
    if (!(await this.lives(identity))) return null
    throw elsewhere('timeout', identity, 'speak to')
  }

  async lives({ nonce }: MachineRecord): Promise<boolean> {
    return machines.has(nonce) || (await this.#host.isLatched(nonce))
  }

  async visit(): Promise<null> {
    throw new BoxLiteError('unsupported', 'A machine of the v86 engine lives in its program, which alone can speak to it')
  }

  async end(_boxId: string, _store: Store, identity: MachineRecord): Promise<void> {
    const machine = machines.get(identity.nonce)
    if (machine !== undefined) return machine.kill()
    if (!(await this.lives(identity))) return
    throw elsewhere('busy', identity, 'end')
  }

  async #prepare(spec: MachineSpec, state: ArrayBuffer | null): Promise<PreparedMachine> {
    const host = this.#host
    const { guest, memoryMib, boxId } = spec
    const { module } = await host.load()
    const files = await this.#readGuest(guest, state !== null)
    checkRoom(memoryMib, files)
    const keep = await host.keepConsole?.(spec.store, boxId)
    const nonce = NONCE_PREFIX + host.newNonce()
    const identity = await host.identify(nonce)
    const latch = await host.takeLatch(nonce)
    if (latch === null) throw new BoxLiteError('io', `The new machine's name ${nonce} is taken`)
    const release = async (): Promise<void> => {
      machines.delete(nonce)
      await latch.release()
    }
    const machine = new V86Machine(host.startThread(), identity, release, { store: spec.store, ...(keep && { keep }) })
    machines.set(nonce, machine)
    // The emulator is made while the caller writes the machine's record.
    const ready = machine.prepare({ module, files, memoryMib, serial: boxId, ...(state !== null && { state }) })
    ready.catch(() => undefined)
    return {
      identity,
      async launch() {
        try {
          await ready
          await machine.call('launch', { home: host.locate(spec.store, boxId), layers: spec.disk })
          return machine
        } catch (error) {
          await machine.kill()
          throw failedStart(error, machine.consoleTail)
        }
      },
      abandon: () => machine.kill(),
    }
  }

  /** A guest may be a firmware alone; one that goes on from a state has its kernel in there. */
  async #readGuest({ firmware, kernel, initrd, commandLine }: GuestFiles, isBooted: boolean): Promise<BootFiles> {
    const read = (name: string): Promise<ArrayBuffer> => this.#host.readFile(name)
    return {
      firmware: await read(firmware),
      ...(kernel !== '' && !isBooted && { kernel: await read(kernel) }),
      ...(initrd !== '' && !isBooted && { initrd: await read(initrd) }),
      commandLine,
    }
  }

  async #probe(): Promise<EngineStatus> {
    const refuse = (version: string | null, reason: string, remedy: string | null): EngineStatus => ({
      engine: 'v86',
      accelerator: null,
      version,
      refused: [{ engine: 'v86', accelerator: 'jit', reason, remedy }],
      protections,
      capabilities,
    })
    let version: string | null = null
    try {
      const code = await this.#host.load()
      version = code.version
      const said = await this.#smoke(code.module)
      if (said !== SMOKE_WORD) return refuse(version, `The emulator ran a program of a few instructions and got ${JSON.stringify(said)}`, null)
      return { engine: 'v86', accelerator: 'jit', version, refused: [], protections, capabilities }
    } catch (error) {
      if (!isBoxLiteError(error)) throw error
      return refuse(version, error.message, error.remedy ?? null)
    }
  }

  /** Runs a few instructions; what they said. */
  async #smoke(module: WebAssembly.Module): Promise<string> {
    const identity = { pid: 0, startTime: '', bootId: '', nonce: '', detached: false }
    const machine = new V86Machine(this.#host.startThread(), identity, async () => undefined)
    try {
      await machine.prepare({ module, files: { firmware: smokeRom(), commandLine: '' }, memoryMib: 1, serial: '' })
      await machine.call('launch', null)
      return (await machine.exit).console
    } finally {
      await machine.kill()
    }
  }
}

/** The error of whoever meets a machine of another program; pages have no process of their own to name. */
function elsewhere(code: 'timeout' | 'busy', { pid }: MachineRecord, what: string): BoxLiteError {
  const where = pid === 0 ? 'another tab' : `another program (process ${pid})`
  return new BoxLiteError(code, `The machine lives in ${where}, which alone can ${what} it`, {
    remedy: `Stop the box there, or ${pid === 0 ? 'close that tab' : 'end that program'}.`,
    facts: { pid },
  })
}

function checkSpec({ cpus, memoryMib, detach }: MachineSpec): void {
  const { maxCpus, minMemoryMib, maxMemoryMib } = capabilities
  const refuse = (what: string, remedy: string): BoxLiteError =>
    new BoxLiteError('unsupported', `The v86 engine ${what}`, { remedy, facts: { cpus, memoryMib, detach, capabilities } })
  if (cpus > maxCpus) throw refuse(`gives a machine one processor, not ${cpus}`, 'Ask for one, or use QEMU, on Node.')
  if (memoryMib < minMemoryMib || memoryMib > maxMemoryMib) {
    throw refuse(`gives a machine ${minMemoryMib} to ${maxMemoryMib} MiB of memory, not ${memoryMib}`, 'Ask for an amount between these.')
  }
  if (detach) throw refuse('cannot let a machine outlive its program', 'Leave out detach, or use QEMU, on Node.')
}

/** Refuses a memory that the initial file system does not fit in. */
function checkRoom(memoryMib: number, { initrd }: BootFiles): void {
  const needed = INITRD_MIB + Math.ceil((initrd?.byteLength ?? 0) / 2 ** 20)
  if (initrd === undefined || memoryMib > needed) return
  throw new BoxLiteError('unsupported', `A machine with ${memoryMib} MiB of memory has no room for the guest's initial file system`, {
    remedy: `Ask for more than ${needed} MiB: the v86 engine puts it at ${INITRD_MIB} MiB.`,
    facts: { memoryMib, initrdBytes: initrd.byteLength },
  })
}

function failedStart(error: unknown, console: string): BoxLiteError {
  const known = isBoxLiteError(error) ? error : null
  const why = error instanceof Error ? error.message : String(error)
  return new BoxLiteError(known?.code ?? 'engine_unavailable', `The machine did not start: ${why}`, {
    ...(known?.remedy !== undefined && { remedy: known.remedy }),
    facts: { ...known?.facts, console },
    cause: error,
  })
}
