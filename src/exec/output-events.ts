// Both outputs and the end of a command as one sequence of events.

import type { Encoding } from './encoding.ts'
import type { ExecEvent, ExecExit } from './exec-options.ts'
import { Handoff } from './handoff.ts'
import type { Output, OutputReader } from './output.ts'

export interface Outputs {
  readonly stdout: Output
  readonly stderr: Output
}

/** The events of a command. Leaving the loop drops what follows; the command goes on. */
export function outputEvents<T extends string | Uint8Array>(
  outputs: Outputs,
  encoding: Encoding<T>,
  exit: Promise<ExecExit>,
): AsyncIterableIterator<ExecEvent<T>> {
  const handoff = new Handoff<ExecEvent<T>>()
  outputs.stdout.attach(eventReader('stdout', encoding, handoff))
  outputs.stderr.attach(eventReader('stderr', encoding, handoff))
  exit.then(
    ({ exitCode, signal, timedOut, truncated, durationMs }) => {
      void handoff.give({ kind: 'exit', exitCode, signal, timedOut, truncated, durationMs })
      handoff.end()
    },
    (reason: unknown) => handoff.fail(reason),
  )
  return {
    async next() {
      const value = await handoff.take()
      return value === null ? { done: true, value: undefined } : { done: false, value }
    },
    return() {
      handoff.release()
      return Promise.resolve({ done: true, value: undefined })
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

function eventReader<T extends string | Uint8Array>(
  kind: 'stdout' | 'stderr',
  encoding: Encoding<T>,
  handoff: Handoff<ExecEvent<T>>,
): OutputReader {
  const decoder = encoding.decoder()
  const give = (data: T | null): Promise<void> => (data === null ? Promise.resolve() : handoff.give({ kind, data }))
  return {
    give: (bytes) => give(decoder.push(bytes)),
    end: () => void give(decoder.finish()),
    hurry: () => handoff.hurry(),
    // The exit tells why.
    fail() {},
  }
}
