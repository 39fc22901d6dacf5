// One output of a running command. Its beginning is kept for the result; all of it goes to whoever reads it as it comes, at the
// reader's pace.

import type { ReceiveChannel } from '../agent/receive-channel.ts'
import { BoxLiteError } from '../error.ts'
import { KeptBytes } from '../kept-bytes.ts'

/** Where an output goes as it comes. `give` resolves when the next bytes are welcome. */
export interface OutputReader {
  give(bytes: Uint8Array): Promise<void>
  /** From now on `give` resolves at once. */
  hurry(): void
  end(): void
  fail(reason: unknown): void
}

export class Output {
  readonly #name: 'stdout' | 'stderr'
  readonly #kept: KeptBytes
  #reader: OutputReader | null = null
  #end: { readonly error: unknown } | 'ended' | null = null
  #hurried = false

  constructor(name: 'stdout' | 'stderr', limitBytes: number) {
    this.#name = name
    this.#kept = new KeptBytes(limitBytes)
  }

  get kept(): KeptBytes {
    return this.#kept
  }

  /** Gives the output to `reader`, from its beginning. `invalid_state` when somebody has it, or its beginning is gone. */
  attach(reader: OutputReader): void {
    if (this.#reader !== null) throw unavailable(`${this.#name} is being read already`, 'It has one reader: take the stream, or iterate, once.')
    if (this.#kept.overflowed) {
      throw unavailable(`The beginning of ${this.#name} was dropped`, 'Take the stream in the same turn as the call of exec.')
    }
    this.#reader = reader
    const before = this.#kept.bytes()
    if (before.length > 0) void reader.give(before)
    if (this.#hurried) reader.hurry()
    if (this.#end === 'ended') reader.end()
    else if (this.#end !== null) reader.fail(this.#end.error)
  }

  /** Passes on what comes until it ends. */
  async pump(source: ReceiveChannel): Promise<void> {
    for (let bytes = await source.read(); bytes !== null; bytes = await source.read()) {
      this.#kept.add(bytes)
      if (this.#reader !== null) await this.#reader.give(bytes)
    }
  }

  /** The command is over: what is left is passed on without waiting for the reader. It is less than a window. */
  hurry(): void {
    this.#hurried = true
    this.#reader?.hurry()
  }

  end(): void {
    this.#end ??= 'ended'
    this.#reader?.end()
  }

  fail(reason: unknown): void {
    this.#end ??= { error: reason }
    this.#reader?.fail(reason)
  }
}

function unavailable(message: string, remedy: string): BoxLiteError {
  return new BoxLiteError('invalid_state', message, { remedy })
}
