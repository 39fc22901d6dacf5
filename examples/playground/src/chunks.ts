/** A stream's chunks, until `signal` calls it off; not every browser can iterate a stream by itself. */
export async function* chunksOf(stream: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = stream.getReader()
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      signal.throwIfAborted()
      yield next.value
    }
  } finally {
    // Whoever leaves early wants no more of it.
    await reader.cancel()
  }
}
