// The form in which a caller wants output: text, decoded across the borders of chunks, or the bytes themselves.

import type { KeptBytes } from '../kept-bytes.ts'

/** Turns one output, chunk by chunk, into what the caller wants; null where there is nothing yet. */
export interface Decoder<T> {
  push(bytes: Uint8Array): T | null
  finish(): T | null
}

export interface Encoding<T> {
  decoder(): Decoder<T>
  whole(kept: KeptBytes): T
}

export const textEncoding: Encoding<string> = {
  decoder() {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    return {
      push: (bytes) => decoder.decode(bytes, { stream: true }) || null,
      finish: () => decoder.decode() || null,
    }
  },
  whole: (kept) => kept.text(),
}

export const byteEncoding: Encoding<Uint8Array> = {
  decoder: () => ({ push: (bytes) => bytes, finish: () => null }),
  whole: (kept) => kept.bytes(),
}
