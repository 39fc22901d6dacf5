// Streams of what is pulled and pushed.

import { toBytes, type ByteSource } from '../byte-source.ts'
import { Handoff } from '../exec/handoff.ts'

/** A stream of what a generator yields, at the reader's pace. Cancelling it ends the generator. */
export function streamOf(generator: AsyncGenerator<Uint8Array, void, undefined>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await generator.next()
        if (done === true) controller.close()
        else controller.enqueue(value)
      },
      async cancel() {
        await generator.return()
      },
    },
    { highWaterMark: 0 },
  )
}

/** A stream whose writes become the source that `consume` pulls from. Closing it waits for `consume`, whose error it has. */
export function sinkOf(consume: (source: ByteSource) => Promise<unknown>): WritableStream<string | Uint8Array> {
  const handoff = new Handoff<Uint8Array>()
  const consumed = consume({ next: () => handoff.take(), stop: () => handoff.release() })
  // The stream tells it: to whoever writes next, or closes.
  consumed.catch(() => {})
  return new WritableStream<string | Uint8Array>({
    start: (controller) => {
      consumed.catch((error: unknown) => controller.error(error))
    },
    write: (chunk) => handoff.give(toBytes(chunk)),
    async close() {
      handoff.end()
      await consumed
    },
    async abort(reason) {
      handoff.fail(reason)
      // That it was ended in the middle is what the caller wanted.
      await consumed.catch(() => {})
    },
  })
}
