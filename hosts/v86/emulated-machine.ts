// The computer itself: the emulator with our devices, in the thread that runs it.

import { BoxLiteError } from '../../src/error.ts'
import { createEmulator, type Emulator, emptyUnusedRegisters, missingNames } from './emulator.ts'
import { V86_VERSION } from './emulator-version.ts'
import { type BlockBackend, VirtioBlk } from './virtio-blk.ts'
import { type PortOptions, type SerialPort, VirtioSerial } from './virtio-serial.ts'

/** What a computer boots from. */
export interface BootFiles {
  readonly firmware: ArrayBuffer
  /** Absent: the firmware is all that runs. */
  readonly kernel?: ArrayBuffer
  readonly initrd?: ArrayBuffer
  readonly commandLine: string
}

/** How the guest itself ended. */
export type GuestEnd = 'shutdown' | 'reset'

export interface MachineOptions {
  /** v86.wasm. */
  readonly module: WebAssembly.Module
  readonly files: BootFiles
  readonly memoryMib: number
  readonly serial: string
  readonly ports: readonly PortOptions[]
  /** A byte of the guest's console. */
  readonly said: (byte: number) => void
  /** The guest has ended; it is heard once. */
  readonly ended: (end: GuestEnd) => void
  readonly diskFailed: (error: unknown) => void
}

export class EmulatedMachine {
  readonly #emulator: Emulator
  readonly #disk: VirtioBlk
  readonly #serial: VirtioSerial
  #isOver = false

  private constructor(emulator: Emulator, options: MachineOptions) {
    const { cpu } = emulator.v86
    emptyUnusedRegisters(cpu)
    this.#emulator = emulator
    this.#disk = new VirtioBlk(cpu, { serial: options.serial, failed: options.diskFailed })
    this.#serial = new VirtioSerial(cpu, options.ports)
    emulator.add_listener('serial0-output-byte', options.said)
    const end = (how: GuestEnd): void => {
      if (this.#isOver) return
      this.#isOver = true
      void emulator.stop()
      options.ended(how)
    }
    // Without ACPI a Linux that powers off halts with interrupts off.
    emulator.add_listener('cpu-event-halt', () => end('shutdown'))
    cpu.reboot_internal = () => end('reset')
  }

  /** `engine_unavailable` where the emulator is not the one this was written for. */
  static async create(options: MachineOptions): Promise<EmulatedMachine> {
    const { module, files } = options
    const emulator = await createEmulator({
      wasm_fn: async (imports) => (await WebAssembly.instantiate(module, imports)).exports,
      bios: { buffer: files.firmware },
      ...(files.kernel && { bzimage: { buffer: files.kernel } }),
      ...(files.initrd && { initrd: { buffer: files.initrd } }),
      cmdline: files.commandLine,
      memory_size: options.memoryMib * 2 ** 20,
      vga_memory_size: 2 ** 20,
      net_device: { type: 'virtio' },
      virtio_console: true,
      disable_keyboard: true,
      disable_mouse: true,
      disable_speaker: true,
      autostart: false,
    })
    const missing = missingNames(emulator)
    if (missing.length > 0) {
      throw new BoxLiteError('engine_unavailable', `This version of the package v86 is not ${V86_VERSION}: it has no ${missing.join(', ')}`, {
        remedy: `Install v86 ${V86_VERSION}, the version that this package asks for.`,
        facts: { expected: V86_VERSION, missing },
      })
    }
    return new EmulatedMachine(emulator, options)
  }

  get ports(): readonly SerialPort[] {
    return this.#serial.ports
  }

  get isRunning(): boolean {
    return this.#emulator.is_running()
  }

  /** The disk, before the machine runs. */
  attach(disk: BlockBackend): void {
    this.#disk.attach(disk)
  }

  /** Nothing for one that has ended. */
  async run(): Promise<void> {
    if (!this.#isOver) await this.#emulator.run()
  }

  async pause(): Promise<void> {
    if (!this.isRunning) return
    const stopped = this.#emulator.stop()
    // An idle processor would look up at its next timer alone, which may be 55 ms away.
    this.#emulator.v86.next_tick(0)
    await stopped
  }

  /** Resolves when the disk has nothing to do; the machine is paused. */
  drain(): Promise<void> {
    return this.#disk.drain()
  }

  /**
   * Memory, processor and devices of the paused machine, without its disk. Whoever restores it has to set the guest's
   * clock, which stands where it stood, and to stir its random numbers, which would be the same each time.
   */
  async save(): Promise<ArrayBuffer> {
    await this.drain()
    return this.#emulator.save_state()
  }

  /** Takes a state that a machine with the same options saved; before it runs. */
  async restore(state: ArrayBuffer): Promise<void> {
    try {
      await this.#emulator.restore_state(state)
    } catch (cause) {
      throw new BoxLiteError('corrupt', 'The saved machine is not one of this version of the emulator, or not of these options', { cause })
    }
    this.#serial.reconnect()
  }
}
