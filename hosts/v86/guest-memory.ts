// The guest's memory, as a device sees it. Nothing a guest says about an address is believed: every access is inside,
// or it is a `GuestFault`.

import type { Processor } from './emulator.ts'

/** The guest's driver broke a rule: its device stops until it is reset. */
export class GuestFault extends Error {
  override readonly name = 'GuestFault'
}

export class GuestMemory {
  readonly #cpu: Processor
  readonly #start: number
  readonly sizeBytes: number
  #view: DataView
  #bytes: Uint8Array

  constructor(cpu: Processor) {
    this.#cpu = cpu
    this.#start = cpu.mem8.byteOffset
    this.sizeBytes = cpu.mem8.length
    this.#bytes = new Uint8Array(cpu.wasm_memory.buffer, this.#start, this.sizeBytes)
    this.#view = new DataView(cpu.wasm_memory.buffer, this.#start, this.sizeBytes)
  }

  u16(address: number): number {
    this.check(address, 2)
    return this.#now().getUint16(address, true)
  }

  u32(address: number): number {
    this.check(address, 4)
    return this.#now().getUint32(address, true)
  }

  setU16(address: number, value: number): void {
    this.check(address, 2)
    this.#now().setUint16(address, value, true)
  }

  setU32(address: number, value: number): void {
    this.check(address, 4)
    this.#now().setUint32(address, value, true)
  }

  /** Fills `target`. */
  read(address: number, target: Uint8Array): void {
    this.check(address, target.length)
    this.#now()
    target.set(this.#bytes.subarray(address, address + target.length))
  }

  write(address: number, source: Uint8Array): void {
    if (source.length === 0) return
    this.check(address, source.length)
    this.#now()
    this.#bytes.set(source, address)
    // What the guest's memory held may have been translated code.
    this.#cpu.jit_dirty_cache(address, address + source.length)
  }

  /** Refuses a range that is not inside the memory. */
  check(address: number, length: number): void {
    if (address + length > this.sizeBytes) throw new GuestFault(`${length} bytes at ${address} are not in the guest's memory`)
  }

  /** A view of the memory where it is now: it moves when the emulator takes more. */
  #now(): DataView {
    const { buffer } = this.#cpu.wasm_memory
    if (this.#view.buffer !== buffer) {
      this.#bytes = new Uint8Array(buffer, this.#start, this.sizeBytes)
      this.#view = new DataView(buffer, this.#start, this.sizeBytes)
    }
    return this.#view
  }
}
