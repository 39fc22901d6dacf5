// What a machine's thread and its owner say to each other. The owner calls, and each call is answered; bytes of the
// agent's channel go both ways under a window, so that neither side queues more than that; the thread tells on its own
// account what the console says and how the machine ends.

import { agentPort } from '../../src/engine.ts'
import type { BootFiles, GuestEnd } from './emulated-machine.ts'
import type { ErrorMessage } from './error-message.ts'

/** Most bytes of a channel that are on their way in one direction. */
export const CHANNEL_WINDOW_BYTES = 2 ** 20
/** Most bytes of the console that are on their way; what it says while the owner has no time for more is left out. */
export const CONSOLE_WINDOW_BYTES = 2 ** 18

/**
 * The owner's way to the agent, and the only one: nobody comes to a machine from outside of its program. Its driver lays out so many
 * buffers of 4 KiB for what comes to it.
 */
export const AGENT_PORT = { name: agentPort(0), buffers: 64 } as const

/** What a machine's thread is told first. */
export interface Preparation {
  readonly module: WebAssembly.Module
  readonly files: BootFiles
  readonly memoryMib: number
  /** What the guest reads as its disk's serial number; at most 20 characters count. */
  readonly serial: string
  /** A state to go on from, instead of booting. */
  readonly state?: ArrayBuffer
}

/** Where a machine's disk is. */
export interface DiskPlace {
  /** The store's location. */
  readonly home: string
  /** File names in `layers/`, from the top, which is written, to the base. */
  readonly layers: readonly string[]
}

/** The calls: what each is given, and what it answers. */
export interface Calls {
  prepare: { given: Preparation; answer: undefined }
  /** Opens the disk and lets the machine run; null: a machine without a disk. */
  launch: { given: DiskPlace | null; answer: undefined }
  pause: { given: undefined; answer: undefined }
  resume: { given: undefined; answer: undefined }
  drain: { given: undefined; answer: undefined }
  flush: { given: undefined; answer: undefined }
  /** A file name in `layers/`. */
  switchTo: { given: string; answer: undefined }
  status: { given: undefined; answer: { readonly state: 'running' | 'paused'; readonly open: string } }
  /** The state of the paused machine. */
  save: { given: undefined; answer: ArrayBuffer }
}

export type CallName = keyof Calls

/** `session` counts the openings of the channel: what belongs to an earlier one is thrown away. */
export type ToThread =
  | { [Name in CallName]: { readonly kind: 'call'; readonly id: number; readonly name: Name; readonly given: Calls[Name]['given'] } }[CallName]
  | { readonly kind: 'open' | 'close'; readonly session: number }
  | { readonly kind: 'bytes'; readonly session: number; readonly bytes: Uint8Array }
  /** So many bytes of the channel were taken: the sender may send as many more. */
  | { readonly kind: 'taken'; readonly session: number; readonly count: number }
  /** So many bytes of the console were taken. */
  | { readonly kind: 'heard'; readonly count: number }

export type FromThread =
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Calls[CallName]['answer'] }
  | { readonly kind: 'failure'; readonly id: number; readonly error: ErrorMessage }
  | { readonly kind: 'bytes'; readonly session: number; readonly bytes: Uint8Array }
  | { readonly kind: 'taken'; readonly session: number; readonly count: number }
  | { readonly kind: 'console'; readonly bytes: Uint8Array }
  /** The disk could not do what the guest asked for, and the guest was told. */
  | { readonly kind: 'diskFailed'; readonly error: ErrorMessage }
  /** The sync of a layer failed: what the kernel has of it is not to be trusted any more. */
  | { readonly kind: 'syncFailed'; readonly layer: string; readonly error: ErrorMessage }
  /** The guest has ended, and its disk is closed, or could not be closed. */
  | { readonly kind: 'ended'; readonly end: GuestEnd; readonly error: ErrorMessage | null }
  /** The emulator failed. */
  | { readonly kind: 'crashed'; readonly detail: string }

/** One end of a pair of message ports. */
export interface Endpoint<In, Out> {
  /** Sends a message; the buffers of `transfer` go with it and are gone here. */
  post(message: Out, transfer?: readonly ArrayBuffer[]): void
  /** Sets who gets what comes; messages that came before are not lost. */
  receive(receiver: (message: In) => void): void
}
