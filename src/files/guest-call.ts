// One request about files: a stream to the agent that is opened, worked with, and over.

import { aborted, unlessAborted } from '../aborted.ts'
import { StreamOver, type AgentStream } from '../agent/agent-stream.ts'
import { guestError } from '../agent/errno.ts'
import type { Field, Fields } from '../agent/fields.ts'
import type { ByteSource } from '../byte-source.ts'
import type { Connect } from '../connect.ts'

export interface GuestCall {
  readonly kind: number
  readonly fields: readonly Field[]
  /** What is tried, as a clause that begins a sentence: "Reading '/etc/x' in the box". */
  readonly what: string
  readonly path: string
  readonly signal?: AbortSignal | undefined
}

/** Makes a call that says only whether it worked. */
export async function ask(connect: Connect, call: GuestCall): Promise<Fields> {
  const { answer, leave } = await begin(connect, call)
  try {
    return await answer()
  } finally {
    leave()
  }
}

/** What a call gives, as it comes. Leaving it ends the call. */
export async function* receive(connect: Connect, call: GuestCall): AsyncGenerator<Uint8Array, void, undefined> {
  const { stream, answer, leave } = await begin(connect, call)
  try {
    for (let bytes = await stream.output.read(); bytes !== null; bytes = await stream.output.read()) yield bytes
    await answer()
  } finally {
    leave()
  }
}

/** Makes a call that takes in all of `source`. */
export async function send(connect: Connect, call: GuestCall, source: ByteSource): Promise<Fields> {
  try {
    const { stream, answer, leave } = await begin(connect, call)
    try {
      // The answer may come first: nobody waits then for a source that has nothing to give.
      await Promise.race([pump(source, stream), stream.done])
      return await answer()
    } finally {
      leave()
    }
  } finally {
    source.stop()
  }
}

interface Begun {
  readonly stream: AgentStream
  /** The agent's answer; its refusal as an error that names the path. */
  answer(): Promise<Fields>
  /** Ends what is not over. */
  leave(): void
}

async function begin(connect: Connect, call: GuestCall): Promise<Begun> {
  const { kind, fields, signal } = call
  const session = await unlessAborted(connect({ signal }), signal)
  const stream = await session.openStream(kind, fields, signal === undefined ? {} : { signal })
  const abort = (): void => stream.cancel()
  signal?.addEventListener('abort', abort)
  return {
    stream,
    async answer() {
      const { errno, fields: result } = await stream.done
      if (signal?.aborted === true) throw aborted(signal)
      if (errno !== 0) throw refusal(errno, call, result)
      return result
    },
    leave() {
      signal?.removeEventListener('abort', abort)
      stream.cancel()
    },
  }
}

async function pump(source: ByteSource, { input }: AgentStream): Promise<void> {
  try {
    for (let bytes = await source.next(); bytes !== null; bytes = await source.next()) await input.write(bytes)
    await input.end()
  } catch (error) {
    // The answer, which came before all was sent, says why.
    if (!(error instanceof StreamOver)) throw error
  }
}

function refusal(errno: number, { what, path }: GuestCall, fields: Fields): Error {
  const entry = fields.text(2)
  return guestError(errno, entry === undefined ? what : `${what}, at '${entry}'`, { path, ...(entry === undefined ? {} : { entry }) })
}
