// The agent's short questions, each one stream: what a box's life needs beside executions and files.

import { guestError } from './errno.ts'
import { textField, u32Field, u64Field, type Field, type Fields } from './fields.ts'
import type { AgentStream, StreamOptions } from './agent-stream.ts'
import { StreamKind } from './protocol.ts'
import { within } from './within.ts'

export interface CallOptions {
  /** How long the agent may take. */
  readonly timeoutMs?: number
}

/** What the guest says of itself. */
export interface GuestMetrics {
  readonly memoryTotalBytes: number
  readonly memoryAvailableBytes: number
  readonly uptimeMs: number
  /** Processes that ran or waited to, on average over the last minute. */
  readonly load1: number
  readonly diskTotalBytes: number
  readonly diskFreeBytes: number
  readonly processCount: number
}

const CALL_TIMEOUT_MS = 10_000
const MAX_ENTROPY_BYTES = 512

export abstract class AgentCalls {
  abstract openStream(kind: number, fields: readonly Field[], options?: StreamOptions): Promise<AgentStream>

  /** Freezes every writable file system that a disk carries; how many. The agent thaws by itself after 10 s. */
  async freeze(options: CallOptions = {}): Promise<number> {
    return (await this.#call(StreamKind.FREEZE, 'freezing the file systems', [], options)).u32(1)
  }

  /** Thaws what `freeze` froze; whether it was frozen until now. */
  async thaw(options: CallOptions = {}): Promise<boolean> {
    return (await this.#call(StreamKind.THAW, 'thawing the file systems', [], options)).u8(1) === 1
  }

  /** Sets the guest's clock, in nanoseconds since 1970. */
  async setClock(nanoseconds: bigint, options: CallOptions = {}): Promise<void> {
    await this.#call(StreamKind.SET_CLOCK, 'setting the clock', [u64Field(1, nanoseconds)], options)
  }

  /** Gives random bytes, at most 512, to the guest's pool and makes it draw anew from them. */
  async addEntropy(bytes: Uint8Array, options: CallOptions = {}): Promise<void> {
    await this.#call(StreamKind.ADD_ENTROPY, 'adding entropy', [{ tag: 1, value: bytes.subarray(0, MAX_ENTROPY_BYTES) }], options)
  }

  async setHostname(name: string, options: CallOptions = {}): Promise<void> {
    await this.#call(StreamKind.SET_HOSTNAME, 'setting the host name', [textField(1, name)], options)
  }

  /** Begins an orderly shut-down: processes get `graceMs` to end. The machine's end is the proof. */
  async shutDown(graceMs: number, options: CallOptions = {}): Promise<void> {
    await this.#call(StreamKind.SHUT_DOWN, 'shutting down', [u32Field(1, graceMs)], options)
  }

  async metrics(options: CallOptions = {}): Promise<GuestMetrics> {
    const fields = await this.#call(StreamKind.METRICS, 'asking for metrics', [], options)
    return {
      memoryTotalBytes: Number(fields.u64(1)),
      memoryAvailableBytes: Number(fields.u64(2)),
      uptimeMs: Number(fields.u64(3)),
      load1: fields.u32(4) / 100,
      diskTotalBytes: Number(fields.u64(5)),
      diskFreeBytes: Number(fields.u64(6)),
      processCount: fields.u32(7),
    }
  }

  async #call(kind: number, what: string, fields: readonly Field[], { timeoutMs = CALL_TIMEOUT_MS }: CallOptions): Promise<Fields> {
    const answer = this.openStream(kind, fields, { reserved: true }).then((stream) => stream.done)
    const { errno, fields: result } = await within(timeoutMs, 'The agent of the box', answer)
    if (errno !== 0) throw guestError(errno, `${what} in the box`)
    return result
  }
}
