// What runs a box: an engine makes machines, a machine is one running virtual computer.
//
// Every method rejects with a `BoxLiteError` and is bounded in time. What an engine cannot do is absent from its
// capabilities and rejects with `unsupported`.

import type { Store } from './host.ts'
import type { MachineRecord } from './operation/record.ts'

/** The engines there are. */
export type EngineName = 'qemu' | 'v86'

/**
 * The ways to a guest's agent, each a serial port `org.boxlite.agent.N` of the machine and a session of its own. Port 0 is the
 * owner's: of whoever holds the box's lock. The others are for those who come to a detached machine and own nothing.
 */
export const VISITOR_PORTS = 3

/** The name that the guest finds a port by. */
export function agentPort(port: number): string {
  return `org.boxlite.agent.${port}`
}

/** Who executes the guest's instructions. `jit`: v86's translation to WebAssembly. */
export type Accelerator = 'kvm' | 'hvf' | 'tcg' | 'jit'

export interface EngineCapabilities {
  /** Most virtual processors of one machine. */
  readonly maxCpus: number
  readonly minMemoryMib: number
  readonly maxMemoryMib: number
  /** Whether a machine can outlive the program that started it. */
  readonly detach: boolean
  /** Whether the disk of a running machine can be switched to a new top layer. */
  readonly liveSnapshot: boolean
}

/** What was tried and does not work here. */
export interface EngineRefusal {
  readonly engine: EngineName
  readonly accelerator: Accelerator | null
  /** One sentence: why not. */
  readonly reason: string
  /** One sentence: what to do about it, or null where nothing helps. */
  readonly remedy: string | null
}

/** Something that stands between a guest which broke out of its machine and the host. */
export interface EngineProtection {
  readonly name: 'no-network' | 'resource-limits' | 'system-call-filter' | 'no-new-privileges' | 'ends-with-owner' | 'private-file-system'
  readonly active: boolean
  /** One sentence: how, or why not. */
  readonly detail: string
}

/** What an engine can do on this machine, found by trying. */
export interface EngineStatus {
  readonly engine: EngineName
  /** The one it would use; null: the engine does not work here, `refused` says why. */
  readonly accelerator: Accelerator | null
  /** Version of the program or package behind it, where it was found. */
  readonly version: string | null
  /** Better accelerators that were not taken. */
  readonly refused: readonly EngineRefusal[]
  readonly protections: readonly EngineProtection[]
  readonly capabilities: EngineCapabilities
}

/** The guest's files, as the platform hands them to its engines: what `guest.json` names. */
export interface GuestFiles {
  /** Directory or URL they are under; for messages. */
  readonly location: string
  readonly kernel: string
  readonly initrd: string
  readonly firmware: string
  /** What the kernel is told, without the engine's own words. */
  readonly commandLine: string
}

/** A machine to be. */
export interface MachineSpec {
  readonly boxId: string
  /** Where the layers are. The machine opens them itself; the caller holds the box. */
  readonly store: Store
  /** The disk: file names in `layers/` from the top, which is written, to the base; formats by their extension. */
  readonly disk: readonly string[]
  readonly cpus: number
  readonly memoryMib: number
  readonly guest: GuestFiles
  /** The machine goes on when this program ends. */
  readonly detach: boolean
}

/** A machine that may not open its disk yet: its identity has to be in the box's record first. */
export interface PreparedMachine {
  /** `nonce` begins with the engine's name and the accelerator's, each with a minus sign after it. */
  readonly identity: MachineRecord
  /** Lets it go: resolves when it runs. A failed start carries the console's last lines as the fact `console`. */
  launch(): Promise<Machine>
  /** Ends it without a trace. */
  abandon(): Promise<void>
}

/** Why a machine ended. */
export interface MachineExit {
  /** `shutdown`: the guest powered off. `reset`: it rebooted. `killed`: by `kill`. `crashed`: the engine failed. */
  readonly reason: 'shutdown' | 'reset' | 'killed' | 'crashed'
  /** One sentence. */
  readonly detail: string
  /** The last lines of the guest's console. */
  readonly console: string
}

/** A stream of bytes to the guest agent. Frames, credits and sessions are the agent client's (src/agent/). */
export interface ByteChannel {
  /** Resolves when the channel took all of it and is ready for more; rejects with `io` when it is closed. */
  write(bytes: Uint8Array): Promise<void>
  /** Sets who gets each chunk, which is then the receiver's own. Chunks that came before are given at once. */
  receive(receiver: (bytes: Uint8Array) => void): void
  /** Resolves when the other side is gone, or `close` was called. */
  readonly closed: Promise<void>
  close(): Promise<void>
}

/** One running machine. It ends with the program unless it was detached. */
export interface Machine {
  readonly engine: EngineName
  readonly accelerator: Accelerator
  readonly identity: MachineRecord
  /** Resolves, and never rejects, when the machine has ended and its disk is closed. */
  readonly exit: Promise<MachineExit>
  /** Opens the owner's channel to the agent; one at a time. `fresh`: nothing was ever said on it. */
  openAgent(): Promise<{ readonly channel: ByteChannel; readonly fresh: boolean }>
  /** What the guest's console said, oldest first, as far as it is kept; with `follow` also what it says until the machine ends. */
  console(options?: { readonly follow?: boolean }): AsyncIterable<Uint8Array>
  /** Stops the processors. Nothing for a paused one. */
  pause(): Promise<void>
  /** Lets them run. Nothing for a running one. */
  resume(): Promise<void>
  /** Resolves when no request of the paused guest is in flight. */
  drain(): Promise<void>
  /** Hands every acknowledged write to the top layer's file and makes it durable. */
  flush(): Promise<void>
  /** May open `layer` ahead of the switch to it, for which the guest stands still. */
  expect?(layer: string): Promise<void>
  /** Writes go to `layer` from now on: an empty overlay on what is on top now. The machine is paused. */
  switchTo(layer: string): Promise<void>
  /** What it has open on top, and whether it is paused. */
  status(): Promise<{ readonly state: 'running' | 'paused'; readonly open: string }>
  /** Ends it at once; resolves when its end is proven. */
  kill(): Promise<void>
  /** Lets go of a detached machine, which goes on. */
  release(): Promise<void>
}

/** Makes machines. */
export interface Engine {
  readonly name: EngineName
  /** Finds out what works here, by trying; later calls answer from memory. */
  probe(): Promise<EngineStatus>
  /** `unsupported` for a spec beyond the capabilities, `engine_unavailable` where the engine does not work. */
  prepare(spec: MachineSpec): Promise<PreparedMachine>
  /**
   * The machine that a record names, taken over: null when it is proven to be gone. `timeout` when it lives, or may live, and
   * gives no answer.
   */
  find(boxId: string, store: Store, identity: MachineRecord): Promise<Machine | null>
  /** Whether the machine that a record names lives; nothing is asked of it. */
  lives(identity: MachineRecord): Promise<boolean>
  /**
   * Opens a way to the agent of a detached machine for somebody who does not own it: `port`, from 1 on, is the caller's alone. Null
   * when the machine is gone, `timeout` when it does not listen.
   */
  visit(boxId: string, store: Store, identity: MachineRecord, port: number): Promise<ByteChannel | null>
  /** Ends the machine that a record names, whether it answers or not; resolves when its end is proven. */
  end(boxId: string, store: Store, identity: MachineRecord): Promise<void>
}
