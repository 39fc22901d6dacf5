// Everything that goes to the agent, through one writer: short frames first, then the streams' bytes, in turn, one frame each.

import type { ByteChannel } from '../engine.ts'
import { FRAME_OVERHEAD_BYTES, putFrame } from './frame.ts'
import { FrameType, Protocol } from './protocol.ts'
import type { SendChannel } from './send-channel.ts'

/** One write to the channel gathers frames until it holds so many bytes. */
const BATCH_BYTES = 2 * Protocol.MAX_PAYLOAD_BYTES

const NOTHING = new Uint8Array(0)
/** The channel that END names. */
const INPUT = new Uint8Array([0])

interface Frame {
  readonly type: number
  readonly stream: number
  readonly payload: Uint8Array
}

export class Outbox {
  readonly #channel: ByteChannel
  readonly #failed: (error: unknown) => void
  #control: Frame[] = []
  /** Streams that may have something to take, the next one first. */
  readonly #turns = new Map<number, SendChannel>()
  #running = false
  #closed = false

  /** `failed` is told, once, when the channel takes nothing more. */
  constructor(channel: ByteChannel, failed: (error: unknown) => void) {
    this.#channel = channel
    this.#failed = failed
  }

  /** Sends a short frame before any bytes that wait. */
  post(type: number, stream: number, payload: Uint8Array = NOTHING): void {
    if (this.#closed) return
    this.#control.push({ type, stream, payload })
    this.#start()
  }

  /** Gives a stream its turn, if it has none yet. */
  wake(stream: number, source: SendChannel): void {
    if (this.#closed) return
    this.#turns.set(stream, source)
    this.#start()
  }

  /** Forgets what waits. */
  close(): void {
    this.#closed = true
    this.#control = []
    this.#turns.clear()
  }

  // In a microtask, so that what is posted in one go is written in one go.
  #start(): void {
    if (this.#running) return
    this.#running = true
    queueMicrotask(() => void this.#run())
  }

  async #run(): Promise<void> {
    try {
      for (let batch = this.#nextBatch(); batch !== null; batch = this.#nextBatch()) await this.#channel.write(batch)
      this.#running = false
    } catch (error) {
      this.#closed = true
      this.#failed(error)
    }
  }

  #nextBatch(): Uint8Array | null {
    const frames = this.#control
    this.#control = []
    let length = frames.reduce((sum, { payload }) => sum + payload.length + FRAME_OVERHEAD_BYTES, 0)
    for (const [stream, source] of this.#turns) {
      if (length >= BATCH_BYTES) break
      this.#turns.delete(stream)
      const taken = source.take(Protocol.MAX_PAYLOAD_BYTES)
      if (taken === null) continue
      const payload = taken === 'end' ? INPUT : taken
      frames.push({ type: taken === 'end' ? FrameType.END : FrameType.DATA0, stream, payload })
      length += payload.length + FRAME_OVERHEAD_BYTES
      // Behind the others: this very loop comes back to it.
      if (taken !== 'end') this.#turns.set(stream, source)
    }
    if (frames.length === 0) return null
    const batch = new Uint8Array(length)
    let at = 0
    for (const { type, stream, payload } of frames) at += putFrame(batch.subarray(at), type, stream, payload)
    return batch
  }
}
