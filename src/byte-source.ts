// Bytes that a caller gives, in any of the forms that both platforms have, as chunks to be pulled.

import { BoxLiteError } from './error.ts'

/** Text, which is sent as UTF-8, or bytes; whole or in pieces. */
export type ByteInput = string | Uint8Array | AsyncIterable<string | Uint8Array> | ReadableStream<string | Uint8Array>

/** Chunks to be pulled one after the other. */
export interface ByteSource {
  /** The next chunk, or null at the end. Rejects with what the caller's source fails with. */
  next(): Promise<Uint8Array | null>
  /** Nothing more is wanted. Does not wait for a source that is in the middle of giving. */
  stop(): void
}

export function byteSource(input: ByteInput): ByteSource {
  if (typeof input === 'string' || input instanceof Uint8Array) return wholeSource(input)
  return 'getReader' in input ? streamSource(input) : iterableSource(input)
}

/** The chunks of a source, which is stopped when nobody wants more of them. */
export async function* chunksOf(source: ByteSource): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) yield chunk
  } finally {
    source.stop()
  }
}

/** UTF-8 of a text; bytes as they are. */
export function toBytes(chunk: string | Uint8Array): Uint8Array {
  if (typeof chunk === 'string') return new TextEncoder().encode(chunk)
  if (chunk instanceof Uint8Array) return chunk
  throw new BoxLiteError('invalid_argument', 'A chunk is neither text nor bytes', { remedy: 'Give strings or Uint8Arrays.' })
}

function wholeSource(input: string | Uint8Array): ByteSource {
  let rest: Uint8Array | null = toBytes(input)
  return {
    next() {
      const bytes = rest
      rest = null
      return Promise.resolve(bytes)
    },
    stop() {
      rest = null
    },
  }
}

function streamSource(stream: ReadableStream<string | Uint8Array>): ByteSource {
  const reader = stream.getReader()
  return {
    async next() {
      const { done, value } = await reader.read()
      return done ? null : toBytes(value)
    },
    stop() {
      // The reader's owner is told; that it may fail to stop is nothing to whom wants no more of it.
      reader.cancel().catch(() => {})
    },
  }
}

function iterableSource(iterable: AsyncIterable<string | Uint8Array>): ByteSource {
  const iterator = iterable[Symbol.asyncIterator]()
  return {
    async next() {
      const { done, value } = await iterator.next()
      return done === true ? null : toBytes(value)
    },
    stop() {
      iterator.return?.().catch(() => {})
    },
  }
}
