// An output as a stream.

import type { Encoding } from './encoding.ts'
import { Handoff } from './handoff.ts'
import type { Output } from './output.ts'

/** The stream of an output from its beginning. Cancelling it drops the rest; the command goes on. */
export function outputStream<T>(output: Output, encoding: Encoding<T>): ReadableStream<T> {
  const handoff = new Handoff<Uint8Array>()
  output.attach(handoff)
  const decoder = encoding.decoder()
  return new ReadableStream<T>(
    {
      async pull(controller) {
        for (;;) {
          const bytes = await handoff.take()
          const decoded = bytes === null ? decoder.finish() : decoder.push(bytes)
          if (decoded !== null) controller.enqueue(decoded)
          if (bytes === null) controller.close()
          if (bytes === null || decoded !== null) return
        }
      },
      cancel: () => handoff.release(),
    },
    // Nothing is taken before somebody reads.
    { highWaterMark: 0 },
  )
}
