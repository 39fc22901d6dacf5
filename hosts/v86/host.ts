// What the v86 engine needs of its platform: Node with worker_threads, or a page with Web Workers.

import type { Held, Store } from '../../src/host.ts'
import type { MachineRecord } from '../../src/operation/record.ts'
import type { Endpoint, FromThread, ToThread } from './protocol.ts'

/** A thread that serves one machine (serve-machine.ts). */
export interface MachineThread {
  readonly endpoint: Endpoint<FromThread, ToThread>
  /** Resolves when it has ended; with what ended it, or null. */
  readonly ended: Promise<Error | null>
  /** Ends it at once; resolves when it has ended. */
  terminate(): Promise<void>
}

/** The emulator's code. */
export interface EmulatorCode {
  /** Version of the package it is from. */
  readonly version: string
  /** v86.wasm. */
  readonly module: WebAssembly.Module
}

export interface V86Host {
  /** Loads the emulator; rejects with `engine_unavailable` where there is none. */
  load(): Promise<EmulatorCode>
  startThread(): MachineThread
  /** A file of the guest, by the name that `GuestFiles` gives it; a buffer of the caller's own. */
  readFile(name: string): Promise<ArrayBuffer>
  /** The record of a machine of this program. */
  identify(nonce: string): Promise<MachineRecord>
  /** 32 random lower-case hex digits. */
  newNonce(): string
  /** Takes a machine's sign of life: it is gone when this program is. Null: someone has it. */
  takeLatch(nonce: string): Promise<Pick<Held, 'release'> | null>
  /** Whether the machine of this nonce lives, in this program or another. */
  isLatched(nonce: string): Promise<boolean>
  /** Begins to keep what the console of a box says, for other programs to read. Absent where none could. */
  keepConsole?(store: Store, boxId: string): Promise<(bytes: Uint8Array) => void>
  /** What the thread finds the store's layers by, to work with those of one box. */
  locate(store: Store, boxId: string): string
}
