// Every name of v86 that this package uses, and nothing of v86 is used elsewhere. Half of them are promised by nobody:
// libv86.mjs is compiled so that property names survive, and package.json pins the exact version. `missingNames` says
// which of them a version does not have.

import { V86 } from 'v86'

/** A file, as v86 takes it. */
interface Image {
  readonly buffer: ArrayBuffer
}

/** The options that are used, of the many there are. */
export interface EmulatorOptions {
  /** Instantiates v86.wasm with these imports and answers its exports. */
  readonly wasm_fn: (imports: Record<string, unknown>) => Promise<Record<string, unknown>>
  readonly bios: Image
  readonly bzimage?: Image
  readonly initrd?: Image
  readonly cmdline?: string
  readonly memory_size: number
  readonly vga_memory_size: number
  readonly net_device: { readonly type: 'virtio' }
  readonly virtio_console: true
  readonly disable_keyboard: true
  readonly disable_mouse: true
  readonly disable_speaker: true
  readonly autostart: false
}

/** What the emulator tells on its bus. */
export interface EmulatorEvents {
  /** Devices and memory are there. */
  'emulator-loaded': void
  /** A byte that the guest wrote to its first serial port. */
  'serial0-output-byte': number
  /** The processor waits for an interrupt while it takes none: it has halted for good. */
  'cpu-event-halt': void
}

/** One queue of a virtio device: where the driver put its three parts, and how far the device has come. */
export interface QueueState {
  readonly size: number
  readonly enabled: boolean
  readonly desc_addr: number
  readonly avail_addr: number
  readonly used_addr: number
  /** Index of the next available entry to take; 16 bits. */
  avail_last_idx: number
}

/** v86's virtio transport (modern PCI with I/O ports, virtio 1.2 section 4.1), with which devices are built. */
export interface VirtioTransport {
  readonly queues: readonly QueueState[]
  readonly pci_id: number
  is_feature_negotiated(bit: number): boolean
  /** Raises the device's interrupt: 1 for a used buffer. */
  raise_irq(kind: number): void
  /** Says DEVICE_NEEDS_RESET. */
  needs_reset(): void
  /** What a driver's reset does. */
  reset(): void
  get_state(): unknown[]
  set_state(state: unknown[]): void
}

/** A field of a virtio device's own configuration. */
export interface ConfigField {
  readonly bytes: 1 | 2 | 4
  readonly name: string
  read(): number
  write(value: number): void
}

export interface TransportOptions {
  readonly name: string
  readonly pci_id: number
  readonly device_id: number
  readonly subsystem_device_id: number
  readonly common: {
    readonly initial_port: number
    readonly queues: readonly { readonly size_supported: number; readonly notify_offset: number }[]
    readonly features: readonly number[]
    readonly on_driver_ok: () => void
  }
  readonly notification: {
    readonly initial_port: number
    readonly single_handler: boolean
    readonly handlers: readonly ((queue: number) => void)[]
  }
  readonly isr_status: { readonly initial_port: number }
  readonly device_specific: { readonly initial_port: number; readonly struct: readonly ConfigField[] }
}

/** A device as the processor keeps it: saved, restored and reset with it. */
export interface ProcessorDevice {
  readonly virtio: VirtioTransport
  get_state(): unknown[]
  set_state(state: unknown[]): void
  reset(): void
}

/** The devices whose places ours take. */
export type DevicePlace = 'virtio_console' | 'virtio_net'

/** The PCI bus: its devices and their configuration, by device and function (of eight). */
interface PciBus {
  readonly devices: readonly ({ readonly pci_bars: readonly (object | undefined)[] } | undefined)[]
  readonly device_spaces: readonly (Int32Array | undefined)[]
}

export interface Processor {
  readonly devices: Record<DevicePlace, ProcessorDevice> & { readonly pci: PciBus }
  readonly wasm_memory: WebAssembly.Memory
  /** The guest's memory, inside of `wasm_memory`. A proxy that makes a new view at each access. */
  readonly mem8: Uint8Array
  /** Forgets what was translated from these addresses of the guest. */
  jit_dirty_cache(start: number, end: number): void
  /** What every way of resetting the computer ends in. */
  reboot_internal(): void
}

export interface Emulator {
  /** There from 'emulator-loaded' on. */
  readonly v86: {
    readonly cpu: Processor
    /** Has the processor look at its state in so many milliseconds. */
    next_tick(delayMs: number): void
  }
  add_listener<Name extends keyof EmulatorEvents>(event: Name, listener: (value: EmulatorEvents[Name]) => void): void
  run(): Promise<void>
  stop(): Promise<void>
  is_running(): boolean
  save_state(): Promise<ArrayBuffer>
  restore_state(state: ArrayBuffer): Promise<void>
}

/** Makes an emulator; resolves when its devices are there. */
export async function createEmulator(options: EmulatorOptions): Promise<Emulator> {
  const emulator = new (V86 as unknown as new (options: EmulatorOptions) => Emulator)(options)
  await new Promise<void>((resolve) => emulator.add_listener('emulator-loaded', resolve))
  return emulator
}

const FIRST_BAR_WORD = 4

/**
 * Empties the address registers behind which a device has nothing: v86's disk controller, which is without a disk here, sets
 * two of them all the same, and a state with these cannot be restored.
 */
export function emptyUnusedRegisters({ devices }: Processor): void {
  for (const [index, device] of devices.pci.devices.entries()) {
    const space = devices.pci.device_spaces[index]
    for (const [bar, used] of device?.pci_bars.entries() ?? []) if (used === undefined && space) space[FIRST_BAR_WORD + bar] = 0
  }
}

/** The constructor of the virtio transport, which v86 does not export: one of its devices has it. */
export function transportOf(cpu: Processor): new (cpu: Processor, options: TransportOptions) => VirtioTransport {
  return cpu.devices.virtio_console.virtio.constructor as new (cpu: Processor, options: TransportOptions) => VirtioTransport
}

const functions: Readonly<Record<string, readonly string[]>> = {
  '': ['add_listener', 'run', 'stop', 'is_running', 'save_state', 'restore_state'],
  v86: ['next_tick'],
  'v86.cpu': ['jit_dirty_cache', 'reboot_internal'],
  'v86.cpu.devices.virtio_console': ['get_state', 'set_state', 'reset'],
  'v86.cpu.devices.virtio_net': ['get_state', 'set_state'],
  'v86.cpu.devices.virtio_console.virtio': ['constructor', 'is_feature_negotiated', 'raise_irq', 'needs_reset', 'reset', 'get_state', 'set_state'],
}

const numbers: Readonly<Record<string, readonly string[]>> = {
  'v86.cpu.mem8': ['length', 'byteOffset'],
  'v86.cpu.devices.pci.devices': ['length'],
  'v86.cpu.devices.pci.device_spaces': ['length'],
  'v86.cpu.devices.pci.devices.0.pci_bars': ['length'],
  'v86.cpu.wasm_memory.buffer': ['byteLength'],
  'v86.cpu.devices.virtio_console.virtio': ['pci_id'],
  'v86.cpu.devices.virtio_net.virtio': ['pci_id'],
  'v86.cpu.devices.virtio_console.virtio.queues.0': ['size', 'desc_addr', 'avail_addr', 'used_addr', 'avail_last_idx'],
}

const booleans: Readonly<Record<string, readonly string[]>> = {
  'v86.cpu.devices.virtio_console.virtio.queues.0': ['enabled'],
}

/** The names above that an emulator does not have, or has as something else; for a version that is not the pinned one. */
export function missingNames(emulator: object): string[] {
  const missing: string[] = []
  for (const [type, table] of Object.entries({ function: functions, number: numbers, boolean: booleans })) {
    for (const [path, names] of Object.entries(table)) {
      const owner = at(emulator, path)
      for (const name of names) if (typeof at(owner, name) !== type) missing.push(`${path === '' ? '' : `${path}.`}${name}: ${type}`)
    }
  }
  return missing
}

function at(start: unknown, path: string): unknown {
  let value = start
  if (path === '') return value
  for (const name of path.split('.')) {
    if (value === null || value === undefined) return undefined
    value = (value as Record<string, unknown>)[name]
  }
  return value
}
