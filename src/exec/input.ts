// The standard input of a command: what the caller gave with the call, or a stream that the caller took from the handle.

import { StreamOver, type AgentStream } from '../agent/agent-stream.ts'
import { deferred, type Deferred } from '../deferred.ts'
import { byteSource, toBytes, type ByteSource } from '../byte-source.ts'
import { BoxLiteError } from '../error.ts'
import type { ExecInput } from './exec-options.ts'

export class Input {
  readonly #given: ExecInput | undefined
  readonly #stream: Deferred<AgentStream> = deferred()
  #writable: WritableStream<string | Uint8Array> | null = null
  #controller: WritableStreamDefaultController | null = null
  #source: ByteSource | null = null
  #decided = false
  #over = false

  constructor(given: ExecInput | undefined) {
    this.#given = given
  }

  /** Decides, when the command is sent, whether it has an input. */
  decide(): boolean {
    this.#decided = true
    return this.#given !== undefined || this.#writable !== null
  }

  /** The stream to write to. `invalid_state` when the input was given with the call, or it is too late to have one. */
  writable(always: boolean): WritableStream<string | Uint8Array> {
    if (this.#writable !== null) return this.#writable
    if (this.#given !== undefined) throw notThere('The input was given with the call', 'Leave out the option stdin to write to it.')
    if (this.#decided && !always) {
      throw notThere('The command was started without an input', 'Take stdin in the same turn as the call of exec, before the next await.')
    }
    this.#writable = new WritableStream<string | Uint8Array>({
      start: (controller) => {
        this.#controller = controller
      },
      write: async (chunk) => {
        const stream = await this.#stream.promise
        await untilOver(stream.input.write(toBytes(chunk)))
      },
      close: async () => {
        const stream = await this.#stream.promise
        await untilOver(stream.input.end())
      },
      abort: async () => {
        const stream = await this.#stream.promise
        await untilOver(stream.input.end())
      },
    })
    return this.#writable
  }

  /** The command runs: sends what was given. Rejects with what the caller's source fails with. */
  async feed(stream: AgentStream): Promise<void> {
    this.#stream.resolve(stream)
    if (this.#given === undefined) return
    try {
      const source = byteSource(this.#given)
      this.#source = source
      for (let bytes = await source.next(); bytes !== null; bytes = await source.next()) await stream.input.write(bytes)
      await stream.input.end()
    } catch (error) {
      // A command may end without having read everything, as `head` does.
      if (!this.#over && !(error instanceof StreamOver)) throw error
    }
  }

  /** The command is over and takes nothing more. */
  close(reason: unknown = over()): void {
    this.#over = true
    this.#source?.stop()
    this.#stream.reject(reason)
    this.#controller?.error(reason)
  }
}

async function untilOver(sent: Promise<void>): Promise<void> {
  try {
    await sent
  } catch (error) {
    throw error instanceof StreamOver ? over() : error
  }
}

function over(): BoxLiteError {
  return new BoxLiteError('invalid_state', 'The command has ended and takes no more input', { facts: { errno: 'EPIPE' } })
}

function notThere(message: string, remedy: string): BoxLiteError {
  return new BoxLiteError('invalid_state', message, { remedy })
}
