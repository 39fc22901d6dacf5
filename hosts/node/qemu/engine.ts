// The QEMU engine: each machine is a process of its own, which may outlive the program that started it.

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { readImageInfo } from '../../../src/disk/info.ts'
import { BoxLiteError, isBoxLiteError } from '../../../src/error.ts'
import {
  VISITOR_PORTS,
  type ByteChannel,
  type Engine,
  type EngineCapabilities,
  type EngineStatus,
  type Machine,
  type MachineSpec,
  type PreparedMachine,
} from '../../../src/engine.ts'
import type { Store } from '../../../src/host.ts'
import type { MachineRecord } from '../../../src/operation/record.ts'
import { isAlive } from '../process-identity.ts'
import { qemuArguments, sockets, type QemuAccelerator, type QemuTraits } from './arguments.ts'
import { earlierConsole } from './console-file.ts'
import { DiskView, removeNames } from './disk-view.ts'
import { canBeEnclosed, enclosureOf } from './enclosure.ts'
import { keepConsole } from './keep-console.ts'
import { QemuMachine, type QemuParts } from './machine.ts'
import { endProcess, foreignProcess, type MachineProcess } from './machine-process.ts'
import { cacheDirectory } from './probe-cache.ts'
import { Qmp, type QmpEvent } from './qmp.ts'
import { connectTo, makeRunDirectory, placesOf, removeMachine, type Places } from './run-directory.ts'
import { SocketChannel } from './socket-channel.ts'
import { protectionsOf, survey, type Survey } from './survey.ts'
import { WaitingProcess } from './waiting-process.ts'

export interface QemuEngineOptions {
  /** Where the probe's findings are kept. */
  readonly cacheFile?: string
  /** The program to take: a path, or a name to search the PATH for. */
  readonly program?: string
  /** Takes this accelerator, whatever the probe says of it. */
  readonly accelerator?: QemuTraits['accelerator']
  /** Edits QEMU's argument list before each start. */
  readonly edit?: (args: readonly string[]) => readonly string[]
}

// The slowest start is a chain of 1,000 layers on a busy host.
const START_TIMEOUT_MS = 60_000
// A machine that does not answer is ended by recovery: a busy host has to be given time.
const ATTACH_TIMEOUT_MS = 15_000
// A machine that was launched a moment ago does not listen yet; whoever comes to it asks again.
const VISIT_TIMEOUT_MS = 1_000
const LOOK_EVERY_MS = 5

// Beside the guest's memory: QEMU's code and heap, translated code, the stacks of its threads.
const OWN_ADDRESS_SPACE_BYTES = 8 * 1024 ** 3

const capabilities: EngineCapabilities = {
  // The guest's kernel is for one processor, the same that v86 has.
  maxCpus: 1,
  minMemoryMib: 64,
  // Below the hole that a PC's first 4 GiB have for devices.
  maxMemoryMib: 3072,
  detach: true,
  liveSnapshot: true,
}

const installRemedy =
  process.platform === 'darwin' ? 'Type: brew install qemu' : 'Type: sudo apt-get install qemu-system-x86 (or what your system calls it).'

export class QemuEngine implements Engine {
  readonly name = 'qemu'
  readonly #options: QemuEngineOptions
  #found: Promise<Survey | null> | null = null

  constructor(options: QemuEngineOptions = {}) {
    this.#options = options
  }

  async probe(): Promise<EngineStatus> {
    const found = await this.#survey()
    if (found === null) {
      const reason = 'There is no QEMU on this machine.'
      const refused = [{ engine: 'qemu', accelerator: null, reason, remedy: installRemedy }] as const
      return { engine: 'qemu', accelerator: null, version: null, refused, protections: [], capabilities }
    }
    const { traits, version, refused } = found
    return { engine: 'qemu', accelerator: traits?.accelerator ?? null, version, refused, protections: protectionsOf(found), capabilities }
  }

  async prepare(spec: MachineSpec): Promise<PreparedMachine> {
    checkSpec(spec)
    const found = await this.#survey()
    const traits = found?.traits ?? null
    if (found === null || traits === null) throw await this.#unavailable()
    const places = await placesOf(spec.store, spec.boxId)
    // So that whoever finds the machine knows how it runs, too.
    const nonce = `qemu-${traits.accelerator}-${randomBytes(16).toString('hex')}`
    const { cpus, memoryMib, guest, disk, detach } = spec
    const { kernel, initrd, commandLine } = guest
    await makeRunDirectory(places.run)
    const isEnclosed = await canBeEnclosed(found, places)
    const view = isEnclosed ? await DiskView.make(places, disk) : null
    const socketDirectory = view === null ? places.runFromLayers : '.'
    // A machine that ends with its owner is nobody else's to come to.
    const agentPorts = detach ? 1 + VISITOR_PORTS : 1
    const args = qemuArguments(traits, { name: nonce, cpus, memoryMib, kernel, initrd, commandLine, disk, socketDirectory, agentPorts })
    const process = await WaitingProcess.start({
      program: found.program,
      args: this.#options.edit?.(args) ?? args,
      directory: view === null ? places.layers : places.run,
      detach,
      setpriv: found.setpriv,
      enclosure: isEnclosed ? enclosureOf(found, spec, places, view) : null,
      addressSpaceBytes: memoryMib * 1024 ** 2 + OWN_ADDRESS_SPACE_BYTES,
    })
    const identity = { ...process.identity, nonce, detached: detach }
    return {
      identity,
      launch: () => launch(process, { identity, accelerator: traits.accelerator, directory: places.run, view }, spec),
      async abandon() {
        await endProcess(identity)
        await process.ended
        await removeMachine(places.run)
      },
    }
  }

  async find(boxId: string, store: Store, identity: MachineRecord): Promise<Machine | null> {
    const places = await placesOf(store, boxId)
    try {
      return await this.#attach(places, store, identity)
    } finally {
      // Of an owner that died while the machine opened layers: by now it has opened them, or is gone.
      await removeNames(places.run)
    }
  }

  async #attach(places: Places, store: Store, identity: MachineRecord): Promise<Machine | null> {
    const directory = places.run
    if (!(await isAlive(identity))) return null
    const early: QmpEvent[] = []
    let hear = (event: QmpEvent): void => void early.push(event)
    let qmp: Qmp
    try {
      qmp = await openQmp(directory, (event) => hear(event), ATTACH_TIMEOUT_MS)
    } catch (cause) {
      if (!(await isAlive(identity))) return null
      throw silent(identity, cause)
    }
    try {
      const { name } = (await qmp.execute('query-name')) as { name?: string }
      // Somebody else's sockets: the machine that the record names has none.
      if (name !== identity.nonce) throw silent(identity, null)
      const { running: isRunning } = (await qmp.execute('query-status')) as { running: boolean }
      const machine = new QemuMachine({
        identity,
        accelerator: acceleratorOf(identity.nonce),
        directory,
        process: foreignProcess(identity, qmp.closed),
        qmp,
        layerBelow: (layer) => layerBelow(store, layer),
        view: await DiskView.find(places),
        top: null,
        isRunning,
        found: true,
      })
      hear = (event) => machine.heard(event)
      for (const event of early) machine.heard(event)
      await machine.openConsole(await earlierConsole(directory))
      return machine
    } catch (error) {
      qmp.close()
      if (!(await isAlive(identity))) return null
      throw isBoxLiteError(error, 'timeout') ? error : silent(identity, error)
    }
  }

  lives(identity: MachineRecord): Promise<boolean> {
    return isAlive(identity)
  }

  async visit(boxId: string, store: Store, identity: MachineRecord, port: number): Promise<ByteChannel | null> {
    const { run: directory } = await placesOf(store, boxId)
    const deadline = performance.now() + VISIT_TIMEOUT_MS
    for (;;) {
      const socket = await connectTo(directory, sockets.agents[port]!)
      // Looked at when it is connected: the next machine of the box is made when this one is gone, so the socket is its own.
      if (!(await isAlive(identity))) {
        socket?.destroy()
        return null
      }
      if (socket !== null) {
        const channel = new SocketChannel(socket)
        await keepConsole(directory, channel.closed)
        return channel
      }
      if (performance.now() > deadline) throw silent(identity, null)
      await pause(LOOK_EVERY_MS)
    }
  }

  async end(_boxId: string, _store: Store, identity: MachineRecord): Promise<void> {
    await endProcess(identity)
  }

  async #survey(): Promise<Survey | null> {
    const { accelerator, program, cacheFile = join(cacheDirectory(), 'qemu.json') } = this.#options
    this.#found ??= survey(cacheFile, program)
    const found = await this.#found.catch((error: unknown) => {
      // Not what QEMU is, but that it could not be found out: the next call tries again.
      this.#found = null
      throw error
    })
    const traits = found?.traits ?? null
    return found === null || traits === null || accelerator === undefined ? found : { ...found, traits: { ...traits, accelerator } }
  }

  async #unavailable(): Promise<BoxLiteError> {
    const { refused } = await this.probe()
    const remedy = refused.at(-1)?.remedy ?? undefined
    return new BoxLiteError('engine_unavailable', `QEMU does not work here: ${refused.map(({ reason }) => reason).join(' ')}`, {
      ...(remedy !== undefined && { remedy }),
      facts: { refused },
    })
  }
}

/** Lets the waiting process become QEMU, and its guest run. */
async function launch(
  process: WaitingProcess,
  parts: Pick<QemuParts, 'identity' | 'accelerator' | 'directory' | 'view'>,
  { store, disk }: MachineSpec,
): Promise<QemuMachine> {
  let machine: QemuMachine | null = null
  try {
    const { directory, view } = parts
    const listen = async (): Promise<Qmp> => {
      process.letGo()
      return openQmp(directory, (event) => machine?.heard(event), START_TIMEOUT_MS, process)
    }
    // It answers when it has opened its disk.
    const qmp = await (view === null ? listen() : view.during(disk.slice(0, 1), disk.slice(1), listen))
    const below = (layer: string): Promise<string | null> => (layer === disk[0] ? Promise.resolve(disk[1] ?? null) : layerBelow(store, layer))
    machine = new QemuMachine({ ...parts, process, qmp, layerBelow: below, top: disk[0]!, isRunning: false, found: false })
    await machine.openConsole(new Uint8Array())
    await qmp.execute('cont')
    return machine
  } catch (error) {
    await endProcess(parts.identity)
    const { complaint } = await process.ended
    await removeMachine(parts.directory)
    throw failedStart(error, complaint, machine?.consoleTail ?? '')
  }
}

/** Waits until QEMU listens, and negotiates; no longer than `process` lives. */
async function openQmp(directory: string, onEvent: (event: QmpEvent) => void, timeoutMs: number, process?: MachineProcess): Promise<Qmp> {
  const deadline = performance.now() + timeoutMs
  let hasEnded = false
  void process?.ended.then(() => (hasEnded = true))
  for (;;) {
    const socket = await connectTo(directory, sockets.qmp)
    if (socket !== null) return Qmp.open(socket, onEvent, deadline - performance.now())
    if (hasEnded) throw new BoxLiteError('io', 'QEMU ended before it could be spoken to')
    if (performance.now() > deadline) throw new BoxLiteError('timeout', `QEMU did not listen within ${timeoutMs} ms`)
    await pause(LOOK_EVERY_MS)
  }
}

async function layerBelow(store: Store, layer: string): Promise<string | null> {
  const file = await store.openLayer(layer, 'read')
  try {
    return (await readImageInfo(file, layer)).backing?.name ?? null
  } finally {
    await file.close()
  }
}

function checkSpec({ cpus, memoryMib }: MachineSpec): void {
  const { maxCpus, minMemoryMib, maxMemoryMib } = capabilities
  const facts = { cpus, memoryMib, capabilities }
  if (!Number.isSafeInteger(cpus) || cpus < 1 || cpus > maxCpus) {
    throw new BoxLiteError('unsupported', `The guest's kernel uses ${maxCpus} processor, not ${cpus}`, {
      remedy: 'Ask for one.',
      facts,
    })
  }
  if (!Number.isSafeInteger(memoryMib) || memoryMib < minMemoryMib || memoryMib > maxMemoryMib) {
    throw new BoxLiteError('unsupported', `QEMU gives a machine ${minMemoryMib} to ${maxMemoryMib} MiB of memory, not ${memoryMib}`, {
      remedy: 'Ask for an amount between these.',
      facts,
    })
  }
}

function acceleratorOf(nonce: string): QemuAccelerator {
  const name = /^qemu-(kvm|hvf|tcg)-/.exec(nonce)?.[1]
  return name === undefined ? 'tcg' : (name as QemuAccelerator)
}

function silent(identity: MachineRecord, cause: unknown): BoxLiteError {
  return new BoxLiteError('timeout', `The machine (process ${identity.pid}) lives and does not answer`, {
    remedy: 'Another program may be speaking to it; else end it by force.',
    facts: { pid: identity.pid },
    cause,
  })
}

function failedStart(error: unknown, complaint: string | null, console: string): BoxLiteError {
  const known = isBoxLiteError(error) ? error : null
  const why = complaint ?? (error instanceof Error ? error.message : String(error))
  // QEMU locks what it opens: the disk is in use, by a machine that no record names.
  const code = complaint !== null && /Failed to get .* lock/.test(complaint) ? 'busy' : (known?.code ?? 'io')
  return new BoxLiteError(code, `The machine did not start: ${why}`, { facts: { ...known?.facts, console }, cause: error })
}
