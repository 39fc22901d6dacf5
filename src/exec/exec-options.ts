// What an execution takes and gives.

import type { ByteInput } from '../byte-source.ts'
import type { StartProgress } from '../machine/launch.ts'

/** What a program reads. */
export type ExecInput = ByteInput

/** How much of each output is kept where the caller does not say. */
export const DEFAULT_OUTPUT_BYTES: number = 10 * 2 ** 20

/** Size of a terminal in characters. */
export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

/** What `box.exec` takes. */
export interface ExecOptions {
  /** Variables beside those of the box. */
  readonly env?: Readonly<Record<string, string>>
  /** Working directory; by default that of the box. */
  readonly cwd?: string
  /** `name`, `uid`, `name:group` or `uid:gid` of the box; root where neither this nor the box says otherwise. */
  readonly user?: string
  /** Standard input. Without it the input is empty, unless `stdin` of the execution is taken at once. */
  readonly stdin?: ExecInput
  /** Runs on a terminal; `true` is 80 x 24. All output is then `stdout`. */
  readonly tty?: boolean | TerminalSize
  /** Kills the command's process group so many milliseconds after it was sent to the guest; from 1 to 2^31 - 1. By default never. */
  readonly timeoutMs?: number
  /** Kills the command's process group; the execution rejects with `aborted`. Ends the start of a box that was started for it, too. */
  readonly signal?: AbortSignal | undefined
  /** Told how far the start of the box is, where it did not run. */
  readonly onProgress?: ((progress: StartProgress) => void) | undefined
  /** `utf8` (the default) gives text, `buffer` gives `Uint8Array`. */
  readonly encoding?: 'utf8' | 'buffer'
  /** How much of `stdout`, and of `stderr`, is kept for the result, in bytes; by default 10 MiB, at most 256 MiB. What follows is dropped. */
  readonly maxOutputBytes?: number
}

/** How an execution ended. */
export interface ExecExit {
  /** Null when a signal ended it, or its timeout. */
  readonly exitCode: number | null
  /** The signal that ended it, such as `SIGKILL`, or null. */
  readonly signal: string | null
  /** Whether `timeoutMs` ended it. */
  readonly timedOut: boolean
  /** Whether there was more output than `maxOutputBytes`. */
  readonly truncated: boolean
  /** From the command's way to the guest to its end, in milliseconds. */
  readonly durationMs: number
}

/** What an execution resolves with: how it ended, and the beginning of its output, up to `maxOutputBytes` of each. */
export interface ExecResult<T extends string | Uint8Array = string> extends ExecExit {
  readonly stdout: T
  readonly stderr: T
}

/** What iterating an execution yields. `exit` is the last. */
export type ExecEvent<T extends string | Uint8Array = string> =
  | { readonly kind: 'stdout' | 'stderr'; readonly data: T }
  | ({ readonly kind: 'exit' } & ExecExit)
